// SPDX-License-Identifier: MIT
// What the controller sends is seen on the slave, by captures and by tc filters, as what everybody else sends.
#include <catch2/catch.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

constexpr std::uint16_t slow_protocol = 0x8809;

FrameMatch sent_arp(bool gratuitous) {
    return [gratuitous](const Frame &frame) {
        const auto arp = as_arp(frame);
        return frame.outgoing && arp && arp->operation == 1 && arp->gratuitous() == gratuitous;
    };
}

FrameMatch sent_slow() {
    return [](const Frame &frame) {
        return frame.outgoing && frame.bytes.size() > 14 && frame.bytes[12] == slow_protocol >> 8 &&
               frame.bytes[13] == (slow_protocol & 0xff);
    };
}

// Packets that an egress filter on the device has seen.
int filtered(const Lab &lab, const std::string &device) {
    int sum = 0;
    const auto shown = lab.ns().run({"tc", "-s", "filter", "show", "dev", device, "egress"}).out;
    for (std::size_t at = 0; (at = shown.find("Sent ", at)) != std::string::npos; ++at) {
        sum += std::stoi(shown.substr(shown.find("bytes ", at) + 6));
    }
    return sum;
}

} // namespace

TEST_CASE("sent: a capture on a slave shows LACPDUs going out") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode 802.3ad lacp_rate fast miimon 100");
    const Sniffer capture(lab.ns(), "e0");
    CHECK(capture.wait_count(sent_slow(), 2));
}

TEST_CASE("sent: a capture on a slave shows LACPDUs also where they are to leave by AF_XDP") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode 802.3ad lacp_rate fast miimon 100 xdp generic lacp_channel af_xdp");
    const Sniffer capture(lab.ns(), "e0", {.promiscuous = true, .on_frame = {}});
    CHECK(capture.wait_count(sent_slow(), 2));
    const auto sends = lab.cli().json("lacp bond0").at("slaves").at(0).at("channel").at("sends");
    CHECK(sends == "af_packet");
}

TEST_CASE("sent: a capture on a slave shows probes and announcements") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100 monitors any arp_interval 100 arp_ip_target 10.99.0.2");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    const Sniffer probes(lab.ns(), "e0"), announcements(lab.ns(), "e1");
    CHECK(probes.wait_count(sent_arp(false), 2));
    lab.cli().ok("link set bond0 type bond active_slave e1");
    CHECK(announcements.wait_count(sent_arp(true), 1));
}

TEST_CASE("sent: an egress filter on a slave sees LACPDUs") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode 802.3ad lacp_rate fast miimon 100");
    if (!lab.ns().run(split("tc qdisc add dev e0 clsact")).ok() ||
        !lab.ns().run(split("tc filter add dev e0 egress protocol 0x8809 matchall action pass")).ok()) {
        std::cout << "SKIPPED: this kernel has no clsact, matchall or gact\n";
        return;
    }
    CHECK(wait_until([&] { return filtered(lab, "e0") >= 2; }));
}
