// SPDX-License-Identifier: MIT
// The machines, as the runner steps them. A step makes at most one transition and tells whether it changed anything; no
// machine calls another.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "user/core/lacp/effects.h"
#include "user/core/lacp/state.h"

namespace xbond::lacp {

struct Arrival { // an LACPDU for the receive machine
    SlotId slot = no_slot;
    Time when{}; // it came in, which may be some time ago
    Lacpdu pdu;
};

// One event in work.
struct Run {
    SystemState &system;
    Time now;
    std::string_view cause;
    bool timers = false; // deadlines count; only while no frame can be waiting
    std::optional<Arrival> arrival{};
    Effects effects{};
    std::uint32_t active_before = system.active;

    // True, and the timer stopped, when its deadline has come.
    bool expired(Timer &timer) const;

    template <typename State>
    void change(std::string_view machine, const Port &port, State &state, State next, std::string_view why) {
        if (state != next) {
            effects.transitions.push_back(
                {now, machine, port.slot, std::string(name(state)), std::string(name(next)), why});
        }
        state = next;
    }
};

void begin_receive(Run &, Port &);
void begin_periodic(Run &, Port &);
void begin_mux(Run &, Port &);
void begin_churn(Run &, Port &);

bool step_receive(Run &, Port &);  // receive.cpp
bool step_periodic(Run &, Port &); // periodic.cpp
bool step_mux(Run &, Port &);      // mux.cpp
bool step_churn(Run &, Port &);    // churn.cpp
bool step_selection(Run &);        // selection.cpp
bool step_active(Run &);           // aggregator.cpp
void transmit(Run &, Port &);      // transmit.cpp

// aggregator.cpp
void leave_aggregator(SystemState &, Port &);
// One aggregator goes with the port that has left: the one it brought along, or, while others are in that, an empty
// one, whose owner then owns it.
void retire_aggregator(SystemState &, const Port &leaving);
bool in_active_aggregator(const SystemState &, const Port &);
void send_farewell(Run &, Port &); // transmit.cpp
void answer_marker(Run &, Port &, std::span<const std::uint8_t> request_payload);

// runner.cpp
void begin(Run &, Port &); // BEGIN for one port
void settle(Run &);        // steps everything to a fixed point, then lets PDUs out

} // namespace xbond::lacp
