// SPDX-License-Identifier: MIT
// The saved state: what goes in comes out, and no broken file brings a controller down.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "tests/core/options/changed_options.h"
#include "user/daemon/saved/bond_file.h"
#include "user/daemon/saved/bond_rows.h"
#include "user/daemon/saved/saved_state.h"

using namespace xbond;
using namespace xbond::daemon;

namespace {

struct TempDir {
    std::filesystem::path path;
    TempDir() {
        std::string name = (std::filesystem::temp_directory_path() / "xbond-state-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~TempDir() { std::filesystem::remove_all(path); }
};

SavedState example() {
    SavedController bond;
    bond.core.name = "bond0";
    bond.core.options.mode = Mode::active_backup;
    bond.core.options.miimon_ms = 50;
    bond.core.options.updelay_ticks = 4;
    bond.core.options.primary = "e1";
    bond.core.options.fail_over_mac = core::FailOverMac::follow;
    bond.core.options.num_peer_notif = 3;
    bond.core.mac = *MacAddr::parse("02:00:00:00:00:01");
    bond.core.admin_up = true;
    bond.core.active = 1;
    bond.core.primary = 1;
    bond.core.pending_notif = 2;
    bond.ifindex = 10;
    bond.peer = 11;
    bond.mtu = 9000;
    for (SlotId slot = 0; slot < 2; ++slot) {
        core::Slave slave;
        slave.slot = slot;
        slave.ifindex = 20U + slot;
        slave.name = "e" + std::to_string(slot);
        slave.perm_mac = *MacAddr::parse("02:00:00:00:01:0" + std::to_string(slot));
        slave.mac = bond.core.mac;
        slave.running = slave.carrier = true;
        slave.link = core::Link::up;
        slave.failures = 7;
        slave.prio = -5;
        slave.queue_id = slot;
        slave.backup = slot == 0;
        slave.last_link_up = Time(123456789);
        bond.core.slaves.push_back(slave);
        SlaveOriginal original;
        original.name = slave.name;
        original.ifindex = slave.ifindex;
        original.mac = slave.perm_mac;
        original.mtu = 1500;
        original.promisc = slot == 1;
        original.multicast = {*MacAddr::parse("01:00:5e:00:00:fb")};
        original.sysctls = {{"ipv4/conf/%/arp_ignore", "0"}};
        bond.originals.push_back(original);
    }
    return {boot_id(), {bond}};
}

std::string slurp(const std::filesystem::path &path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

} // namespace

TEST_CASE("saved state comes back as it was written") {
    TempDir dir;
    const auto before = example();
    REQUIRE(save_state(dir.path, before));
    auto after = load_state(dir.path);
    REQUIRE(after);
    REQUIRE(after->bonds.size() == 1);
    const auto &a = before.bonds[0];
    const auto &b = after->bonds[0];
    CHECK(b.core.options == a.core.options);
    CHECK(b.core.active == 1);
    CHECK(b.core.pending_notif == 2);
    CHECK(b.mtu == 9000);
    REQUIRE(b.core.slaves.size() == 2);
    CHECK(b.core.slaves[1].prio == -5);
    CHECK(b.core.slaves[0].backup);
    CHECK(b.core.slaves[1].last_link_up == Time(123456789));
    CHECK(b.core.slaves[1].perm_mac == a.core.slaves[1].perm_mac);
    REQUIRE(b.originals.size() == 2);
    CHECK(b.originals[0].sysctls == a.originals[0].sysctls);
    // Writing what was read gives the same file: nothing is lost on the way.
    const auto text = slurp(dir.path / "state.json");
    REQUIRE(save_state(dir.path, *after));
    CHECK(slurp(dir.path / "state.json") == text);
}

TEST_CASE("saved state of another boot is no state") {
    TempDir dir;
    auto state = example();
    state.boot_id = "another";
    REQUIRE(save_state(dir.path, state));
    auto loaded = load_state(dir.path);
    REQUIRE(loaded);
    CHECK(loaded->bonds.empty());
}

TEST_CASE("a broken state file is an error that names the file, never a crash") {
    TempDir dir;
    REQUIRE(save_state(dir.path, example()));
    const auto good = slurp(dir.path / "state.json");
    std::mt19937 random(1);
    int refused = 0;
    for (int round = 0; round < 1000; ++round) {
        std::string bad = good;
        if (round % 2 == 0) {
            bad.resize(random() % good.size());
        } else {
            for (int n = 0; n < 3; ++n) {
                bad[random() % bad.size()] = static_cast<char>(random());
            }
        }
        std::ofstream(dir.path / "state.json") << bad;
        auto loaded = load_state(dir.path);
        if (!loaded) {
            ++refused;
            CHECK(loaded.error().message.find("state.json") != std::string::npos);
        }
    }
    CHECK(refused > 500);
}

TEST_CASE("saved options kept from another mode and delays without miimon come back") {
    TempDir dir;
    auto state = example();
    auto &options = state.bonds[0].core.options;
    options.packets_per_slave = 3; // set in mode 0, kept in mode 1, where the option would be refused
    options.miimon_ms = 0;
    options.updelay_ticks = 4;
    REQUIRE(save_state(dir.path, state));
    auto loaded = load_state(dir.path);
    REQUIRE(loaded);
    CHECK(loaded->bonds.at(0).core.options == options);
}

TEST_CASE("forgetting the state takes the file, and never somebody else's") {
    TempDir dir;
    const auto state_dir = dir.path / "state";
    REQUIRE(save_state(state_dir, example()));
    std::ofstream(state_dir / "precious") << "kept";
    forget_files(state_dir);
    CHECK_FALSE(std::filesystem::exists(state_dir / "state.json"));
    CHECK(slurp(state_dir / "precious") == "kept");
    std::filesystem::remove(state_dir / "precious");
    forget_files(state_dir);
    CHECK_FALSE(std::filesystem::exists(state_dir));
}

TEST_CASE("saved options: keys and forms stay those of the revisions before") {
    TempDir dir;
    auto state = example();
    state.bonds[0].core.options = test::changed_options();
    REQUIRE(save_state(dir.path, state));
    const auto saved = nlohmann::json::parse(slurp(dir.path / "state.json"));
    CHECK(
        saved["bonds"][0]["options"].dump() ==
        R"({"ad_actor_sys_prio":4711,"ad_actor_system":"02:00:00:00:0a:01","ad_select":3,"ad_user_port_key":1023,)"
        R"("all_slaves_active":true,"arp_all_targets_all":true,"arp_interval_ms":500,)"
        R"("arp_ip_targets":[[192,0,2,1],[192,0,2,2]],"arp_missed_max":255,"arp_validate":6,)"
        R"("broadcast_neighbor":true,"carrier_watch_ms":0,"controller_lease_ms":300,"coupled_control":false,)"
        R"("downdelay_ticks":6,"fail_over_mac":2,"lacp_active":false,"lacp_channel":2,"lacp_fast":true,)"
        R"("lacp_strict":true,"lp_interval_s":7,"max_ports":5,"miimon_ms":50,"min_links":2,"mode":4,"monitors":2,)"
        R"("ns_ip6_targets":[[254,128,0,0,0,0,0,0,0,0,0,0,0,0,0,1]],"num_peer_notif":9,"packets_per_slave":3,)"
        R"("peer_notif_delay_ticks":8,"primary":"v1","primary_reselect":2,"receive":2,"resend_igmp":10,"tlb_dynamic_lb":false,)"
        R"("updelay_ticks":4,"visibility":2,"xdp":3,"xmit_hash_policy":5,)"
        R"("xsk_allow":"group quant match udp dst 4789"})");
}

TEST_CASE("saved state: what the bond has put on a slave is kept, and not made up where it was not") {
    const SlaveOriginal before{.name = "e3",
                               .added = SlaveFilters{.promisc = true, .multicast = {{{1, 0, 0x5e, 0, 0, 1}}}}};
    CHECK(saved::read<SlaveOriginal>(saved::write(before)) == before);
    const SlaveOriginal earlier{.name = "e3"};
    const auto j = saved::write(earlier);
    CHECK_FALSE(j.contains("added"));
    CHECK_FALSE(saved::read<SlaveOriginal>(j).added);
}
