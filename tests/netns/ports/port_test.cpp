// SPDX-License-Identifier: MIT
// Ports of a bond: frames go through it both ways, whole, once, and by the slave that the bond takes.
#include "tests/netns/ports/lab.h"

using namespace xbond::harness;

namespace {

constexpr std::uint64_t frames = 30;

const xbond::MacAddr guest_mac = xbond::test::test_mac(0x21);

Bytes from_guest(std::uint64_t number) { return udp_frame(number, {.to = station_mac, .from = guest_mac}); }
Bytes to_guest(std::uint64_t number) { return udp_frame(number, {.to = guest_mac, .from = station_mac}); }

FrameMatch received(const Bytes &bytes) {
    return [same = same_as(bytes)](const Frame &frame) { return !frame.outgoing && same(frame); };
}

std::uint64_t sent_by_slaves(const Lab &lab) {
    std::uint64_t sum = 0;
    for (const auto &slave : lab.status().slaves) {
        sum += slave.tx_packets;
    }
    return sum;
}

} // namespace

TEST_CASE("a port's frames go through the bond both ways in every mode, whole and counted") {
    const auto mode = GENERATE(as<std::string>{}, "balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad",
                               "balance-tlb", "balance-alb");
    const bool xdp = GENERATE(true, false);
    DYNAMIC_SECTION(mode << (xdp ? ", by XDP" : ", by TC")) {
        constexpr int slaves = 3;
        PortLab port(slaves, xdp);
        port.make_bond("mode " + mode);
        const NetNs &guest = port.add_port();
        const auto shown = port.port("p0");
        CHECK(shown.at("xdp").at("attached") == "native");
        CHECK(shown.at("sends_by") == (xdp ? "xdp" : "tc"));
        CHECK(shown.at("receives_by") == (xdp ? "xdp" : "tc"));
        const Wires wires(port.lab, slaves);
        const Injector out(guest, "g0");
        const OnOneCpu pinned;
        const auto before = sent_by_slaves(port.lab);
        for (std::uint64_t n = 0; n < frames; ++n) {
            out.send(from_guest(n));
        }
        const std::size_t copies = mode == "broadcast" ? slaves : 1;
        CHECK(wires.wait_total(numbered_udp(), frames * copies));
        std::vector<int> used;
        for (std::uint64_t n = 0; n < frames; ++n) {
            const auto sent = from_guest(n);
            for (int slave = 0; slave < slaves; ++slave) {
                if (wires.count(slave, same_as(sent)) == 1) {
                    used.push_back(slave);
                }
            }
            if (mode != "balance-tlb" && mode != "balance-alb") { // there by the slave's address, if not the active one
                CHECK(wires.total(same_as(sent)) == copies);
            }
        }
        CHECK(wires.total(numbered_udp()) == frames * copies);
        CHECK(sent_by_slaves(port.lab) >= before + frames * copies); // and what the controller sent
        CHECK(port.port("p0").at("counters").at("rx_packets") == frames);
        if (mode == "balance-rr") {
            for (int slave = 0; slave < slaves; ++slave) {
                CHECK(std::ranges::count(used, slave) == frames / slaves);
            }
        }

        // Back to the guest, whose address the frames have told: by the slave that hears.
        const auto status = port.lab.status();
        int heard = 0;
        while (status.slaves.at(heard).suppressed) {
            ++heard;
        }
        if (!status.active_slave.empty()) {
            heard = status.active_slave.back() - '0';
        }
        const Sniffer in(guest, "g0"), bond(port.lab.ns(), "bond0");
        const Injector wire(port.lab.switch_ns(), "s" + std::to_string(heard));
        for (std::uint64_t n = 0; n < frames; ++n) {
            wire.send(to_guest(n));
        }
        CHECK(in.wait_count(numbered_udp(), frames));
        for (std::uint64_t n = 0; n < frames; ++n) {
            CHECK(in.count(received(to_guest(n))) == 1);
        }
        CHECK(bond.count(numbered_udp()) == 0);
        CHECK(port.port("p0").at("counters").at("tx_packets") == frames);
    }
}

TEST_CASE("multicast goes from the wire to all ports and to the host, from a port to all others too") {
    PortLab port(2);
    port.make_bond("mode active-backup");
    const NetNs &one = port.add_port(), &other = port.add_port();
    const Wires wires(port.lab, 2);
    const Sniffer first(one, "g0"), second(other, "g1"), bond(port.lab.ns(), "bond0");
    const auto flood = [](std::uint64_t n, const xbond::MacAddr &from) {
        return udp_frame(n, {.to = xbond::test::mac_broadcast, .from = from});
    };
    Injector(port.lab.switch_ns(), "s0").send(flood(1, station_mac));
    for (const Sniffer *sniffer : {&first, &second, &bond}) {
        CHECK(sniffer->wait_count(received(flood(1, station_mac)), 1));
    }
    Injector(one, "g0").send(flood(2, guest_mac));
    CHECK(wires.wait_total(same_as(flood(2, guest_mac)), 1));
    CHECK(second.wait_count(received(flood(2, guest_mac)), 1));
    CHECK(bond.wait_count(received(flood(2, guest_mac)), 1));
    CHECK(first.count(received(flood(2, guest_mac))) == 0);
    // A backup hears nothing for anybody.
    Injector(port.lab.switch_ns(), "s1").send(flood(3, station_mac));
    Injector(port.lab.switch_ns(), "s1").send(to_guest(4));
    CHECK(wait_until([&] { return port.lab.status().slave("e1").rx_suppressed >= 2; }));
    CHECK(first.count(received(flood(3, station_mac))) == 0);
    CHECK(first.count(received(to_guest(4))) == 0);
}

TEST_CASE("guests, the host and the wire reach each other by ordinary protocols") {
    const bool xdp = GENERATE(true, false);
    DYNAMIC_SECTION((xdp ? "by XDP" : "by TC")) {
        PortLab port(2, xdp, Switch::Kind::bridge);
        const Server server(port.lab.network(), "10.99.0.9/24");
        port.make_bond("mode active-backup");
        port.lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
        port.add_port().ip("addr add 10.99.0.5/24 dev g0");
        port.add_port().ip("addr add 10.99.0.6/24 dev g1");
        const auto pings = [](const NetNs &from, const std::string &to) {
            return from.run({"ping", "-c1", "-W2", to}).ok();
        };
        CHECK(pings(port.guest(0), "10.99.0.9")); // the wire
        CHECK(pings(port.guest(0), "10.99.0.1")); // the host
        CHECK(pings(port.guest(0), "10.99.0.6")); // another guest
        CHECK(pings(server.ns(), "10.99.0.6"));
        CHECK(pings(port.lab.ns(), "10.99.0.5"));
        CHECK(pings(port.lab.ns(), "10.99.0.9"));
    }
}

TEST_CASE("a port in a VLAN sends and receives tagged on the wire, and may send no tags") {
    const bool xdp = GENERATE(true, false);
    DYNAMIC_SECTION((xdp ? "by XDP" : "by TC")) {
        PortLab port(2, xdp);
        port.make_bond("mode active-backup");
        const NetNs &guest = port.add_port("vlan 7"), &other = port.add_port();
        const Wires wires(port.lab, 2);
        const Sniffer in(guest, "g0"), elsewhere(other, "g1");
        const auto tagged = [](const Frame &frame) {
            return (frame.vlan_tci && (*frame.vlan_tci & 0xfff) == 7) ||
                   (frame.bytes.size() > 16 && frame.bytes[12] == 0x81 && frame.bytes[15] == 7);
        };
        Injector(guest, "g0").send(from_guest(1));
        CHECK(wires.wait_total([&](const Frame &frame) { return !frame.outgoing && tagged(frame); }, 1));
        const auto with_tag = [](Bytes frame, std::uint8_t vlan) {
            const std::uint8_t tag[] = {0x81, 0, 0, vlan};
            frame.insert(frame.begin() + 12, std::begin(tag), std::end(tag));
            return frame;
        };
        const Injector wire(port.lab.switch_ns(), "s0");
        wire.send(with_tag(to_guest(2), 7));
        CHECK(in.wait_count(received(to_guest(2)), 1));
        wire.send(to_guest(3)); // no tag, another one: not for it
        wire.send(with_tag(to_guest(4), 8));
        wire.send(with_tag(udp_frame(5, {.to = xbond::test::mac_broadcast, .from = station_mac}), 7));
        CHECK(in.wait_count(received(udp_frame(5, {.to = xbond::test::mac_broadcast, .from = station_mac})), 1));
        CHECK(in.count(received(to_guest(3))) == 0);
        CHECK(in.count([](const Frame &frame) { return !frame.outgoing && number_of(frame); }) == 2);
        CHECK(elsewhere.wait_count(tagged, 1));
        Injector(guest, "g0").send(with_tag(from_guest(6), 7));
        CHECK(wait_until([&] { return port.port("p0").at("counters").at("dropped") == 1; }));
    }
}

TEST_CASE("a port with an address sends from no other, and is known before it sends") {
    PortLab port(2);
    port.make_bond("mode active-backup");
    const NetNs &guest = port.add_port("mac " + guest_mac.str());
    const Wires wires(port.lab, 2);
    const Sniffer in(guest, "g0");
    Injector(port.lab.switch_ns(), "s0").send(to_guest(1));
    CHECK(in.wait_count(received(to_guest(1)), 1));
    Injector(guest, "g0").send(udp_frame(2, {.to = station_mac, .from = xbond::test::test_mac(0x33)}));
    CHECK(wait_until([&] { return port.port("p0").at("counters").at("dropped") == 1; }));
    Injector(guest, "g0").send(from_guest(3));
    CHECK(wires.wait_total(same_as(from_guest(3)), 1));
    CHECK(wires.total(numbered_udp()) == 1);
}

TEST_CASE("what sends a port's frames is left behind by no end of it") {
    PortLab port(2);
    port.make_bond("mode active-backup");
    port.add_port();
    port.add_port();
    const auto has_xdp = [&](const std::string &name) { return port.lab.ns().link(name).contains("xdp"); };
    CHECK(has_xdp("p0"));
    port.lab.cli().ok("port del bond0 p0");
    CHECK_FALSE(has_xdp("p0"));
    CHECK(port.ports().size() == 1);
    CHECK(port.lab.cli()("port del bond0 p0").exit_code == 1);
    CHECK(port.lab.cli()("link set p1 master bond0").exit_code == 1);
    CHECK(port.lab.cli()("port add bond0 e0").exit_code == 1);
    CHECK(port.lab.cli()("port add bond0 bond0").exit_code == 1);
    port.lab.ns().ip("link set p1 name renamed");
    CHECK(wait_until([&] { return !port.port("renamed").is_null(); }));
    port.lab.ns().ip("link del p0");
    port.lab.cli().ok("link del bond0");
    CHECK_FALSE(has_xdp("renamed"));
    const auto filters = port.lab.ns().run({"bpftool", "net", "show", "dev", "renamed"});
    CHECK(filters.out.find("xb_") == std::string::npos);
}

TEST_CASE("a port goes on while no controller runs, and is there when one comes back") {
    PortLab port(2);
    port.make_bond("mode active-backup");
    const NetNs &guest = port.add_port();
    const Wires wires(port.lab, 2);
    const Sniffer in(guest, "g0");
    const Injector out(guest, "g0"), wire(port.lab.switch_ns(), "s0");
    out.send(from_guest(1));
    CHECK(wires.wait_total(same_as(from_guest(1)), 1));
    port.lab.daemon().kill9();
    out.send(from_guest(2));
    wire.send(to_guest(2));
    CHECK(wires.wait_total(same_as(from_guest(2)), 1));
    CHECK(in.wait_count(received(to_guest(2)), 1));
    port.lab.daemon().start();
    CHECK(wait_until([&] { return port.port("p0").at("sends_by") == "xdp"; }));
    out.send(from_guest(3));
    wire.send(to_guest(3));
    CHECK(wires.wait_total(same_as(from_guest(3)), 1));
    CHECK(in.wait_count(received(to_guest(3)), 1));
    CHECK(port.port("p0").at("counters").at("rx_packets") == 3);
}

TEST_CASE("a port whose address or name is changed while no controller runs is the same port afterwards") {
    const auto change = GENERATE(as<std::string>{}, "address 02:00:00:00:77:01", "name p9");
    DYNAMIC_SECTION(change) {
        PortLab port(2);
        port.make_bond("mode active-backup");
        const NetNs &guest = port.add_port();
        const Wires wires(port.lab, 2);
        const Injector out(guest, "g0");
        port.lab.daemon().kill9();
        port.lab.ns().ip("link set p0 " + change);
        port.lab.daemon().start();
        const auto name = change == "name p9" ? "p9" : "p0";
        CHECK(wait_until([&] { return !port.port(name).is_null() && port.port(name).at("sends_by") == "xdp"; }));
        out.send(from_guest(1));
        CHECK(wires.wait_total(same_as(from_guest(1)), 1));
        port.lab.cli().ok(std::string("port del bond0 ") + name);
        CHECK_FALSE(port.lab.ns().link(name).contains("xdp"));
    }
}

TEST_CASE("a port whose device goes is none any more") {
    PortLab port(2);
    port.make_bond("mode active-backup");
    port.add_port();
    port.add_port();
    port.lab.ns().ip("link del p0");
    CHECK(wait_until([&] { return port.ports().size() == 1; }));
    const NetNs other;
    port.lab.ns().ip("link set p1 netns " + other.path());
    CHECK(wait_until([&] { return port.ports().empty(); }));
    CHECK(wait_until([&] { return !other.link("p1").contains("xdp"); }));
}
