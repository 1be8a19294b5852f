// SPDX-License-Identifier: MIT
// Mode 802.3ad against Open vSwitch: a peer that is not ours.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include "tests/netns/frames.h"
#include "tests/netns/lacp/lab.h"

using namespace xbond::harness;
using nlohmann::json;

namespace {

using Names = std::vector<std::string>;

bool ovs_installed() {
    if (!OvsSwitch::installed()) {
        std::cout << "SKIPPED: Open vSwitch is not installed (scripts/deps)\n";
    }
    return OvsSwitch::installed();
}

const std::string active = "bond_mode=balance-tcp lacp=active ";
const std::string fast = "other_config:lacp-time=fast";
const std::string slow = "other_config:lacp-time=slow";

bool ovs_negotiated(const OvsLab &lab) {
    const auto shown = lab.ovs().lacp_show("team");
    for (const auto &member : shown.members) {
        if (member.status != "current attached") {
            return false;
        }
    }
    return shown.fields.at("status").find("negotiated") != std::string::npos;
}

// UDP flows of one host: what layer3+4 tells apart.
void send_flows(const NetNs &ns, int flows) {
    for (int n = 0; n < flows; ++n) {
        const auto port = std::to_string(30000 + n);
        (void)ns.run({"bash", "-c", "echo x > /dev/udp/10.98.0.2/" + port});
    }
}

} // namespace

TEST_CASE("802.3ad R12 negotiates with Open vSwitch, fast and slow, by AF_PACKET and by AF_XDP, and carries traffic") {
    if (!ovs_installed()) {
        return;
    }
    const std::string xdp = GENERATE("off", "native");
    const std::string rate = GENERATE("fast", "slow");
    CAPTURE(xdp, rate);
    OvsLab lab(2, active + (rate == "fast" ? fast : slow));
    lab.make_bond("xmit_hash_policy layer3+4 lacp_channel af_xdp lacp_rate " + rate + " xdp " + xdp);
    REQUIRE(lab.host().wait_negotiated(40s));
    CHECK(lab.host().wait_distributing(lab.slaves()));
    CHECK(wait_until([&] { return ovs_negotiated(lab); }, 15s, 50ms));
    CHECK(lab.wait_reaches_server());

    const json shown = lab.host().show();
    CHECK(shown.at("carrier") == true);
    CHECK(shown.at("lacp").at("rate") == rate);
    CHECK(shown.at("slaves").at(0).at("channel").at("way") == (xdp == "native" ? "af_xdp" : "af_packet"));
    for (const auto &slave : lab.slaves()) {
        const json port = lab.host().port(slave);
        CHECK(port.at("fsm").at("mux") == "COLLECTING_DISTRIBUTING");
        CHECK(port.at("actor").at("state") == (rate == "fast" ? 63 : 61));
        CHECK(port.at("stats").at("lacpdu_illegal_rx") == 0);
    }
    const auto member = lab.ovs().lacp_show("team").member("p0");
    CHECK(member.fields.at("partner sys_id") == shown.at("lacp").at("system").at("mac").get<std::string>());

    // 8 flows and more use both links.
    const auto before = lab.host().status();
    send_flows(lab.host().ns(), 16);
    const auto after = lab.host().status();
    for (int n = 0; n < 2; ++n) {
        const auto sent = [&](const json &status) {
            return status.at("slaves").at(n).at("counters").at("tx_packets").get<std::uint64_t>();
        };
        CHECK(sent(after) > sent(before));
    }
}

TEST_CASE("802.3ad R12 8 flows of iperf3 through Open vSwitch, out and in, use both links") {
    if (!ovs_installed()) {
        return;
    }
    const std::string direction = GENERATE("out", "in");
    CAPTURE(direction);
    OvsLab lab(2, active + fast);
    lab.make_bond("xmit_hash_policy layer3+4 lacp_rate fast");
    REQUIRE(lab.host().wait_negotiated());
    REQUIRE(lab.host().wait_distributing(lab.slaves()));
    REQUIRE(lab.wait_reaches_server());
    // Open vSwitch takes frames as they leave a socket: checksums and segments must be done by then.
    for (const std::string device : {"bond0", "e0", "e1"}) {
        REQUIRE(lab.host().ns().run(split("ethtool -K " + device + " tx off tso off gso off")).ok());
    }
    REQUIRE(lab.server().run(split("ethtool -K eth0 tx off tso off gso off")).ok());

    const auto carried = [&](const std::string &slave) {
        const json stats = lab.host().ns().link(slave).at("stats64").at(direction == "out" ? "tx" : "rx");
        return stats.at("bytes").get<double>();
    };
    // Open vSwitch deals its hash's buckets out at random: of 128 times it puts all eight on one link once.
    std::vector<std::string> ports{"40000"};
    if (direction == "in") {
        ports.insert(ports.end(), {"41000", "42000"});
    }
    double received = 0, first = 0, second = 0;
    for (const auto &port : ports) {
        Process server({"iperf3", "-s", "-1", "--forceflush"}, lab.server().fd());
        REQUIRE(wait_until([&] { return server.out().find("listening") != std::string::npos; }));
        const auto before = std::pair(carried("e0"), carried("e1"));
        auto client = split("iperf3 -c 10.98.0.2 -P 8 -t 2 --cport " + port + " -J");
        if (direction == "in") {
            client.push_back("--reverse");
        }
        const auto done = lab.host().ns().run(client);
        CAPTURE(done.out, done.err);
        REQUIRE(done.ok());
        const json totals = json::parse(done.out).at("end");
        received = totals.at("sum_received").at("bytes").get<double>();
        first = carried("e0") - before.first;
        second = carried("e1") - before.second;
        std::cout << "iperf3 " << direction << ": " << received / 1e6 << " MB received; e0 " << first / 1e6
                  << " MB, e1 " << second / 1e6 << " MB\n";
        if (std::min(first, second) > received / 100) {
            break;
        }
    }
    CHECK(received > 0);
    CHECK(first > received / 100);
    CHECK(second > received / 100);
    CHECK(lab.host().distributing() == lab.slaves());
}

TEST_CASE("802.3ad both sides passive do not negotiate, one active side is enough") {
    if (!ovs_installed()) {
        return;
    }
    OvsLab lab(2, "lacp=passive " + fast);
    lab.make_bond("lacp_rate fast lacp_active off");
    CHECK(holds_for([&] { return lab.host().port("e0").at("fsm").at("rx") != "CURRENT"; }, 4s, 100ms));
    CHECK(lab.host().port("e0").at("stats").at("lacpdu_tx") == 0);
    SECTION("we") {
        lab.host().cli().ok("link set bond0 type bond lacp_active on");
        CHECK(lab.host().wait_negotiated());
    }
    SECTION("the partner") {
        lab.ovs().set_port("team", "lacp=active");
        CHECK(lab.host().wait_negotiated());
    }
    CHECK(lab.host().wait_distributing(lab.slaves()));
}

TEST_CASE("802.3ad a link that is pulled leaves at once, one whose LACPDUs are lost within the protocol's bound") {
    if (!ovs_installed()) {
        return;
    }
    const std::string xdp = GENERATE("off", "native");
    CAPTURE(xdp);
    OvsLab lab(2, active + fast);
    lab.make_bond("lacp_rate fast xdp " + xdp);
    REQUIRE(lab.host().wait_negotiated());
    REQUIRE(lab.host().wait_distributing(lab.slaves()));
    SECTION("pulled") {
        lab.lan().set_up("p0", false);
        CHECK(lab.host().wait_distributing({"e1"}, 2s));
        CHECK(lab.wait_reaches_server());
        lab.lan().set_up("p0", true);
        CHECK(lab.host().wait_distributing(lab.slaves()));
    }
    SECTION("only the LACPDUs to us are lost") {
        drop_sent_lacpdus(lab.lan(), "p0");
        CHECK(lab.host().wait_distributing({"e1"}, 6s));
        CHECK(lab.host().port("e0").at("fsm").at("rx") != "CURRENT");
        CHECK(lab.host().status().at("slaves").at(0).at("carrier") == true);
        CHECK(lab.wait_reaches_server());
    }
}

TEST_CASE("802.3ad R04 a port that does not collect delivers nothing but link-local frames, to the slave") {
    if (!ovs_installed()) {
        return;
    }
    OvsLab lab(2, active + fast);
    lab.make_bond("lacp_rate fast");
    REQUIRE(lab.host().wait_negotiated());
    lab.ovs().del_port("team");
    lab.lan().ip("link add x0 type veth peer name x1"); // OVS wants two ports in a bond
    lab.ovs().add_bond("one", {"p0", "x0"}, active + fast);
    REQUIRE(wait_until([&] { return lab.host().distributing() == Names{"e0"}; }, 20s, 50ms));
    REQUIRE(wait_until([&] { return lab.host().port("e1").at("collecting") == false; }, 10s, 50ms));

    const Sniffer bond(lab.host().ns(), "bond0"), slave(lab.host().ns(), "e1");
    const Injector wire(lab.lan(), "p1");
    const auto unicast = udp_frame(1, {lab.host().ns().mac("bond0"), xbond::test::test_mac(7)});
    const auto lldp = lldp_frame(xbond::test::test_mac(7));
    wire.send(unicast, 3);
    wire.send(lldp);
    CHECK(slave.wait_count(same_as(lldp), 1));
    CHECK(bond.count(same_as(unicast)) == 0);
    CHECK(bond.count(same_as(lldp)) == 0);
}

TEST_CASE("802.3ad two partners end in two aggregators, and one of them carries the traffic") {
    if (!ovs_installed()) {
        return;
    }
    OvsLab lab(2, "");
    lab.lan().ip("link add x0 type veth\nlink add x1 type veth"); // OVS wants two ports in a bond
    lab.ovs().add_bond("one", {"p0", "x0"}, active + fast + " other_config:lacp-system-id=02:00:00:00:00:01");
    lab.ovs().add_bond("two", {"p1", "x1"}, active + fast + " other_config:lacp-system-id=02:00:00:00:00:02");
    lab.make_bond("lacp_rate fast");
    const auto partners = [&] {
        std::set<std::string> found;
        const json shown = lab.host().show();
        for (const json &aggregator : shown.at("aggregators")) {
            if (aggregator.at("has_partner") == true) {
                found.insert(aggregator.at("partner").at("mac").get<std::string>());
            }
        }
        return found;
    };
    CHECK(wait_until(
        [&] {
            return partners() == std::set<std::string>{"02:00:00:00:00:01", "02:00:00:00:00:02"};
        },
        15s, 50ms));
    CHECK(wait_until([&] { return lab.host().distributing().size() == 1; }, 10s, 50ms));
    const json shown = lab.host().show();
    CHECK(shown.at("slaves").at(0).at("aggregator_id") != shown.at("slaves").at(1).at("aggregator_id"));
}

TEST_CASE("802.3ad ports whose partner's keys differ do not aggregate") {
    LacpHost left, right;
    for (const std::string n : {"0", "1"}) {
        left.ns().veth("e" + n, right.ns(), "e" + n);
    }
    const std::string system = " ad_actor_system 02:00:00:00:00:99 ad_user_port_key ";
    right.make_bond("lacp_rate fast" + system + "1", {"e0"});
    right.cli().ok("link add bond1 type bond mode 802.3ad lacp_rate fast" + system + "2");
    right.cli().ok("link set bond1 up");
    right.cli().ok("link set e1 master bond1");
    left.make_bond("lacp_rate fast", {"e0", "e1"});
    CHECK(wait_until(
        [&] {
            const json a = left.port("e0"), b = left.port("e1");
            return a.at("partner").at("system") == b.at("partner").at("system") &&
                   a.at("partner").at("key") != b.at("partner").at("key") &&
                   a.at("aggregator_id") != b.at("aggregator_id") && left.distributing().size() == 1;
        },
        15s, 50ms));
}

TEST_CASE("802.3ad release and link del say farewell, SIGTERM does not") {
    if (!ovs_installed()) {
        return;
    }
    OvsLab lab(2, active + fast);
    lab.make_bond("lacp_rate fast");
    REQUIRE(lab.host().wait_negotiated());
    const Sniffer first(lab.lan(), "p0"), second(lab.lan(), "p1");
    const auto system = xbond::MacAddr::parse(lab.host().status().at("mac").get<std::string>()).value();
    const auto farewell = [&](const Frame &frame) { // AGG to DIS are clear, the system is the one negotiated
        return is_lacpdu(frame) && !frame.outgoing && (frame.bytes[32] & 0x3c) == 0 &&
               std::equal(system.bytes.begin(), system.bytes.end(), frame.bytes.begin() + 20);
    };
    REQUIRE(lab.wait_reaches_server()); // the other end too forwards only some time after the negotiation
    CHECK(lab.host().daemon().stop() == 0);
    CHECK(first.count(farewell) + second.count(farewell) == 0);
    CHECK(lab.reaches_server()); // the data path goes on
    lab.host().daemon().start();
    lab.host().cli().ok("link set e0 nomaster");
    CHECK(first.wait_count(farewell, 1));
    lab.host().cli().ok("link del bond0");
    CHECK(second.wait_count(farewell, 1));
    CHECK_FALSE(std::filesystem::exists(lab.host().daemon().state_dir() / "lacp-bond0.json"));
}

TEST_CASE(
    "802.3ad slaves that swap their names, also while the controller stands still, the partner sees nothing of it") {
    LacpHost left, right;
    for (const std::string n : {"0", "1"}) {
        left.ns().veth("e" + n, right.ns(), "e" + n);
    }
    left.make_bond("lacp_rate fast", {"e0", "e1"});
    right.make_bond("lacp_rate fast", {"e0", "e1"});
    REQUIRE(left.wait_distributing({"e0", "e1"}));
    REQUIRE(right.wait_distributing({"e0", "e1"}));
    const std::string swap = "link set e0 name x0\nlink set e1 name e0\nlink set x0 name e1\n";
    if (!left.ns().run(split("ip link set e0 name x0")).ok()) {
        return; // before Linux 6.2
    }
    left.ns().ip("link set x0 name e0");
    const auto states = [](const LacpHost &host) {
        json seen;
        for (const auto &slave : host.show().at("slaves")) {
            const auto &stats = slave.at("stats");
            seen.push_back({stats.at("expired"), stats.at("defaulted"), slave.at("partner").at("state")});
        }
        return seen;
    };
    const auto before = states(right), own = states(left);
    left.daemon().freeze();
    left.ns().ip(swap);
    left.daemon().thaw();
    for (int i = 0; i < 20; ++i) {
        left.ns().ip(swap);
    }
    CHECK(holds_for(
        [&] {
            return right.distributing() == Names{"e0", "e1"} && states(right) == before;
        },
        2500ms, 50ms));
    CHECK(states(left) == own);
    const auto status = left.status();
    for (const auto &slave : status.at("slaves")) {
        CHECK(slave.at("failures") == 0);
    }
    CHECK(left.distributing() == Names{"e1", "e0"}); // in their old order, under their new names
}

TEST_CASE("802.3ad back to back: two bonds of xbond negotiate, and the history decodes what they said") {
    LacpHost left, right;
    for (const std::string n : {"0", "1"}) {
        left.ns().veth("e" + n, right.ns(), "e" + n);
    }
    left.make_bond("lacp_rate fast xdp native", {"e0", "e1"});
    right.make_bond("lacp_rate fast coupled_control off", {"e0", "e1"});
    REQUIRE(left.wait_negotiated());
    REQUIRE(right.wait_negotiated());
    CHECK(left.wait_distributing({"e0", "e1"}));
    CHECK(right.wait_distributing({"e0", "e1"}));
    left.ns().ip("addr add 10.97.0.1/24 dev bond0");
    right.ns().ip("addr add 10.97.0.2/24 dev bond0");
    CHECK(wait_until([&] { return left.ns().run(split("ping -c1 -W1 10.97.0.2")).ok(); }, 10s));

    const json history = left.cli().json("lacp bond0 history e0");
    REQUIRE(history.size() > 4);
    for (const json &entry : history) {
        CHECK(entry.at("slave") == "e0");
        CHECK(entry.at("wire_octets") == 124);
        CHECK(entry.at("actor").at("system_priority") == 65535);
    }
    CHECK(left.cli().ok("lacp bond0").find("CURRENT COLLECTING_DISTRIBUTING SELECTED") != std::string::npos);

    const auto file = left.daemon().dir() / "lacp.pcap";
    left.cli().ok("lacp bond0 pcap " + file.string());
    const auto tshark = left.ns().run({"bash", "-c", "command -v tshark"});
    if (!tshark.ok()) {
        std::cout << "SKIPPED: tshark is not installed (scripts/deps)\n";
        return;
    }
    const auto read = [&](const std::string &filter) {
        const auto done = left.ns().run({"tshark", "-r", file.string(), "-Y", filter});
        REQUIRE(done.ok());
        return done.out;
    };
    CHECK_FALSE(read("lacp").empty());
    CHECK(read("_ws.malformed || _ws.expert").empty());
}

TEST_CASE("802.3ad monitors any: ARP probes leave by AF_XDP where LACP has a socket, and are answered") {
    LacpHost left, right;
    left.ns().veth("e0", right.ns(), "e0");
    const bool native = GENERATE(true, false);
    left.make_bond(std::string("lacp_rate fast lacp_channel af_xdp miimon 100 monitors any arp_interval 100 "
                               "arp_validate all arp_ip_target "
                               "10.97.0.2 xdp ") +
                       (native ? "native" : "off"),
                   {"e0"});
    right.make_bond("lacp_rate fast", {"e0"});
    REQUIRE(left.wait_negotiated());
    left.ns().ip("addr add 10.97.0.1/24 dev bond0");
    right.ns().ip("addr add 10.97.0.2/24 dev bond0");
    CHECK(left.port("e0").at("channel").at("way") == (native ? "af_xdp" : "af_packet"));
    CHECK(wait_until([&] {
        const json slave = left.status().at("slaves").at(0);
        return !slave.at("monitor").at("targets").at(0).at("round_trip_ms").is_null();
    }));
    const auto by_xsk = [&] { return left.port("e0").at("channel").at("xsk_sent").get<int>(); };
    const int so_far = by_xsk();
    if (native) { // LACP alone sends three in a second at most
        CHECK(wait_until([&] { return by_xsk() > so_far + 20; }, 4s));
    } else {
        CHECK(so_far == 0);
    }
}

TEST_CASE("802.3ad controller_lease: a stuck controller stops sending when the lease is over, a live one goes on") {
    LacpHost left, right;
    left.ns().veth("e0", right.ns(), "e0");
    left.make_bond("lacp_rate fast controller_lease 400", {"e0"});
    right.make_bond("lacp_rate fast", {"e0"});
    REQUIRE(left.wait_negotiated());
    left.ns().ip("addr add 10.97.0.1/24 dev bond0");
    right.ns().ip("addr add 10.97.0.2/24 dev bond0");
    const auto reaches = [&] { return left.ns().run(split("ping -c1 -W1 10.97.0.2")).ok(); };
    REQUIRE(wait_until(reaches, 10s));
    left.daemon().freeze();
    CHECK(wait_until([&] { return !reaches(); }, 3s));
    left.daemon().thaw();
    CHECK(wait_until(reaches, 5s));
    left.cli().ok("link set bond0 type bond controller_lease hold");
    left.daemon().freeze();
    CHECK(holds_for(reaches, 900ms, 100ms));
    left.daemon().thaw();
}
