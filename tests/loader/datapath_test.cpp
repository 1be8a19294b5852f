// SPDX-License-Identifier: MIT
// A data path through its life, once with tcx links and once with clsact filters.
#include <bpf/bpf.h>
#include <catch2/catch.hpp>
#include <iostream>
#include <optional>

#include "loader/pins.h"
#include "loader/programs.h"
#include "tests/harness/wait.h"
#include "tests/loader/lab.h"

using namespace xbond;
using namespace xbond::loader;
using harness::ifindex;
using harness::wait_until;
using test::Load;
using test::need;
using test::Wire;

namespace {

// Every kind of hook that the kernel has.
Features either_hook() {
    const auto *const kind = GENERATE(from_range(test::hooks()));
    CAPTURE(kind->name());
    return test::features(kind->name());
}

Bank bank_on_both() {
    Bank bank = test::bank_on(0);
    bank.n_pick = 2;
    bank.pick[1] = 1;
    return bank;
}

struct Sinks {
    Wire s0{"s0p"};
    Wire s1{"s1p"};
    std::uint64_t received() { return s0.received() + s1.received(); }
};

std::uint32_t linked_program(const std::filesystem::path &pin) {
    return need(link_info(need(open_pin(pin)).get())).prog_id;
}

std::uint32_t pinned_program(const std::filesystem::path &pin) {
    return need(program_info(need(open_pin(pin)).get())).id;
}

} // namespace

TEST_CASE("publish decides which slave sends, an empty bank drops") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, either_hook());
    Sinks sinks;
    const Wire bond("xb0");
    bond.send(test::bond_mac);
    CHECK(wait_until([&] { return path.counters().bond.tx_dropped == 1; }));
    path.publish(test::bank_on(0));
    bond.send(test::bond_mac);
    CHECK(wait_until([&] { return sinks.s0.received() == 1; }));
    path.publish(test::bank_on(1));
    CHECK(path.published().pick[0] == 1);
    bond.send(test::bond_mac);
    CHECK(wait_until([&] { return sinks.s1.received() == 1; }));
    CHECK(sinks.s0.received() == 1);
    CHECK(path.counters().slot[0].tx_packets == 1);
    CHECK(path.counters().slot[1].tx_packets == 1);
    CHECK(path.counters().slot[1].tx_bytes == 60);
}

TEST_CASE("frames that bypass the qdisc of the bond leave through the peer's hook") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, either_hook());
    path.publish(test::bank_on(1));
    Sinks sinks;
    const Wire bond("xb0");
    bond.bypass_qdisc();
    bond.send(test::bond_mac);
    CHECK(wait_until([&] { return sinks.s1.received() == 1; }));
}

TEST_CASE("equal content is not published again") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    path.publish(test::bank_on(0));
    const Bank *const published = &path.published();
    path.publish(test::bank_on(0));
    CHECK(&path.published() == published);
    path.publish(test::bank_on(1));
    CHECK(&path.published() != published);
}

TEST_CASE("a flip under load loses nothing") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, either_hook());
    path.publish(test::bank_on(0));
    Sinks sinks;
    Load load("xb0", test::bond_mac);
    for (unsigned flips = 0; flips < 2000 || load.sent() < 4000; ++flips) {
        path.publish(test::bank_on(flips & 1));
        if (flips % 64 == 0) {
            sinks.received();
        }
    }
    const std::uint64_t sent = load.stop();
    CHECK(wait_until([&] { return sinks.received() == sent; }));
    CHECK(sinks.s0.received() > 0);
    CHECK(sinks.s1.received() > 0);
}

TEST_CASE("another mode or policy under load loses nothing in either direction") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, either_hook(), Mode::round_robin);
    path.publish(bank_on_both());
    Sinks sinks;
    Wire bond("xb0");
    Load out("xb0", test::bond_mac);
    Load in("s0p", test::bond_mac);
    unsigned swaps = 0;
    for (; swaps < 8 || out.sent() < 2000 || in.sent() < 2000; ++swaps) {
        const Mode mode = swaps % 2 == 0 ? Mode::balance_xor : Mode::round_robin;
        const HashPolicy policy = swaps % 4 == 0 ? HashPolicy::layer34 : HashPolicy::layer23;
        const ProgramSet set{mode, policy, 1};
        need(path.reprogram(set));
        REQUIRE(path.programs() == set);
        sinks.received();
        bond.received();
    }
    const std::uint64_t sent_out = out.stop();
    const std::uint64_t sent_in = in.stop();
    CHECK(wait_until([&] { return sinks.received() == sent_out; }));
    CHECK(wait_until([&] { return bond.received() == sent_in; }));
    CHECK(path.counters().slot[0].rx_packets == sent_in);
}

TEST_CASE("a dropped data path goes on; adopted it continues, counters and all") {
    const test::Lab lab;
    const Features features = either_hook();
    std::optional<DataPath> path = test::make_path(lab, features, Mode::round_robin);
    path->publish(bank_on_both());
    Sinks sinks;
    Wire bond("xb0");
    Load out("xb0", test::bond_mac);
    Load in("s1p", test::bond_mac);
    REQUIRE(wait_until([&] { return out.sent() > 200 && in.sent() > 200; }));
    path.reset();
    const std::uint64_t sent_then = out.sent();
    REQUIRE(wait_until([&] { return out.sent() > sent_then + 200; }));

    DataPath::Config config = lab.config(Mode::active_backup); // what runs is told by programs()
    path = need(DataPath::adopt(config, features));
    CHECK(path->programs() == ProgramSet{Mode::round_robin, HashPolicy::layer2, 1});
    CHECK_FALSE(path->programs_outdated());
    CHECK(path->hook() == features.hook->name());
    CHECK(path->carrier_check() == features.carrier);
    CHECK(path->published().n_pick == 2);
    need(path->attach_slave(0, ifindex("s0"))); // known: nothing happens
    need(path->reprogram({Mode::active_backup, HashPolicy::layer2, 1}));
    path->publish(test::bank_on(1));
    const std::uint64_t sent = out.stop();
    const std::uint64_t sent_in = in.stop();
    CHECK(wait_until([&] { return sinks.received() == sent; }));
    CHECK(wait_until([&] { return bond.received() == sent_in; }));
    const Counters counters = path->counters();
    CHECK(counters.slot[0].tx_packets + counters.slot[1].tx_packets == sent);
    CHECK(counters.slot[1].rx_packets == sent_in);
}

TEST_CASE("adopt refuses what it does not understand and leaves it alone") {
    const test::Lab lab;
    const Features features = either_hook();
    CHECK(DataPath::adopt(lab.config(), features).error().code == ENOENT);
    std::optional<DataPath> path = test::make_path(lab, features);
    path->publish(test::bank_on(0));
    path.reset();

    SECTION("another bond device") {
        DataPath::Config config = lab.config();
        std::swap(config.bond_ifindex, config.peer_ifindex);
        CHECK(DataPath::adopt(config, features).error().code == EPROTO);
    }
    SECTION("another layout version") {
        const auto table = need(open_pin(lab.config().pin_dir / XB_MAP_TABLE));
        const std::uint32_t key = 0;
        xb_table content{};
        REQUIRE(bpf_map_lookup_elem(table.get(), &key, &content) == 0);
        content.layout = XB_LAYOUT_VERSION + 1;
        REQUIRE(bpf_map_update_elem(table.get(), &key, &content, BPF_ANY) == 0);
        CHECK(DataPath::adopt(lab.config(), features).error().code == EPROTO);
    }
    SECTION("a program is missing") {
        remove_pin(lab.config().pin_dir / "xb_rx");
        CHECK(DataPath::adopt(lab.config(), features).error().code == EPROTO);
    }
    SECTION("a map of another shape") {
        LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
        const Fd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "xb_table", 4, 64, 1, &options));
        need(replace_pin(map.get(), lab.config().pin_dir / XB_MAP_TABLE));
        CHECK(DataPath::adopt(lab.config(), features).error().code == EPROTO);
    }
    Sinks sinks;
    Wire("xb0").send(test::bond_mac);
    CHECK(wait_until([&] { return sinks.s0.received() == 1; }));
}

TEST_CASE("create leaves nothing behind when it fails and does not touch what is there") {
    const test::Lab lab;
    const Features features = either_hook();
    DataPath::Config config = lab.config();
    config.peer_ifindex = 99999;
    CHECK(DataPath::create(config, features).error().code == ENODEV);
    CHECK_FALSE(std::filesystem::exists(config.pin_dir));
    CHECK(test::programs_on({config.bond_ifindex, Direction::egress}) == 0);
    CHECK_FALSE(test::tc_shows("qdisc show dev xb0", "clsact"));

    DataPath path = test::make_path(lab, features);
    CHECK(DataPath::create(lab.config(), features).error().code == EEXIST);
    path.publish(test::bank_on(0));
    Sinks sinks;
    Wire("xb0").send(test::bond_mac);
    CHECK(wait_until([&] { return sinks.s0.received() == 1; }));
}

TEST_CASE("teardown leaves no link, filter, qdisc or pin, and frames stay on the slaves") {
    const test::Lab lab;
    const Features features = either_hook();
    DataPath path = test::make_path(lab, features);
    path.publish(test::bank_on(0));
    Wire bond("xb0");
    Wire slave("s0");
    const Wire wire("s0p");
    wire.send(test::bond_mac);
    REQUIRE(wait_until([&] { return bond.received() == 1; }));
    CHECK(pinned_bonds(lab.bpffs() / "xbond" / "1") == std::vector<std::string>{"xb0"});

    SECTION("by its owner") { path.teardown(); }
    SECTION("by its pins") {
        { const DataPath gone = std::move(path); }
        remove_pins(lab.config().pin_dir);
    }
    wire.send(test::bond_mac);
    CHECK(wait_until([&] { return slave.received() == 1; }));
    CHECK(bond.received() == 1);
    CHECK(pinned_bonds(lab.bpffs() / "xbond" / "1").empty());
    CHECK_FALSE(std::filesystem::exists(lab.bpffs() / "xbond" / "1"));
    for (const char *const device : {"xb0", "xb0p", "s0", "s1"}) {
        CHECK(test::programs_on({ifindex(device), Direction::ingress}) == 0);
        CHECK(test::programs_on({ifindex(device), Direction::egress}) == 0);
        CHECK_FALSE(test::tc_shows(std::string("qdisc show dev ") + device, "clsact"));
    }
}

TEST_CASE("a slave's slot and hook are given up after its device has gone, and used again") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, either_hook());
    Sinks sinks;
    const Wire bond("xb0");
    const std::uint32_t gone = ifindex("s1");
    path.publish(test::bank_on(1));
    bond.send(test::bond_mac);
    REQUIRE(wait_until([&] { return sinks.s1.received() == 1; }));
    harness::ip("link del s1");
    need(path.reprogram({Mode::round_robin, HashPolicy::layer2, 1})); // with a dead hook among the living
    path.publish(test::bank_on(0));
    path.clear_slot(1);
    path.clear_slot(1);
    path.detach_slave(1, gone);
    path.detach_slave(1, gone);
    CHECK(path.set_slot(1, gone).error().code == ENODEV);
    CHECK_FALSE(std::filesystem::exists(lab.config().pin_dir / "rx_1"));
    bond.send(test::bond_mac);
    CHECK(wait_until([&] { return sinks.s0.received() == 1; }));

    harness::ip("link add s1 type veth peer name s1p");
    harness::ip("link set s1p up");
    harness::ip("link set s1 up"); // last: with a carrier it sends at once, without one when the kernel comes to it
    need(path.set_slot(1, ifindex("s1")));
    CHECK(path.counters().slot[1].tx_packets == 0); // a new slave's
    need(path.attach_slave(1, ifindex("s1")));
    path.publish(test::bank_on(1));
    Wire wire("s1p");
    bond.send(test::bond_mac);
    CHECK(wait_until([&] { return wire.received() == 1; }));
}

TEST_CASE("a slave that went while nobody looked is no obstacle to adoption") {
    const test::Lab lab;
    const Features features = either_hook();
    { const DataPath left = test::make_path(lab, features); }
    harness::ip("link del s1");
    DataPath path = need(DataPath::adopt(lab.config(), features));
    CHECK_FALSE(std::filesystem::exists(lab.config().pin_dir / "rx_1"));
    path.publish(test::bank_on(0));
    Wire wire("s0p");
    Wire("xb0").send(test::bond_mac);
    CHECK(wait_until([&] { return wire.received() == 1; }));
}

TEST_CASE("slots out of range are refused") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    CHECK(path.set_slot(XB_MAX_SLAVES, ifindex("s0")).error().code == EINVAL);
    CHECK(path.attach_slave(XB_MAX_SLAVES, ifindex("s0")).error().code == EINVAL);
    CHECK(path.set_xdp(no_slot, ifindex("s0"), XdpPolicy::off, "veth").error().code == EINVAL);
    path.clear_slot(no_slot);
    path.detach_slave(no_slot, ifindex("s0"));
    path.clear_latch(no_slot);
}

TEST_CASE("adopt finishes what a controller that died while swapping programs began") {
    const test::Lab lab;
    const Features features = test::features();
    if (features.hook->name() != "tcx") {
        std::cout << "SKIPPED: this kernel has no tcx\n";
        return;
    }
    DataPath::Config other_config = lab.config(Mode::balance_xor);
    other_config.pin_dir = lab.bpffs() / "other";
    const std::filesystem::path dir = lab.config().pin_dir;
    const auto take_from_other = [&](const char *program, const char *stand_in) {
        DataPath other = need(DataPath::create(other_config, features));
        Fd taken = need(open_pin(other_config.pin_dir / (stand_in != nullptr ? stand_in : program)));
        other.teardown();
        return taken;
    };
    { const DataPath left = test::make_path(lab, features, Mode::active_backup); }

    SECTION("pins written, links not yet") {
        const Fd program = take_from_other("xb_tx", nullptr);
        const Fd link = need(open_pin(dir / "tx_bond"));
        REQUIRE(bpf_link_update(link.get(), program.get(), nullptr) == 0);
        REQUIRE(linked_program(dir / "tx_bond") != pinned_program(dir / "xb_tx"));
        const DataPath path = need(DataPath::adopt(lab.config(), features));
        CHECK(linked_program(dir / "tx_bond") == pinned_program(dir / "xb_tx"));
        CHECK_FALSE(path.programs_outdated());
    }
    SECTION("one pin of two written") {
        const Fd program = take_from_other("xb_rx", nullptr);
        need(replace_pin(program.get(), dir / "xb_rx"));
        const DataPath path = need(DataPath::adopt(lab.config(), features));
        CHECK(path.programs().mode == Mode::active_backup);
        CHECK(pinned_program(dir / "xb_rx") != need(program_info(program.get())).id);
        CHECK(linked_program(dir / "rx_0") == pinned_program(dir / "xb_rx"));
    }
    SECTION("pinned programs of another build run on, until they are loaded anew") {
        const Fd program = take_from_other("xb_watch_arm", "xb_rx"); // some other instructions
        need(replace_pin(program.get(), dir / "xb_watch_arm"));
        DataPath path = need(DataPath::adopt(lab.config(), features));
        CHECK(path.programs_outdated());
        CHECK(pinned_program(dir / "xb_watch_arm") == need(program_info(program.get())).id);
        need(path.reprogram(path.programs()));
        CHECK_FALSE(path.programs_outdated());
        CHECK(pinned_program(dir / "xb_watch_arm") != need(program_info(program.get())).id);
    }
}

TEST_CASE("carriers are those of the slots' devices at this moment, without asking a driver") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    if (path.carrier_check() == CarrierCheck::none) {
        std::cout << "SKIPPED: this kernel offers no carrier check\n";
        return;
    }
    CHECK(need(path.carriers()) == 0b11);
    harness::ip("link set s1p down");
    CHECK(need(path.carriers()) == 0b01);
    harness::ip("link set s0 down");
    CHECK(need(path.carriers()) == 0);
    harness::ip("link set s0 up");
    CHECK(need(path.carriers()) == 0b01);
    path.clear_slot(0);
    CHECK(need(path.carriers()) == 0);
}

TEST_CASE("a data path tells its build: another one's programs are outdated, its own are not") {
    const test::Lab lab;
    const Features features = test::features();
    const std::filesystem::path dir = lab.config().pin_dir;
    { const DataPath left = test::make_path(lab, features); }
    std::filesystem::path mark;
    for (const auto &entry : std::filesystem::directory_iterator(dir)) {
        mark = entry.path().filename().string().starts_with("build_") ? entry.path() : mark;
    }
    REQUIRE_FALSE(mark.empty());
    CHECK_FALSE(need(DataPath::adopt(lab.config(), features)).programs_outdated());
    std::filesystem::remove(mark);
    DataPath path = need(DataPath::adopt(lab.config(), features));
    CHECK(path.programs_outdated());
    need(path.reprogram(path.programs()));
    CHECK(std::filesystem::exists(mark));
}
