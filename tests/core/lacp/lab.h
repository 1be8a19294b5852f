// SPDX-License-Identifier: MIT
// One System on a virtual clock that walks from deadline to deadline, and its partners.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "user/core/lacp/system.h"

namespace xbond::test {

using namespace xbond::lacp;

inline constexpr std::uint32_t speed_1g = 1000, speed_10g = 10000, speed_25g = 25000;

// Partners: a system, its key, one of its ports.
PortInfo partner_p(std::uint16_t port = 0x105);
PortInfo partner_q(std::uint16_t port = 7);

SystemOptions defaults(); // active, slow, our system 02:00:00:00:0a:01

// An LACPDU that left.
struct Sent {
    int ms;
    int slave;
    Lacpdu pdu;
};

using Slaves = std::set<int>;
using Instants = std::vector<int>;

// Slaves are numbered from 1 like their ports; slave n has slot n.
class Lab {
public:
    explicit Lab(int slaves = 1, SystemOptions options = defaults(), std::vector<std::uint32_t> speeds = {});

    int now() const { return static_cast<int>(now_ / Ms(1)); }
    void run_to(int ms); // everything due up to and at this instant happens
    void run_for(int ms) { run_to(now() + ms); }

    // -- events, at the present instant --
    void add(int slave, std::uint16_t port_priority = default_port_priority);
    void remove(int slave);
    void link_up(int slave, std::uint32_t speed = speed_10g, bool full_duplex = true);
    void link_down(int slave);
    void options(const SystemOptions &);
    void frame(int slave, std::span<const std::uint8_t> bytes);
    // From the partner with this state; it sees us as we are, or as told.
    void pdu(int slave, PortInfo from, std::uint8_t state);
    void pdu(int slave, PortInfo from, std::uint8_t state, const PortInfo &view);
    // The partner's PDU at once and then in this period, the last one at `until`; runs the clock there.
    void pdus(int slave, PortInfo from, std::uint8_t state, int period, int until);
    // hello now, in sync 2100 ms later, on all these slaves; with the partner's timeout bit if fast.
    void handshake(const std::vector<std::pair<int, PortInfo>> &, bool fast = false);
    void carry_out(Effects);

    // -- what became of it --
    const Port &port(int slave) const { return *system.port(static_cast<SlotId>(slave)); }
    Slaves tx() const;
    Slaves rx() const;
    std::uint32_t active() const;
    std::vector<Sent> since(int ms, int slave = 1) const; // PDUs that left at ms or later
    Instants instants(int from, int slave = 1) const;     // when they left
    const Lacpdu &last(int slave = 1) const;
    // "RX PORT_DISABLED" style: the states of a machine since then, in order.
    std::vector<std::string> states(std::string_view machine, int since_ms, int slave = 1) const;
    int most_in_a_second(int slave) const;

    System system;
    std::vector<Sent> sent;
    std::vector<FrameToSend> frames; // of the last event
    std::vector<Transition> transitions;

private:
    Time now_{};
};

// One slave, P slow: hello at 100, in sync at 2200, COLLECTING_DISTRIBUTING from then on.
Lab up(SystemOptions = defaults());
// The same with P fast and us fast; P sends every second until `last`.
Lab fast_pair(int last);

} // namespace xbond::test
