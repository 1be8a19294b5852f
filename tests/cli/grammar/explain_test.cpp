// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "tests/cli/words.h"
#include "user/cli/grammar/flow_frame.h"
#include "xbond/hash.h"

using namespace xbond;
using namespace xbond::cli;

TEST_CASE("cli explain: a bond and a frame") {
    const auto in = test::parse_line("explain bond0 --frame 525400aabb01525400ccdd020806 --vlan-tci 0x2064 -j");
    REQUIRE(in);
    const auto *r = std::get_if<api::Request>(&in->action);
    REQUIRE(r);
    const auto &e = std::get<api::Explain>(*r);
    CHECK(e.name == "bond0");
    CHECK(e.frame.size() == 14);
    CHECK(e.vlan_tci == 0x2064);
    CHECK(in->globals.json);
}

TEST_CASE("cli explain: a policy, no daemon") {
    const auto in = test::parse_line("-j explain --policy layer3+4 --slaves 3 --frame 0102 --vlan-tci 100");
    REQUIRE(in);
    const auto *e = std::get_if<ExplainOffline>(&in->action);
    REQUIRE(e);
    CHECK(e->policy == HashPolicy::layer34);
    CHECK(e->slaves == 3);
    CHECK(e->frame == std::vector<std::uint8_t>{1, 2});
    CHECK(e->vlan_tci == 100);
    CHECK(std::get<ExplainOffline>(test::parse_line("explain --policy 5 --frame 00")->action).policy ==
          HashPolicy::vlan_srcmac);
}

TEST_CASE("cli explain: usage errors") {
    for (const char *bad :
         {"explain", "explain bond0", "explain --frame 00", "explain bond0 --frame 0", "explain bond0 --frame zz",
          "explain bond0 --frame 00 --flow src=1.2.3.4,dst=1.2.3.5", "explain bond0 --policy layer2 --frame 00",
          "explain bond0 --slaves 2 --frame 00", "explain --policy layer9 --frame 00",
          "explain --policy layer2 --slaves 0 --frame 00", "explain --policy layer2 --slaves 33 --frame 00",
          "explain bond0 --frame 00 --vlan-tci 65536", "explain bond0 bond1 --frame 00", "explain bond0 --frame",
          "explain bond0 --colour red --frame 00"}) {
        INFO(bad);
        CHECK_FALSE(test::parse_line(bad));
    }
}

TEST_CASE("cli explain --flow: the frame hashes as the worked vector (2.7)") {
    const auto f = frame_of_flow("src=192.168.1.10,dst=192.168.1.20,proto=tcp,sport=40000,dport=80,"
                                 "smac=52:54:00:cc:dd:02,dmac=52:54:00:aa:bb:01");
    REQUIRE(f);
    CHECK(flow_hash(f->bytes, 0, HashPolicy::layer2) == 0x803);
    CHECK(flow_hash(f->bytes, 0, HashPolicy::layer23) == 0x1e1e1615);
    CHECK(flow_hash(f->bytes, 0, HashPolicy::layer34) == 0x27270749);
    CHECK(flow_hash(f->bytes, 0, HashPolicy::encap34) == 0x27270749);
}

TEST_CASE("cli explain --flow: IPv6, VLAN, ICMP") {
    const auto hash = [](const FlowFrame &f) { return flow_hash(f.bytes, f.vlan_tci, HashPolicy::layer34); };
    const auto v6 = frame_of_flow("src=2001:db8::1,dst=2001:db8::2,proto=udp,sport=1,dport=2");
    const auto other_port = frame_of_flow("src=2001:db8::1,dst=2001:db8::2,proto=udp,sport=1,dport=512");
    REQUIRE((v6 && other_port));
    CHECK(v6->bytes[12] == 0x86);
    CHECK(hash(*v6) != hash(*other_port));
    CHECK(frame_of_flow("src=10.0.0.1,dst=10.0.0.2,vlan=100")->vlan_tci == 100);
    const auto ping = frame_of_flow("src=10.0.0.1,dst=10.0.0.2,proto=icmp");
    REQUIRE(ping);
    CHECK(ping->bytes.at(23) == 1);
    CHECK(ping->bytes.at(34) == 8);
    CHECK(frame_of_flow("src=::1,dst=::2,proto=icmp")->bytes.at(20) == 58);
    CHECK(frame_of_flow("src=10.0.0.1,dst=10.0.0.2,proto=47")->bytes.at(23) == 47);
}

TEST_CASE("cli explain --flow: broken fields") {
    for (const char *bad : {"", "src=10.0.0.1", "src=10.0.0.1,dst=::1", "src=x,dst=10.0.0.1", "src=10.0.0.1,dst=10.0.0",
                            "src=10.0.0.1,dst=10.0.0.2,proto=ftp", "src=10.0.0.1,dst=10.0.0.2,proto=256",
                            "src=10.0.0.1,dst=10.0.0.2,sport=65536", "src=10.0.0.1,dst=10.0.0.2,sport=-1",
                            "src=10.0.0.1,dst=10.0.0.2,vlan=4095", "src=10.0.0.1,dst=10.0.0.2,smac=1",
                            "src=10.0.0.1,src=10.0.0.1,dst=10.0.0.2", "src=10.0.0.1,dst=10.0.0.2,tos=1", "src"}) {
        INFO(bad);
        const auto f = frame_of_flow(bad);
        REQUIRE_FALSE(f);
        CHECK(f.error().message.starts_with("--flow: "));
    }
}
