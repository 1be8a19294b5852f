// SPDX-License-Identifier: MIT
// What people put on bond0 as on any NIC, and expect to get from it: classes for their customers, copies for an
// analyser, frames on an AF_XDP socket. Serial: packets are counted.
#include <cstring>
#include <xdp/xsk.h>

#include "tests/harness/traffic/bpf_program.h"
#include "tests/netns/bypass/onlooker_lab.h"
#include "tests/netns/frames.h"

using namespace xbond::harness;
using xbond::test::Bytes;

namespace {

// An AF_XDP socket in copy mode on queue 0 of a device, as any program would open it.
class PlainXsk {
public:
    explicit PlainXsk(const std::string &ifname) : memory_(frames) {
        xsk_socket_config config{};
        config.rx_size = config.tx_size = frames;
        config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
        config.bind_flags = XDP_COPY;
        error_ = xsk_umem__create(&umem_, memory_.data(), memory_.size() * sizeof(Page), &fill_, &completion_, nullptr);
        error_ = error_ != 0 ? error_ : xsk_socket__create(&socket_, ifname.c_str(), 0, umem_, &rx_, &tx_, &config);
        std::uint32_t at = 0;
        if (error_ == 0 && xsk_ring_prod__reserve(&fill_, to_receive, &at) == to_receive) {
            for (std::uint32_t n = 0; n < to_receive; ++n) {
                *xsk_ring_prod__fill_addr(&fill_, at + n) = n * sizeof(Page);
            }
            xsk_ring_prod__submit(&fill_, to_receive);
        }
    }
    PlainXsk(const PlainXsk &) = delete;
    PlainXsk &operator=(const PlainXsk &) = delete;
    ~PlainXsk() {
        xsk_socket__delete(socket_);
        (void)xsk_umem__delete(umem_);
    }

    int error() const { return error_; }
    int fd() const { return xsk_socket__fd(socket_); }
    std::vector<Bytes> received() { // since the last time; frames are used once
        std::vector<Bytes> out;
        std::uint32_t at = 0;
        const auto n = xsk_ring_cons__peek(&rx_, frames, &at);
        for (std::uint32_t i = 0; i < n; ++i) {
            const auto *descriptor = xsk_ring_cons__rx_desc(&rx_, at + i);
            const auto *bytes = static_cast<std::uint8_t *>(xsk_umem__get_data(memory_.data(), descriptor->addr));
            out.emplace_back(bytes, bytes + descriptor->len);
        }
        xsk_ring_cons__release(&rx_, n);
        return out;
    }
    bool send(const Bytes &frame) {
        std::uint32_t at = 0;
        if (xsk_ring_prod__reserve(&tx_, 1, &at) != 1) {
            return false;
        }
        auto *descriptor = xsk_ring_prod__tx_desc(&tx_, at);
        descriptor->addr = (to_receive + sent_++) * sizeof(Page);
        descriptor->len = static_cast<std::uint32_t>(frame.size());
        std::memcpy(xsk_umem__get_data(memory_.data(), descriptor->addr), frame.data(), frame.size());
        xsk_ring_prod__submit(&tx_, 1);
        return ::sendto(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0;
    }

private:
    static constexpr std::uint32_t frames = 64, to_receive = 32;
    struct alignas(4096) Page {
        std::uint8_t bytes[4096];
    };
    std::vector<Page> memory_;
    xsk_ring_prod fill_{}, tx_{};
    xsk_ring_cons completion_{}, rx_{};
    xsk_umem *umem_ = nullptr;
    xsk_socket *socket_ = nullptr;
    int error_ = 0;
    std::uint32_t sent_ = 0;
};

} // namespace

TEST_CASE(
    "visibility auto: an AF_XDP socket on bond0 gets what the bond receives, and what it sends leaves by the bond") {
    const OnlookerLab lab;
    const ToSockets program;
    std::unique_ptr<PlainXsk> socket;
    lab.ns().inside([&] { socket = std::make_unique<PlainXsk>("bond0"); });
    if (socket->error() != 0) {
        std::cout << "SKIPPED: no AF_XDP: " << std::strerror(-socket->error()) << "\n";
        return;
    }
    const Sniffer wire(lab.switch_ns(), "s0", Sniffer::Options{.incoming_only = true, .on_frame = {}});
    const Bytes out = udp_frame(1), in = udp_frame(2, {.to = lab.ns().mac("bond0"), .from = station_mac});
    CHECK(socket->send(out)); // needs no program
    CHECK(wire.wait_count(same_as(out), 1));
    const OnDevice on(lab.ns(), "bond0", OnDevice::Hook::xdp_native, program.program());
    program.take(socket->fd());
    REQUIRE(lab.goes("full"));
    CHECK(lab.why() == R"(["native XDP program"])");
    const Injector from_outside(lab.server().ns(), "eth0");
    from_outside.send(in);
    std::vector<Bytes> got;
    CHECK(wait_until([&] {
        for (auto &frame : socket->received()) {
            got.push_back(std::move(frame));
        }
        return std::find(got.begin(), got.end(), in) != got.end();
    }));
    CHECK(std::count(got.begin(), got.end(), in) == 1);
    const Bytes later = udp_frame(3);
    CHECK(socket->send(later));
    CHECK(wire.wait_count(same_as(later), 1));
    CHECK(wire.count(same_as(later)) == 1);
}

TEST_CASE("visibility auto: classes of a shaper on bond0 hold each customer to his rate") {
    const OnlookerLab lab;
    const bool there =
        lab.tc("qdisc add dev bond0 root handle 1: htb default 20") &&
        lab.tc("class add dev bond0 parent 1: classid 1:10 htb rate 16mbit") &&
        lab.tc("class add dev bond0 parent 1: classid 1:20 htb rate 1gbit") &&
        lab.tc("filter add dev bond0 parent 1: protocol ip prio 1 u32 match ip dport 7008 0xffff flowid 1:10");
    if (!there) {
        std::cout << "SKIPPED: this kernel has no htb or u32\n";
        return;
    }
    REQUIRE(lab.goes("full"));
    const auto held = through_a_shaper(lab, 7008), free = through_a_shaper(lab, 7009);
    CHECK(held > 100);
    CHECK(held < 3500);
    CHECK(free > held * 1.4);
    const auto shown = lab.ns().run(split("tc -s class show dev bond0")).out;
    INFO(shown);
    CHECK(shown.find("Sent 0 bytes") == std::string::npos);
}

TEST_CASE("visibility auto: a mirror on bond0 copies every packet that leaves") {
    const OnlookerLab lab;
    lab.ns().ip("link add copy0 type veth peer name copy1\nlink set copy0 up\nlink set copy1 up");
    const Sniffer copies(lab.ns(), "copy1", Sniffer::Options{.incoming_only = true, .on_frame = {}});
    const bool there =
        (lab.status().hook != "tcx" || lab.tc("qdisc add dev bond0 clsact")) &&
        lab.tc("filter add dev bond0 egress prio 40000 protocol all u32 match u32 0 0 action mirred egress "
               "mirror dev copy0");
    if (!there) {
        std::cout << "SKIPPED: this kernel has no u32 or mirred\n";
        return;
    }
    REQUIRE(lab.goes("full"));
    CHECK(lab.why() == R"x(["egress filter u32 (priority 40000)"])x");
    const Sniffer wire(lab.switch_ns(), "s0", Sniffer::Options{.incoming_only = true, .on_frame = {}});
    const Injector sender(lab.ns(), "bond0");
    for (std::uint64_t n = 0; n < 50; ++n) {
        sender.send(udp_frame(n));
    }
    CHECK(wire.wait_count(numbered_udp(), 50));
    CHECK(copies.wait_count(numbered_udp(), 50));
    CHECK(copies.count(numbered_udp()) == 50);
}
