// SPDX-License-Identifier: MIT
// Mode balance-tlb under load: what 32 unequal flows make of two equal links.
#include <catch2/catch.hpp>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

constexpr std::uint32_t flow_count = 32;
constexpr double link_bits = 10e6;

// Shapes what comes from slave eN, in the switch: there it arrives, and only what leaves an interface can be shaped.
// Therefore it takes a turn through an ifb, from which it goes on as if it had arrived anew.
void shape_arrivals(const NetNs &switch_ns, int n) {
    const std::string port = "s" + std::to_string(n), turn = "turn" + std::to_string(n);
    switch_ns.ip("link add name " + turn + " type ifb\nlink set " + turn + " up");
    for (const std::string &line :
         {"qdisc add dev " + turn + " root tbf rate " + std::to_string(static_cast<int>(link_bits)) +
              " burst 32kb latency 200ms",
          "qdisc add dev " + port + " ingress",
          "filter add dev " + port + " parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev " +
              turn}) {
        const auto done = switch_ns.run(split("tc " + line));
        if (!done.ok()) {
            throw std::runtime_error("tc " + line + ": " + done.err);
        }
    }
}

// Flow i sends 4·i packets a second: 14 Mbit/s in all, more than one of the links takes.
class Flows {
public:
    Flows(const NetNs &from, const NetNs &to) {
        for (std::uint32_t i = 1; i <= flow_count; ++i) {
            const auto port = static_cast<std::uint16_t>(5000 + i);
            to.inside([&] { sockets_.push_back(udp_socket("10.99.0.2", port)); });
            receivers_.push_back(std::make_unique<StreamReceiver>(sockets_.back().get(), i, false));
            from.inside([&] { sockets_.push_back(connected_udp("10.99.0.1", "10.99.0.2", port)); });
            senders_.push_back(std::make_unique<StreamSender>(sockets_.back().get(), i, 4 * i, 800));
        }
    }
    std::uint64_t reordered() const {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < flow_count; ++i) {
            sum += receivers_[i]->counter().report(senders_[i]->sent()).reordered;
        }
        return sum;
    }

private:
    std::vector<xbond::Fd> sockets_; // closed last
    std::vector<std::unique_ptr<StreamReceiver>> receivers_;
    std::vector<std::unique_ptr<StreamSender>> senders_;
};

struct Reading { // of the switch, which knows nothing of xbond
    double from_slave[2], to_server;
    Clock::time_point when;
    std::uint64_t reordered;
};

class Bench {
public:
    Bench() {
        shape_arrivals(lab_.switch_ns(), 0);
        shape_arrivals(lab_.switch_ns(), 1);
        lab_.make_bond("mode balance-tlb xmit_hash_policy layer3+4");
        lab_.ns().ip("addr add 10.99.0.1/24 dev bond0");
        flows_ = std::make_unique<Flows>(lab_.ns(), server_.ns());
    }

    Reading read() const {
        const auto bytes = [&](const char *port, const char *way) {
            return lab_.switch_ns().link(port).at("stats64").at(way).at("bytes").get<double>();
        };
        return {{bytes("s0", "rx"), bytes("s1", "rx")}, bytes("p0", "tx"), Clock::now(), flows_->reordered()};
    }
    bool wait_rebalance() const { // the buckets start counting anew
        double counted = 0;
        const auto started_anew = [&] {
            const double before = std::exchange(counted, counted_bytes());
            return counted < before;
        };
        return wait_until(started_anew, 12s, 50ms);
    }
    Reading read_after(std::chrono::milliseconds time) const {
        const auto end = Clock::now() + time;
        wait_until([&] { return Clock::now() >= end; }, 2 * time, 20ms);
        return read();
    }

private:
    double counted_bytes() const { // since the last rebalance
        const auto status = lab_.cli().json("status bond0");
        double sum = 0;
        for (const auto &slave : status.at("bonds").at(0).at("slaves")) {
            sum += slave.at("balance").at("bytes").get<double>();
        }
        return sum;
    }

    Lab lab_{Kind::bridge, 2};
    Server server_{lab_.network(), "10.99.0.2/24"};
    std::unique_ptr<Flows> flows_;
};

double imbalance(const Reading &from, const Reading &to) { // difference over mean
    const double first = to.from_slave[0] - from.from_slave[0], second = to.from_slave[1] - from.from_slave[1];
    return std::abs(first - second) / ((first + second) / 2);
}

double delivered_bits(const Reading &from, const Reading &to) { // a second
    return 8 * (to.to_server - from.to_server) / std::chrono::duration<double>(to.when - from.when).count();
}

} // namespace

TEST_CASE("TLB: 32 unequal flows use both of two shaped links, evenly after two intervals, each in order") {
    Bench bench;
    REQUIRE(bench.wait_rebalance()); // maybe the early one that a new slave brings on
    REQUIRE(bench.wait_rebalance()); // a whole interval is over
    // Every flow has sent something by then, the slowest too.
    const Reading first = bench.read_after(500ms), first_end = bench.read_after(8s);
    REQUIRE(bench.wait_rebalance());
    const Reading second = bench.read_after(500ms), second_end = bench.read_after(5s);

    INFO("difference over mean: " << imbalance(first, first_end) << " after one interval, "
                                  << imbalance(second, second_end) << " after two; delivered "
                                  << delivered_bits(second, second_end) / 1e6 << " Mbit/s over links of 10");
    CHECK(imbalance(second, second_end) < 0.1);
    CHECK(delivered_bits(second, second_end) > 1.3 * link_bits); // more than one of them carries
    CHECK(first_end.reordered == first.reordered);
    CHECK(second_end.reordered == second.reordered);
}
