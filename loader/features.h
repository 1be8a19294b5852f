// SPDX-License-Identifier: MIT
// What the running kernel can do for xbond, found out by trying (never by version). A missing feature gets the next
// best; `xbond doctor` and the status print these names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::loader {

class HookKind; // loader/hook/hook.h

// How the data path sees a slave's carrier, best first.
enum class CarrierCheck { kfunc, probe_read, none };
std::string_view name(CarrierCheck c); // "kfunc", "probe_read", "none"

struct Features {
    std::vector<Feature> list;                 // everything that was tried, in a fixed order
    const HookKind *hook = nullptr;            // the best kind that this kernel has
    CarrierCheck carrier = CarrierCheck::none; // the best that loads
    bool bpf_timer = false;
    bool freplace = false;
    bool af_xdp = false;
};

// Loads tiny programs; needs CAP_BPF and CAP_NET_ADMIN. Fails only when BPF as such cannot be used.
Result<Features> detect_features();

} // namespace xbond::loader
