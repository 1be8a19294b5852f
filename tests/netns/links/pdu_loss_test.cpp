// SPDX-License-Identifier: MIT
// LACPDUs get lost on a cable whose carrier stays. Serial: it counts packets.
#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "tests/harness/traffic/bpf_program.h"
#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/lacp/lab.h"

using namespace xbond::harness;

namespace {

constexpr unsigned rate = 8000;

// Two cables between hosts, each through a box that can lose the LACPDUs of one side.
class LossyCables {
public:
    LossyCables(const NetNs &left, const NetNs &right) {
        for (const std::string n : {"0", "1"}) {
            left.veth("e" + n, box_, "l" + n);
            right.veth("e" + n, box_, "r" + n);
            for (const auto &[from, to] : {std::pair("l" + n, "r" + n), std::pair("r" + n, "l" + n)}) {
                box_.set_up(from, true);
                auto &end = ends_[from];
                end.wire.emplace(box_.ifindex(to));
                end.on.emplace(box_, from, OnDevice::Hook::tcx_ingress, end.wire->program());
            }
        }
    }
    void lose_from_left(const std::string &n, bool on) { ends_.at("l" + n).wire->lose_lacpdus(on); }

private:
    struct End {
        std::optional<Wire> wire;
        std::optional<OnDevice> on;
    };
    NetNs box_;
    std::map<std::string, End> ends_;
};

bool has_tcx() {
    const NetNs probe;
    try {
        const Counter counter;
        const OnDevice on(probe, "lo", OnDevice::Hook::tcx_ingress, counter.program());
        return true;
    } catch (const std::system_error &) {
        return false;
    }
}

bool distributes(const LacpHost &host, const std::string &slave) {
    const auto names = host.distributing();
    return std::find(names.begin(), names.end(), slave) != names.end();
}

} // namespace

TEST_CASE("802.3ad: LACPDUs to the partner get lost while the carrier stays: at most 1.2 s of traffic is lost") {
    if (!has_tcx()) {
        std::cout << "SKIPPED: this kernel has no tcx\n";
        return;
    }
    LacpHost left, right;
    LossyCables cables(left.ns(), right.ns());
    left.make_bond("lacp_rate fast xmit_hash_policy layer3+4", {"e0", "e1"});
    right.make_bond("lacp_rate fast", {"e0", "e1"});
    REQUIRE(left.wait_distributing({"e0", "e1"}));
    REQUIRE(right.wait_distributing({"e0", "e1"}));
    left.ns().ip("addr add 10.99.0.1/24 dev bond0");
    right.ns().ip("addr add 10.99.0.2/24 dev bond0");
    REQUIRE(wait_until([&] { return left.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));

    std::optional<UdpEcho> echo(std::in_place, left.ns(), right.ns(), "10.99.0.2", rate);
    const auto sent = [&](const std::string &slave) {
        const auto status = left.status();
        for (const auto &s : status.at("slaves")) {
            if (s.at("name") == slave) {
                return s.at("counters").at("tx_packets").get<std::uint64_t>();
            }
        }
        return std::uint64_t{0};
    };
    const auto before = std::pair(sent("e0"), sent("e1"));
    REQUIRE(wait_until([&] { return echo->sent() >= rate / 2; }, 5s));
    const std::string busy = sent("e0") - before.first > sent("e1") - before.second ? "e0" : "e1";
    cables.lose_from_left(busy.substr(1), true);
    REQUIRE(wait_until([&] { return !distributes(left, busy); }, 15s));
    const auto left_it = echo->sent();
    REQUIRE(wait_until([&] { return echo->sent() >= left_it + 4 * rate; }, 20s)); // past its next timeouts
    CHECK_FALSE(distributes(left, busy));
    const auto lost = echo->finish().outbound;
    std::cout << "LACPDUs lost: " << lost.text() << "\n";
    CHECK(lost.lost <= rate * 12 / 10);
    echo.reset();

    UdpEcho again(left.ns(), right.ns(), "10.99.0.2", rate);
    cables.lose_from_left(busy.substr(1), false);
    REQUIRE(wait_until([&] { return distributes(left, busy); }, 15s));
    const auto taken_back = again.sent();
    REQUIRE(wait_until([&] { return again.sent() >= taken_back + rate / 2; }, 5s));
    const auto back = again.finish().outbound;
    std::cout << "and heard again: " << back.text() << "\n";
    CHECK(back.lost == 0);
}
