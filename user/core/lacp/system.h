// SPDX-License-Identifier: MIT
// Mode 802.3ad of one bond: its ports, the machines of 802.1AX and the aggregators. Pure: time is an argument and
// must never go back.
//
// How to drive it
//   add_port, then set_link with what the bond's monitor says; set_link again on every change.
//   A frame came:    receive() for each frame that is waiting, in the order of the kernel's stamps.
//   deadline() over: first receive() for all frames waiting on *all* slaves, then expire(). No other call looks at
//                    deadlines, so a controller that was held up never lets a healthy partner expire.
//   After each call: carry out the effects, then arm the timer for deadline(), which may be past already.
//
// How to carry out effects. With `old` the sending set in the data path and `collecting()`,
// `sending()` as they are after the call:
//   1. publish the RX set `collecting` and the TX set `old` without those that no longer send,
//   2. send the frames in order,
//   3. publish the TX set `sending`.
// Step 3 is needed only if a port began to send, step 1 only if anything else changed.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "user/core/lacp/aggregator.h"
#include "user/core/lacp/effects.h"
#include "user/core/lacp/history.h"
#include "user/core/lacp/state.h"
#include "xbond/result.h"

namespace xbond::lacp {

struct Run;

// For a state that is to be restored: what partners said before counts anew from now on. While nobody listened silence
// is no reason to expire them, and those that have gone meanwhile are noticed a timeout later.
void forgive_absence(SystemState &, Time now);

class System {
public:
    explicit System(const SystemOptions &options) { state_.options = options; }

    // Goes on where the state was saved: nothing is forgotten, no machine starts anew. Ports that are CURRENT
    // tell their partner so at the first expire(). Then set_link with the links as they are now, receive() what is
    // waiting, and go on as ever. EINVAL for a state that contradicts itself or is of another boot.
    static Result<System> restore(SystemState saved, Time now);
    const SystemState &save() const { return state_; }

    // -- commands --
    Effects set_options(const SystemOptions &, Time now); // at run time, live
    // The slot must be free. The port starts without link.
    Effects add_port(SlotId, const MacAddr &permanent_mac, std::uint16_t port_priority, Time now);
    Effects remove_port(SlotId, Time now); // with a farewell PDU: send it before the device is touched
    Effects set_port_priority(SlotId, std::uint16_t, Time now);
    // Bond down, or the end of a controller that is not to be followed by another: farewells, and every port is without
    // link until the next set_link.
    Effects shutdown(Time now);

    // The controller ends and another one will go on: every partner hears from us once more, so that its patience
    // starts anew.
    Effects take_leave(Time now);

    // The machine was suspended for as long, and `now` did not see it: partners' timers ran meanwhile, so ours have as
    // well, and at the next expire(), which is due at once, every partner is told how things are.
    void resume(Time away, Time now);

    // -- events; a slot that is not there (any more) is ignored --
    Effects set_link(SlotId, const PortLink &, Time now);
    // `stamp`: when the kernel got the frame, in the time of `now`; none if unknown, then it is taken to have come
    // before any deadline.
    Effects receive(SlotId, std::span<const std::uint8_t> frame, std::optional<Time> stamp, Time now);
    Effects expire(Time now);
    void send_failed(SlotId, Time now); // the last LACPDU did not leave: again in 100 ms. Not for markers.
    std::optional<Time> deadline() const;

    // -- views --
    const SystemOptions &options() const { return state_.options; }
    const std::vector<Port> &ports() const { return state_.ports; } // slave order
    const std::vector<Aggregator> &aggregators() const { return state_.aggregators; }
    const Port *port(SlotId slot) const { return state_.port(slot); }
    const Aggregator *aggregator(std::uint32_t id) const { return state_.aggregator(id); }
    const Aggregator *active_aggregator() const { return state_.aggregator(state_.active); }
    Figures figures(const Aggregator &aggregator) const { return figures_of(state_, aggregator); }
    bool collecting(SlotId) const;
    bool distributing(SlotId) const;
    bool sending(SlotId) const; // what the data path goes by
    bool carrier() const { return lacp::carrier(state_); }
    Counters totals() const; // over the ports there are
    const History &received(SlotId) const;
    const History &sent(SlotId) const;
    const Transition *last_transition(SlotId) const; // since this controller started

private:
    struct Log { // for people; not saved
        History received, sent;
        std::optional<Transition> last_transition;
    };

    Run start(std::string_view cause, Time now);
    Effects finish(Run &);
    void record(History &, PduRecord, std::span<const std::uint8_t> frame);

    SystemState state_;
    std::map<SlotId, Log> logs_;
};

} // namespace xbond::lacp
