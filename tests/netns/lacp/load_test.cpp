// SPDX-License-Identifier: MIT
// LACP when the controller is held up, and when there is more to hear than it has to answer. Serial: time is measured.
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/harness/packet.h"
#include "tests/netns/lacp/partner.h"

using namespace xbond::harness;

namespace {

constexpr std::size_t tlv_type_at = 16; // in a frame

Bytes marker_request() {
    Bytes payload{2, 1, 1, 16, 0, 1, 0x02, 0x50, 0, 0, 0, 1, 0, 0, 0, 42};
    payload.resize(110);
    return xbond::test::Packet(xbond::test::mac_slow, xbond::test::test_mac(0x50))
        .ethertype(xbond::lacp::slow_protocols_ethertype)
        .bytes(payload)
        .build();
}

bool is_marker_response(const Frame &frame) {
    return frame.bytes.size() == 124 && frame.bytes[14] == 2 && frame.bytes[tlv_type_at] == 2;
}

} // namespace

TEST_CASE("802.3ad R01 a controller that stood still for 10 s takes in what waits before it looks at its timers") {
    const std::string xdp = GENERATE("off", "native");
    CAPTURE(xdp);
    PartnerLab lab(2);
    REQUIRE(lab.make_bond("lacp_rate fast xdp " + xdp));
    const auto expired = lab.expired();
    lab.host().daemon().freeze();
    CHECK(holds_for([&] { return lab.host().daemon().running(); }, 10s, 100ms));
    const auto before = std::pair(lab.partners().heard(0).pdus, lab.partners().heard(1).pdus);
    lab.host().daemon().thaw();
    const auto said = [&](std::size_t port, std::uint64_t so_far) { return lab.partners().heard(port).pdus - so_far; };
    CHECK(wait_until([&] { return said(0, before.first) > 0 && said(1, before.second) > 0; }, 1s, 1ms));
    CHECK(holds_for([&] { return said(0, before.first) <= 3 && said(1, before.second) <= 3; }, 900ms));
    CHECK(lab.expired() == expired);
    CHECK(lab.host().port("e0").at("fsm").at("rx") == "CURRENT");
    CHECK(lab.host().distributing() == lab.slaves());
}

TEST_CASE("802.3ad R14 10000 marker requests a second for 10 s: 5 responses a second, LACP as ever") {
    const std::string xdp = GENERATE("off", "native");
    CAPTURE(xdp);
    PartnerLab lab(1);
    REQUIRE(lab.make_bond("lacp_rate fast xdp " + xdp));
    const auto expired = lab.expired();
    const Sniffer wire(lab.lan(), "p0", Sniffer::Options{.incoming_only = true, .on_frame = {}});
    const auto request = marker_request();
    lab.partners().begin_measuring();
    const auto sent = at_rate(10'000, 10s, [&](std::size_t) { lab.partners().send(0, request); });
    const auto longest_gap = lab.partners().gaps().back();
    const auto responses = wire.frames(is_marker_response);
    std::cout << responses.size() << " responses; longest gap between LACPDUs " << longest_gap.count() / 1'000'000
              << " ms\n";
    CHECK(sent >= 95'000);
    CHECK(responses.size() >= 45);
    for (std::size_t n = 5; n < responses.size(); ++n) { // the controller counts by its own clock, which reads later
        CHECK(responses[n].time - responses[n - 5].time > 950ms);
    }
    CHECK(longest_gap < 1500ms);
    CHECK(lab.expired() == expired);
    CHECK(lab.host().distributing() == lab.slaves());
}
