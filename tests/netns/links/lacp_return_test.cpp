// SPDX-License-Identifier: MIT
// As return_test.cpp, for ports of one aggregator: against Open vSwitch and against another xbond. Serial.
#include "tests/netns/lacp/lab.h"
#include "tests/netns/links/rounds.h"

using namespace xbond::harness;

namespace {

// The port that the stream is on.
std::string busy(const LacpHost &host, const std::string &address) {
    const auto sent = [&] {
        std::map<std::string, std::uint64_t> packets;
        const auto status = host.status();
        for (const auto &slave : status.at("slaves")) {
            packets[slave.at("name")] = slave.at("counters").at("tx_packets");
        }
        return packets;
    };
    auto before = sent();
    REQUIRE(host.ns().run(split("ping -q -c40 -i0.01 -W1 " + address)).ok());
    auto after = sent();
    return after["e0"] - before["e0"] >= after["e1"] - before["e1"] ? "e0" : "e1";
}

std::function<bool(bool)> seen_by(const LacpHost &host, const std::string &slave) {
    return [&host, slave](bool on) {
        const auto names = host.distributing();
        return (std::find(names.begin(), names.end(), slave) != names.end()) == on;
    };
}

} // namespace

TEST_CASE("return, 802.3ad: against Open vSwitch at most two packets are lost with a port and few when it returns") {
    const bool own_end = GENERATE(false, true);
    CAPTURE(own_end);
    if (!OvsSwitch::installed()) {
        std::cout << "SKIPPED: Open vSwitch is not installed\n";
        return;
    }
    OvsLab lab(2, "lacp=active other_config:lacp-time=fast bond_mode=balance-slb");
    lab.make_bond("lacp_rate fast");
    // Open vSwitch's userspace data path takes a checksum that a veth leaves open for a wrong one.
    REQUIRE(lab.host().ns().run(split("ethtool -K bond0 tx off")).ok());
    REQUIRE(lab.server().run(split("ethtool -K eth0 tx off")).ok());
    REQUIRE(lab.host().wait_distributing({"e0", "e1"}));
    REQUIRE(lab.wait_reaches_server());
    const auto port = busy(lab.host(), "10.98.0.2");
    const Crossing crossing{
        .from = lab.host().ns(),
        .to = lab.server(),
        .address = "10.98.0.2",
        .toggle =
            [&](bool on) { own_end ? lab.host().ns().set_up(port, on) : lab.lan().set_up("p" + port.substr(1), on); },
        .seen = seen_by(lab.host(), port)};
    if (!is_lossless(crossing)) {
        std::cout << "SKIPPED: Open vSwitch does not keep up with the stream on this machine at present\n";
        return;
    }
    expect_slow_return(own_end ? "OVS, own device" : "OVS, far end", crossing);
}

TEST_CASE("return, 802.3ad: against another xbond at most two packets are lost with a port and none at its return") {
    LacpHost left, right;
    for (const std::string n : {"0", "1"}) {
        left.ns().veth("e" + n, right.ns(), "e" + n);
    }
    left.make_bond("lacp_rate fast", {"e0", "e1"});
    right.make_bond("lacp_rate fast", {"e0", "e1"});
    REQUIRE(left.wait_distributing({"e0", "e1"}));
    REQUIRE(right.wait_distributing({"e0", "e1"}));
    left.ns().ip("addr add 10.99.0.1/24 dev bond0");
    right.ns().ip("addr add 10.99.0.2/24 dev bond0");
    REQUIRE(wait_until([&] { return left.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    const auto port = busy(left, "10.99.0.2");
    expect_slow_return("xbond, far end", {.from = left.ns(),
                                          .to = right.ns(),
                                          .address = "10.99.0.2",
                                          .toggle = [&](bool on) { right.ns().set_up(port, on); },
                                          .seen = seen_by(left, port)});
}
