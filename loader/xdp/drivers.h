// SPDX-License-Identifier: MIT
// The one table that says which drivers get native XDP under `xdp auto`, with the reason.
#pragma once

#include <string_view>

namespace xbond::loader {

struct XdpDriverRule {
    std::string_view driver; // as ethtool -i prints it
    bool native;             // what `auto` does
    std::string_view reason;
};

// The rule of a driver; an unknown driver gets a rule with native = false and a reason that says so.
const XdpDriverRule &xdp_rule(std::string_view driver);

} // namespace xbond::loader
