// SPDX-License-Identifier: MIT
// The tools themselves: a count that cannot be wrong is worth nothing.
#include <catch2/catch.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/harness/daemon.h"
#include "tests/harness/topology.h"
#include "tests/harness/traffic/sniffer.h"
#include "tests/harness/traffic/udp_stream.h"
#include "tests/harness/traffic/wire_counter.h"

using namespace xbond::harness;

namespace {

// A broadcast frame of a private EtherType with a number in it.
Bytes numbered_frame(std::uint8_t number) {
    Bytes frame(60, 0);
    std::fill_n(frame.begin(), 6, std::uint8_t{0xff});
    frame[6] = 0x02;
    frame[12] = 0x88;
    frame[13] = 0xb5;
    frame[14] = number;
    return frame;
}

bool numbered(const Frame &frame) { return frame.bytes.size() == 60 && frame.bytes[12] == 0x88; }

} // namespace

TEST_CASE("harness: a command's exit code, output and input") {
    const auto echo = run({"sh", "-c", "cat; echo problem >&2; exit 3"}, -1, "text");
    CHECK(echo.exit_code == 3);
    CHECK(echo.out == "text");
    CHECK(echo.err == "problem\n");
    CHECK(run({"no-such-program"}).exit_code == 127);
    CHECK(run({"sh", "-c", "kill -9 $$"}).exit_code == 128 + SIGKILL);
}

TEST_CASE("harness: a process goes with its object") {
    pid_t pid = 0;
    {
        Process sleeper({"sleep", "1000"}, -1);
        pid = sleeper.pid();
        CHECK(sleeper.running());
    }
    CHECK(kill(pid, 0) != 0);
}

TEST_CASE("harness: a namespace is its own, with veth, addresses, sysctls") {
    const NetNs a, b;
    CHECK(a.inode() != b.inode());
    a.veth("x0", b, "y0");
    CHECK(a.exists("x0"));
    CHECK_FALSE(b.exists("x0"));
    CHECK_FALSE(a.is_up("x0"));
    a.ip("link set x0 mtu 1400\nlink set x0 address 02:00:00:00:00:07");
    CHECK(a.mtu("x0") == 1400);
    CHECK(a.mac("x0").str() == "02:00:00:00:00:07");
    CHECK(a.link("x0").at("mtu") == 1400);
    a.set_sysctl("net.ipv4.conf.x0.arp_ignore", "2");
    CHECK(a.sysctl("net.ipv4.conf.x0.arp_ignore") == "2");
    CHECK(b.sysctl("net.ipv4.conf.y0.arp_ignore") == "0");
    CHECK_THROWS(a.ip("link set nothing up"));
}

TEST_CASE("harness: cutting a wire takes the slave's carrier and gives it back") {
    const Switch sw(Switch::Kind::wires);
    const Host host(sw, 1);
    host.ns().set_up("e0", true);
    REQUIRE(wait_until([&] { return host.ns().carrier("e0"); }));
    host.cut(0);
    CHECK_FALSE(host.ns().carrier("e0"));
    host.join(0);
    CHECK(host.ns().carrier("e0"));
}

TEST_CASE("harness: a sniffer sees each injected frame once, with its direction") {
    const NetNs a, b;
    a.veth("x0", b, "y0");
    a.set_up("x0", true);
    b.set_up("y0", true);
    const Sniffer out(a, "x0"), in(b, "y0"), all(b, "");
    const Injector injector(a, "x0");
    for (std::uint8_t n = 0; n < 100; ++n) {
        injector.send(numbered_frame(n));
    }
    REQUIRE(in.wait_count(numbered, 100));
    REQUIRE(out.wait_count(numbered, 100));
    REQUIRE(all.wait_count(numbered, 100));
    const auto seen = in.frames(numbered);
    REQUIRE(seen.size() == 100);
    for (std::uint8_t n = 0; n < 100; ++n) {
        CHECK(seen[n].bytes == numbered_frame(n));
        CHECK_FALSE(seen[n].outgoing);
        CHECK(seen[n].ifindex == b.ifindex("y0"));
    }
    CHECK(out.frames(numbered).at(0).outgoing);
}

TEST_CASE("harness: the stream counter tells lost, duplicated, reordered and the gap") {
    StreamCounter counter;
    for (const std::uint64_t n : {0U, 1U, 4U, 3U, 3U, 5U}) { // 2 lost, 3 late and twice
        counter.saw(n, std::chrono::milliseconds(n * n));
    }
    const StreamReport report = counter.report(7);
    CHECK(report.received == 5);
    CHECK(report.lost == 2); // 2 and the last one
    CHECK(report.duplicated == 1);
    CHECK(report.reordered == 1);
    CHECK(report.longest_gap == std::chrono::milliseconds(16));
    CHECK(counter.arrivals() == 6);
}

TEST_CASE("harness: a stream header from the wire is not trusted") {
    Bytes payload(StreamHeader::bytes, 0);
    CHECK_FALSE(StreamHeader::read(payload).has_value());
    StreamHeader{5, 77}.write(payload);
    CHECK(StreamHeader::read(payload)->sequence == 77);
    CHECK_FALSE(StreamHeader::read(std::span(payload).first(15)).has_value());
    StreamCounter counter;
    counter.saw(StreamHeader::final_sequence - 1, {});
    CHECK(counter.arrivals() == 0);
}

TEST_CASE("harness: 8 kpps echo through a bridge loses nothing; what a cut wire loses is counted") {
    const Switch sw(Switch::Kind::bridge);
    const Host host(sw, 1);
    const Server server(sw, "10.99.0.2/24");
    host.ns().ip("link set e0 up\naddr add 10.99.0.1/24 dev e0");
    REQUIRE(wait_until([&] { return host.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    {
        UdpEcho echo(host.ns(), server.ns(), "10.99.0.2", 8000);
        REQUIRE(wait_until([&] { return echo.sent() >= 8000; }, 10s));
        const auto reports = echo.finish();
        INFO(reports.outbound.text() << " / " << reports.inbound.text());
        CHECK(reports.outbound.lost == 0);
        CHECK(reports.inbound.lost == 0);
        CHECK(reports.outbound.received == reports.outbound.sent);
    }
    UdpEcho echo(host.ns(), server.ns(), "10.99.0.2", 1000);
    REQUIRE(wait_until([&] { return echo.received() >= 100; }));
    host.cut(0);
    const auto at_cut = echo.sent();
    REQUIRE(wait_until([&] { return echo.sent() >= at_cut + 200; }));
    const auto reports = echo.finish();
    CHECK(reports.outbound.lost >= 200);
    CHECK(reports.outbound.lost + reports.outbound.received == reports.outbound.sent);
}

TEST_CASE("harness: the wire counter counts 8 kpps on an interface that goes down and up") {
    const NetNs a, b;
    a.veth("x0", b, "y0");
    a.ip("link set x0 up\naddr add 10.99.0.1/24 dev x0\n"
         "neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev x0 nud permanent");
    b.set_up("y0", true);
    xbond::Fd socket;
    a.inside([&] { socket = connected_udp("0.0.0.0", "10.99.0.2", 9); });
    const WireCounter wires(b, 42);
    StreamSender sender(socket.get(), 42, 8000, 64);
    REQUIRE(wait_until([&] { return sender.sent() >= 4000; }));
    REQUIRE(wait_until([&] { return wires.counter().received() >= 4000; }));
    const auto down = sender.sent();
    b.set_up("y0", false);
    const auto is_down = sender.sent();
    REQUIRE(wait_until([&] { return sender.sent() >= is_down + 100; }));
    b.set_up("y0", true);
    const auto up = sender.sent();
    REQUIRE(wait_until([&] { return sender.sent() >= up + 4000; }));
    const auto sent = sender.stop();
    // Whatever was sent after the interface was up again has arrived: a socket bound to it would have missed the first.
    CHECK(wait_until([&] { return wires.counter().received() + (up - down) + 10 >= sent; }));
    const auto report = wires.counter().report(sent);
    INFO(report.text() << ", sent while down " << up - down);
    CHECK(report.lost >= 100);
    CHECK(report.lost + report.received == sent);
    CHECK(report.duplicated == 0);
}
