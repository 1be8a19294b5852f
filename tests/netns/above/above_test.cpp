// SPDX-License-Identifier: MIT
// What stands on a bond, and what becomes of it at a failover: bridges, macvlans here and in other namespaces, groups.
#include <algorithm>
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <cstring>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

std::uint32_t ip4(const char *text) { return ntohl(::inet_addr(text)); }

FrameMatch announcement_of(const char *address) {
    return [wanted = ip4(address)](const Frame &frame) {
        const auto arp = as_arp(frame);
        return arp && arp->gratuitous() && arp->sender_ip == wanted;
    };
}

MacAddr source_of(const Frame &frame) {
    MacAddr mac;
    std::copy_n(frame.bytes.begin() + 6, mac.bytes.size(), mac.bytes.begin());
    return mac;
}

FrameMatch comes_from(const MacAddr &mac) {
    return [mac](const Frame &frame) { return frame.bytes.size() >= 14 && source_of(frame) == mac; };
}

// An MLD report of version 2 that names the group.
FrameMatch mld_report_of(const char *group) {
    std::array<std::uint8_t, 16> wanted{};
    ::inet_pton(AF_INET6, group, wanted.data());
    return [wanted](const Frame &frame) {
        constexpr std::size_t type = 14 + 40 + 8, first_record = type + 8, record_bytes = 20;
        const auto &b = frame.bytes;
        if (b.size() < first_record || b[12] != 0x86 || b[13] != 0xdd || b[20] != 0 || b[type] != 143) {
            return false;
        }
        for (std::size_t at = first_record + 4; at + 16 <= b.size(); at += record_bytes) {
            if (std::equal(wanted.begin(), wanted.end(), b.begin() + static_cast<std::ptrdiff_t>(at))) {
                return true;
            }
        }
        return false;
    };
}

void allow_ipv6(const Lab &lab) {
    lab.ns().set_sysctl("net.ipv6.conf.default.disable_ipv6", "0");
    lab.ns().set_sysctl("net.ipv6.conf.bond0.disable_ipv6", "0");
}

Fd join6(const NetNs &ns, const char *group, const std::string &ifname) {
    Fd fd;
    ns.inside([&] {
        fd.reset(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ipv6_mreq request{};
        ::inet_pton(AF_INET6, group, &request.ipv6mr_multiaddr);
        request.ipv6mr_interface = ns.ifindex(ifname);
        REQUIRE(::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request) == 0);
    });
    return fd;
}

// The kernel itself says of a new group twice, at most a second apart, and again when the link-local address has been
// found to be nobody else's.
bool kernel_has_said(const Wires &wires, const FrameMatch &report) {
    return wait_until(
        [&] {
            const auto so_far = wires.total(report);
            return so_far > 0 && holds_for([&] { return wires.total(report) == so_far; }, 2500ms);
        },
        15s);
}

} // namespace

TEST_CASE("announce: a bridge above has the new slave's address in the very first announcement") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100 fail_over_mac active");
    lab.ns().ip("link add br9 type bridge\nlink set bond0 master br9\nlink set br9 up\naddr add 10.99.0.1/24 dev br9");
    const Wires wires(lab, 2);
    REQUIRE(wait_until([&] { return lab.ns().mac("br9") == lab.ns().mac("e0"); }));
    lab.host().cut(0);
    REQUIRE(wait_until([&] { return wires.count(1, announcement_of("10.99.0.1")) > 0; }));
    const auto first = wires.wire(1).frames(announcement_of("10.99.0.1")).front();
    CHECK(as_arp(first)->sender_mac == lab.ns().mac("e1"));
    CHECK(as_arp(first)->ethernet_source == lab.ns().mac("e1"));
    CHECK(lab.ns().mac("br9") == lab.ns().mac("e1"));
}

TEST_CASE("announce: a failover repeats MLD reports, those of solicited-node groups included") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100");
    allow_ipv6(lab);
    lab.ns().ip("addr add 2001:db8::12:3456/64 dev bond0 nodad");
    Wires wires(lab, 2);
    const Fd joined = join6(lab.ns(), "ff05::4242", "bond0");
    REQUIRE(kernel_has_said(wires, mld_report_of("ff05::4242")));
    wires.clear();
    lab.host().cut(0);
    REQUIRE(lab.wait_active("e1"));
    CHECK(wait_until([&] { return wires.count(1, mld_report_of("ff05::4242")) > 0; }));
    CHECK(wait_until([&] { return wires.count(1, mld_report_of("ff02::1:ff12:3456")) > 0; }));
    for (const auto &report : wires.wire(1).frames(mld_report_of("ff05::4242"))) {
        CHECK(source_of(report) == lab.ns().mac("bond0"));
        CHECK(report.bytes[21] == 1);                               // hop limit
        CHECK((report.bytes[22] == 0xfe || report.bytes[22] == 0)); // link-local or none
    }
}

TEST_CASE("announce: resend_igmp 0 repeats no report") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100 resend_igmp 0");
    allow_ipv6(lab);
    Wires wires(lab, 2);
    lab.ns().ip("addr add 2001:db8::12:3456/64 dev bond0 nodad");
    REQUIRE(kernel_has_said(wires, mld_report_of("ff02::1:ff12:3456")));
    wires.clear();
    lab.host().cut(0);
    REQUIRE(lab.wait_active("e1"));
    CHECK(holds_for([&] { return wires.count(1, mld_report_of("ff02::1:ff12:3456")) == 0; }, 500ms));
}

TEST_CASE("a macvlan above is no capture: visibility stays, and the slave lets its address in") {
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode active-backup miimon 100");
    const Server server(lab.network(), "10.99.0.2/24");
    NetNs container;
    REQUIRE(lab.status().visibility == "fast");
    const bool here = GENERATE(true, false); // or created in the container's namespace, of which nobody tells
    if (here) {
        lab.ns().ip("link add link bond0 name mv0 type macvlan mode bridge\naddr add 10.99.0.5/24 dev mv0\n"
                    "link set mv0 up");
    } else {
        lab.ns().ip("link add link bond0 name mv0 netns " + container.path() + " type macvlan mode bridge");
        container.ip("addr add 10.99.0.5/24 dev mv0\nlink set mv0 up");
    }
    CHECK(wait_until([&] { return server.ns().run(split("ping -c1 -W1 10.99.0.5")).ok(); }));
    CHECK(holds_for([&] { return lab.status().visibility == "fast"; }, 1500ms, 50ms));
    CHECK(wait_until([&] { return lab.ns().link("e0").at("promiscuity") == nlohmann::json(1); }));
    const Sniffer capture(lab.ns(), "bond0", {.promiscuous = true, .on_frame = {}});
    CHECK(wait_until([&] { return lab.status().visibility == "full"; }));
}

TEST_CASE("announce: switches are shown where a macvlan of another namespace is after a failover") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100");
    NetNs container;
    lab.ns().ip("link add link bond0 name mv0 netns " + container.path() + " type macvlan mode bridge");
    container.set_up("mv0", true);
    const auto mac = container.mac("mv0");
    REQUIRE(wait_until([&] { return lab.ns().link("e0").at("promiscuity") == nlohmann::json(1); })); // it is known
    const Wires wires(lab, 2);
    lab.host().cut(0);
    REQUIRE(lab.wait_active("e1"));
    CHECK(wait_until([&] { return wires.count(1, comes_from(mac)) > 0; }));
    CHECK(wait_until([&] { return lab.ns().link("e1").at("promiscuity") == nlohmann::json(1); }));
}
