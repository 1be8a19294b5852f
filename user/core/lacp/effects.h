// SPDX-License-Identifier: MIT
// What a call of System asks for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "user/core/wire/frame.h"
#include "xbond/types.h"

namespace xbond::lacp {

struct FrameToSend {
    SlotId slot = no_slot;
    wire::Frame bytes;
    bool is_marker = false; // a marker response; otherwise an LACPDU, which asks for the priority "control"
};

struct Transition { // one state change
    Time when{};
    std::string_view machine; // "rx", "periodic", "mux", "churn_actor", "churn_partner", "selected", "aggregator"
    SlotId slot = no_slot;    // none for "aggregator", where the active one changes
    std::string from;
    std::string to;
    std::string_view cause; // "rx", "timer", "link", "option", "selection", "aggregator", "release"
};

struct Effects {
    std::vector<FrameToSend> frames;
    std::vector<Transition> transitions; // in the order in which they happened
    bool settled = true;                 // false: the machines found no fixed point, which is a bug worth a log line
};

} // namespace xbond::lacp
