// SPDX-License-Identifier: MIT
// All variables of mode 802.3ad. SystemState is everything the machines know; whoever keeps a copy of it can go on
// from there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "user/core/lacp/counters.h"
#include "user/core/lacp/pdu.h"
#include "xbond/types.h"

namespace xbond::lacp {

// The states of 802.1AX clause 6.4, under its names. PERIODIC_TX has no duration and is not a state here.
enum class RxState : std::uint8_t { initialize, port_disabled, expired, lacp_disabled, defaulted, current };
enum class PeriodicState : std::uint8_t { no_periodic, fast, slow };
enum class MuxState : std::uint8_t { detached, waiting, attached, collecting, distributing, collecting_distributing };
enum class ChurnState : std::uint8_t { monitor, churn, no_churn };
enum class Selected : std::uint8_t { unselected, selected, standby };
enum class AdSelect : std::uint8_t { stable = 0, bandwidth = 1, count = 2, actor_port_prio = 3 };
inline constexpr std::array<std::string_view, 4> ad_select_names{"stable", "bandwidth", "count", "actor_port_prio"};

std::string_view name(RxState);                               // "CURRENT"
std::string_view name(PeriodicState);                         // "SLOW_PERIODIC"
std::string_view name(MuxState);                              // "COLLECTING_DISTRIBUTING"
std::string_view name(ChurnState);                            // "monitoring", "churned", "none" (`lacp.churn`)
std::string_view name(Selected);                              // "SELECTED"
std::string_view name(AdSelect);                              // "stable"
std::vector<std::string_view> flag_names(std::uint8_t state); // "activity", ... lowest bit first

struct SystemOptions {
    bool fast_rate = false;
    bool active = true;
    bool coupled_control = true;
    bool strict = false;
    AdSelect ad_select = AdSelect::stable;
    std::uint32_t min_links = 0;
    std::uint32_t max_ports = 0; // of an aggregator, 0 is no limit
    std::uint16_t system_priority = 65535;
    std::uint16_t user_key = 0; // 0..1023
    MacAddr actor_system;       // zero: the bond's address
    MacAddr bond_mac;

    bool operator==(const SystemOptions &) const = default;
    const MacAddr &system() const { return actor_system.is_zero() ? bond_mac : actor_system; }
};

inline constexpr std::uint16_t default_port_priority = 255;
// What a port takes for its partner until it hears from one (`lacp.rx`).
inline constexpr PortInfo partner_admin{65535, {}, 1, 255, 1, 0};

struct PortLink { // by the bond's monitor, after updelay and downdelay
    bool up = false;
    bool full_duplex = false;
    std::uint32_t speed = 0; // Mb/s, 0 is unknown

    bool operator==(const PortLink &) const = default;
};

// Key of a port: the user's part, the speed's code and the duplex bit (`lacp.key`).
std::uint16_t operational_key(std::uint16_t user_key, std::uint32_t speed, bool full_duplex);

using Timer = std::optional<Time>; // absolute deadline; none: stopped

inline constexpr Time short_timeout = Ms(3000), long_timeout = Ms(90000);

struct Port {
    SlotId slot = no_slot;
    MacAddr mac;       // permanent address of the slave
    PortLink link;     // speed and duplex of the last time it was up
    bool loop = false; // we hear ourselves

    RxState rx = RxState::initialize;
    PeriodicState periodic = PeriodicState::no_periodic;
    MuxState mux = MuxState::detached;
    ChurnState actor_churn = ChurnState::monitor;
    ChurnState partner_churn = ChurnState::monitor;
    Selected selected = Selected::unselected;
    bool ready_n = false;
    bool ntt = false;

    PortInfo actor;
    PortInfo partner = partner_admin;
    std::uint8_t partner_version = 0; // of its last PDU; shown, never acted on
    std::uint16_t partner_collector_max_delay = 0;

    std::uint32_t aggregator = 0;     // id of the one it is in; 0 only until the event at hand is done
    std::uint32_t own_aggregator = 0; // id of the one it brought along

    Timer current_while, periodic_timer, wait_while, actor_churn_timer, partner_churn_timer;
    Timer tx_gate;               // a PDU is due but may not leave before
    std::vector<Time> pdus_sent; // within the last second, oldest first
    std::vector<Time> markers_sent;
    std::optional<Time> last_rx, last_tx; // LACPDUs

    Counters counters;
    std::uint32_t actor_churn_count = 0;
    std::uint32_t partner_churn_count = 0;

    bool operator==(const Port &) const = default;
    bool lacp_enabled() const { return link.full_duplex; }
    bool live() const { return link.up && !loop; }
    // How long the partner's last PDU counts.
    Time receive_timeout() const { return actor.has(flag::timeout) ? short_timeout : long_timeout; }
};

struct Aggregator {
    std::uint32_t id = 0;
    bool individual = false;
    std::uint16_t actor_key = 0;
    std::uint16_t partner_system_priority = 0;
    std::uint16_t partner_key = 0;
    MacAddr partner_system;

    bool operator==(const Aggregator &) const = default;
    bool has_partner() const { return !partner_system.is_zero(); }
};

struct SystemState {
    SystemOptions options;
    std::vector<Port> ports;             // in slave order
    std::vector<Aggregator> aggregators; // in slave order, one for each port
    std::uint32_t active = 0;            // id of the active aggregator, 0 is none
    std::uint32_t last_aggregator = 0;   // id given last: none is used twice (`lacp.identity`)
    std::uint64_t agg_switches = 0;

    bool operator==(const SystemState &) const = default;
    Port *port(SlotId);
    const Port *port(SlotId slot) const { return const_cast<SystemState *>(this)->port(slot); }
    Aggregator *aggregator(std::uint32_t id);
    const Aggregator *aggregator(std::uint32_t id) const { return const_cast<SystemState *>(this)->aggregator(id); }
    std::vector<const Port *> members(std::uint32_t aggregator) const;
};

} // namespace xbond::lacp
