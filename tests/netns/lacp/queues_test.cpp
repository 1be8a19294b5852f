// SPDX-License-Identifier: MIT
// The control channel of a port by AF_XDP, on every receive queue.
#include <catch2/catch.hpp>

#include "tests/netns/lacp/partner.h"
#include "tests/netns/queue_mapping.h"

using namespace xbond::harness;
using nlohmann::json;

TEST_CASE("802.3ad R06 LACPDUs on each of 8 receive queues come in by AF_XDP") {
    constexpr int queues = 8;
    PartnerLab lab(1, {}, queues);
    REQUIRE(lab.make_bond("lacp_rate fast xdp native lacp_channel af_xdp"));
    const json channel = lab.host().port("e0").at("channel");
    REQUIRE(channel.at("way") == "af_xdp");
    CHECK(channel.at("xsk_queues") == queues);
    const auto redirected = [&](int queue) { // by the driver's own count
        const auto shown = lab.host().ns().run(split("ethtool -S e0")).out;
        const auto key = "rx_queue_" + std::to_string(queue) + "_xdp_redirect: ";
        return std::stoul(shown.substr(shown.find(key) + key.size()));
    };
    const auto received = [&] { return lab.host().port("e0").at("stats").at("lacpdu_rx").get<std::uint64_t>(); };
    for (int queue = 0; queue < queues; ++queue) {
        CAPTURE(queue);
        const QueueMapping steer(lab.lan(), "p0", static_cast<std::uint16_t>(1 + queue)); // 0 is none
        const auto on_queue = redirected(queue);
        const auto so_far = received();
        lab.partners().set_state(0, 63);
        CHECK(wait_until([&] { return redirected(queue) > on_queue; }));
        CHECK(wait_until([&] { return received() > so_far; }));
    }
    CHECK(lab.host().port("e0").at("channel").at("dropped") == 0);
}
