// SPDX-License-Identifier: MIT
// What a lost carrier costs a port under load, in either direction, and what a controller that is away costs. Serial:
// they count packets and milliseconds.
#include <iostream>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/harness/traffic/wire_counter.h"
#include "tests/netns/ports/lab.h"

using namespace xbond::harness;

namespace {

constexpr unsigned rate = 8000;
constexpr std::uint64_t part = 1000;
constexpr std::uint32_t stream = 4;

// A guest sends to a neighbour who need not answer.
class Stream {
public:
    explicit Stream(const NetNs &guest) {
        guest.ip("addr add 10.99.0.5/24 dev g0\nneigh add 10.99.0.2 lladdr " + station_mac.str() +
                 " dev g0 nud permanent");
        guest.inside([this] { socket_ = connected_udp("0.0.0.0", "10.99.0.2", 9); });
        sender_ = std::make_unique<StreamSender>(socket_.get(), stream, rate, 64);
    }
    void wait(std::uint64_t packets) const {
        REQUIRE(wait_until([&] { return sender_->sent() >= packets; }, 30s, 1ms));
    }
    StreamReport finish(const WireCounter &wires) {
        const auto sent = sender_->stop();
        wait_until([&] { return wires.counter().received() == sent; }, 300ms);
        return wires.counter().report(sent);
    }

private:
    xbond::Fd socket_;
    std::unique_ptr<StreamSender> sender_;
};

} // namespace

TEST_CASE("a lost carrier costs a port's frames no more than they cost the host's, in either way of sending") {
    const auto mode = GENERATE(as<std::string>{}, "active-backup", "balance-rr", "balance-xor");
    const bool xdp = GENERATE(true, false);
    DYNAMIC_SECTION(mode << (xdp ? ", by XDP" : ", by TC")) {
        PortLab port(2, xdp);
        port.make_bond("mode " + mode);
        if (port.lab.status().carrier_check == "none") {
            std::cout << "SKIPPED: this kernel takes no per-packet carrier check\n";
            return;
        }
        const NetNs &guest = port.add_port();
        const WireCounter wires(port.lab.switch_ns(), stream);
        Stream packets(guest);
        for (std::uint64_t half = 0; half < 8; ++half) {
            packets.wait(part * half + part / 2);
            half % 2 == 0 ? port.lab.network().cut("s0") : port.lab.network().join("s0");
        }
        packets.wait(part * 8);
        const auto report = packets.finish(wires);
        std::cout << mode << (xdp ? ", by XDP: " : ", by TC: ") << report.text() << '\n';
        CHECK(report.duplicated == 0);
        CHECK(report.lost <= 4 * rate / 100); // 10 ms a loss of carrier, on a busy machine
    }
}

TEST_CASE("a port loses nothing while its controller is killed and another one takes over") {
    PortLab port(2);
    port.make_bond("mode active-backup");
    const NetNs &guest = port.add_port();
    const WireCounter wires(port.lab.switch_ns(), stream);
    Stream packets(guest);
    packets.wait(part);
    port.lab.daemon().kill9();
    packets.wait(3 * part);
    port.lab.daemon().start();
    CHECK(wait_until([&] { return !port.port("p0").is_null(); }));
    packets.wait(6 * part);
    port.lab.daemon().stop();
    packets.wait(7 * part);
    port.lab.daemon().start();
    packets.wait(9 * part);
    const auto report = packets.finish(wires);
    std::cout << "two restarts: " << report.text() << '\n';
    CHECK(report.lost <= rate / 1000);
    CHECK(report.duplicated == 0);
}
