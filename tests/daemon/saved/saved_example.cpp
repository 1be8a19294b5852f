// SPDX-License-Identifier: MIT
#include "tests/daemon/saved/saved_example.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace xbond::test {

using core::Link;

namespace {

MacAddr mac(std::uint8_t last) { return {{0x02, 0, 0, 0, 0x0a, last}}; }

core::Slave slave() {
    core::Slave s{.slot = 3,
                  .ifindex = 23,
                  .name = "e3",
                  .perm_mac = mac(1),
                  .mac = mac(2),
                  .running = true,
                  .carrier = true,
                  .speed = 25000,
                  .duplex = core::duplex_full,
                  .link = Link::back,
                  .mii = Link::up,
                  .arp = Link::fail,
                  .reason = "carrier \"on\"",
                  .delay = 4,
                  .failures = 5,
                  .last_link_up = Time(6),
                  .last_rx = Time(7'000'000'000'000),
                  .last_tx = Time(8),
                  .target_rx = {},
                  .backup = true,
                  .suppressed = true,
                  .prio = -9,
                  .queue_id = 10,
                  .actor_port_prio = 11};
    for (std::size_t i = 0; i < s.target_rx.size(); ++i) {
        s.target_rx.at(i) = Time(100 + i);
    }
    return s;
}

lacp::Port port() {
    return {.slot = 3,
            .mac = mac(3),
            .link = {true, true, 100000},
            .loop = true,
            .rx = lacp::RxState::current,
            .periodic = lacp::PeriodicState::slow,
            .mux = lacp::MuxState::collecting_distributing,
            .actor_churn = lacp::ChurnState::no_churn,
            .partner_churn = lacp::ChurnState::churn,
            .selected = lacp::Selected::standby,
            .ready_n = true,
            .ntt = true,
            .actor = {1, mac(4), 2, 3, 4, 0x3d},
            .partner = {5, mac(5), 6, 7, 8, 0x3f},
            .partner_version = 9,
            .partner_collector_max_delay = 10,
            .aggregator = 11,
            .own_aggregator = 12,
            .current_while = Time(13),
            .periodic_timer = Time(14),
            .wait_while = Time(15),
            .actor_churn_timer = Time(16),
            .partner_churn_timer = Time(17),
            .tx_gate = Time(18),
            .pdus_sent = {Time(19), Time(20)},
            .markers_sent = {Time(21)},
            .last_rx = Time(22),
            .last_tx = Time(23),
            .counters = {31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, ~std::uint64_t{0}},
            .actor_churn_count = 24,
            .partner_churn_count = 25};
}

} // namespace

TempDir::TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "xbond-state-XXXXXX").string();
    path = ::mkdtemp(name.data());
}

TempDir::~TempDir() { std::filesystem::remove_all(path); }

std::string slurp(const std::filesystem::path &path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

void spill(const std::filesystem::path &path, const std::string &text) { std::ofstream(path) << text; }

daemon::SavedState saved_example(const std::string &boot_id) {
    core::SavedBond bond{.name = "bond0",
                         .options = {},
                         .mac = mac(6),
                         .mac_is_random = false,
                         .admin_up = true,
                         .slaves = {slave(), {}},
                         .active = 3,
                         .primary = 4,
                         .force_primary = true,
                         .pending_notif = 5,
                         .pending_rejoin = 6,
                         .candidate = 7,
                         .aggregation_carrier = true};
    bond.options.mode = Mode::ieee8023ad;
    bond.options.miimon_ms = 50;
    const daemon::SlaveOriginal original{.name = "e3",
                                         .ifindex = 23,
                                         .mac = mac(7),
                                         .mtu = 9000,
                                         .up = true,
                                         .promisc = true,
                                         .allmulti = true,
                                         .multicast = {{{0x01, 0, 0x5e, 0, 0, 0xfb}}, {{0x33, 0x33, 0, 0, 0, 1}}},
                                         .sysctls = {{"ipv4/conf/%/arp_ignore", "0"}, {"ipv6/conf/%/x", "1"}}};
    return {boot_id,
            {{.core = bond,
              .ifindex = 10,
              .peer = 11,
              .mtu = 9001,
              .originals = {original, {}},
              .chain = daemon::SavedChain{57, "/root/filter.o", "strict", "/sys/fs/bpf/filter"},
              .abode = daemon::Abode{"blue", 4711, true}}}};
}

lacp::SystemState lacp_example() {
    lacp::Port idle; // its timers stand
    idle.slot = 4;
    return {.options = {},
            .ports = {port(), idle},
            .aggregators = {{.id = 12,
                             .individual = true,
                             .actor_key = 2,
                             .partner_system_priority = 5,
                             .partner_key = 6,
                             .partner_system = mac(5)},
                            {}},
            .active = 12,
            .last_aggregator = 13,
            .agg_switches = 14};
}

} // namespace xbond::test
