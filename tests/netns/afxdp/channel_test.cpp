// SPDX-License-Identifier: MIT
// lacp_channel: the queues of a slave are an application's, unless LACP is asked to use them.
#include <catch2/catch.hpp>

#include "tests/netns/afxdp/application.h"
#include "tests/netns/lacp/partner.h"

using namespace xbond::harness;

namespace {

std::string way(PartnerLab &lab) { return lab.host().port("e0").at("channel").at("way"); }

std::uint64_t received(PartnerLab &lab) { return lab.host().port("e0").at("stats").at("lacpdu_rx"); }

} // namespace

TEST_CASE("802.3ad LACP leaves a slave's queues to applications unless AF_XDP is asked for") {
    PartnerLab lab(1);
    REQUIRE(lab.make_bond("lacp_rate fast xdp native"));
    CHECK(way(lab) == "af_packet");
    CHECK(bind_plain_xsk(lab.host().ns(), "e0", 0) == 0);
    const auto free_again = [&] { return bind_plain_xsk(lab.host().ns(), "e0", 0) == 0; };

    REQUIRE(wait_until(free_again)); // the socket above closes a moment later
    CHECK(wait_until([&] {
        lab.host().cli().ok("link set bond0 type bond lacp_channel af_packet");
        lab.host().cli().ok("link set bond0 type bond lacp_channel af_xdp");
        return wait_until([&] { return way(lab) == "af_xdp"; }, 1s);
    }));
    CHECK(bind_plain_xsk(lab.host().ns(), "e0", 0) == EBUSY);
    lab.host().cli().ok("link set bond0 type bond lacp_channel af_packet");
    CHECK(wait_until(free_again));
    CHECK(way(lab) == "af_packet");
}

TEST_CASE("802.3ad lacp_channel is switched to and fro without a lost PDU") {
    PartnerLab lab(1);
    REQUIRE(lab.make_bond("lacp_rate fast xdp native"));
    const Sniffer wire(lab.lan(), "p0");
    const auto from_partner = [](const Frame &frame) {
        return frame.outgoing && frame.bytes.size() > 14 && frame.bytes[12] == 0x88 && frame.bytes[13] == 0x09;
    };
    const auto sent = [&] { return wire.count(from_partner); };
    const auto at_first = received(lab);
    const int expired_first = lab.expired();
    const auto sent_first = sent();
    for (int round = 0; round < 6; ++round) {
        const std::string channel = round % 2 == 0 ? "af_xdp" : "af_packet";
        lab.host().cli().ok("link set bond0 type bond lacp_channel " + channel);
        for (int pdu = 0; pdu < 10; ++pdu) { // all through the switch, below the measure of a flood
            const auto so_far = received(lab);
            lab.partners().set_state(0, 63);
            CHECK(wait_until([&] { return received(lab) > so_far; }, 2s));
        }
        CHECK(wait_until([&] { return way(lab) == channel; }));
    }
    CHECK(wait_until([&] { return received(lab) - at_first == sent() - sent_first; }));
    CHECK(lab.expired() == expired_first);
}
