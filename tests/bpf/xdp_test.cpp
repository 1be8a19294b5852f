// SPDX-License-Identifier: MIT
// The early filter in xb_xdp: what it drops, what it leaves to xb_rx, what goes into the AF_XDP map.
#include <catch2/catch.hpp>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/if_xdp.h>
#include <xdp/xsk.h>

#include <algorithm>
#include <cstring>
#include <iostream>

#include "common/fd.h"
#include "tests/bpf/data_path.h"
#include "tests/harness/device.h"

using namespace xbond;
using namespace xbond::harness;
using namespace xbond::test;

namespace {

const MacAddr stranger = test_mac(9);
const Bytes broadcast =
    Packet(mac_broadcast, stranger).arp_request(stranger, "10.0.0.9", "10.0.0.1").payload(18).build();
const Bytes multicast =
    Packet(MacAddr{{1, 0, 0x5e, 1, 1, 1}}, stranger).ipv4("10.0.0.9", "224.1.1.1").udp(1, 2).payload(20).build();
const Bytes unicast = Packet(test_mac(1), stranger).ipv4("10.0.0.9", "10.0.0.1").udp(1, 2).payload(20).build();

Bytes slow(std::uint8_t subtype) {
    const std::uint8_t first[] = {subtype};
    return Packet(mac_slow, stranger).ethertype(0x8809).bytes(first).payload(109).build();
}

// An AF_XDP socket in copy mode on queue 0 of an interface; no frame is ever read from it.
class XskSocket {
public:
    explicit XskSocket(const std::string &interface) : memory_(64 * XSK_UMEM__DEFAULT_FRAME_SIZE) {
        error_ = xsk_umem__create(&umem_, memory_.data(), memory_.size(), &fill_, &completion_, nullptr);
        if (error_ != 0) {
            return;
        }
        xsk_socket_config config{};
        config.rx_size = config.tx_size = 64;
        config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
        config.bind_flags = XDP_COPY;
        error_ = xsk_socket__create(&socket_, interface.c_str(), 0, umem_, &rx_, &tx_, &config);
    }
    ~XskSocket() {
        if (socket_) {
            xsk_socket__delete(socket_);
        }
        if (umem_) {
            xsk_umem__delete(umem_);
        }
    }
    XskSocket(const XskSocket &) = delete;
    XskSocket &operator=(const XskSocket &) = delete;

    bool works() const { return error_ == 0; }
    std::string error() const { return std::strerror(-error_); }
    int fd() const { return xsk_socket__fd(socket_); }

private:
    struct alignas(4096) Page {
        std::uint8_t bytes[4096];
    };
    struct Memory {
        explicit Memory(std::size_t size) : pages(size / sizeof(Page)) {}
        void *data() { return pages.data(); }
        std::size_t size() const { return pages.size() * sizeof(Page); }
        std::vector<Page> pages;
    };

    Memory memory_;
    xsk_ring_prod fill_{}, tx_{};
    xsk_ring_cons completion_{}, rx_{};
    xsk_umem *umem_ = nullptr;
    xsk_socket *socket_ = nullptr;
    int error_ = 0;
};

struct Slave {
    Slave() {
        enter_bond_netns();
        add_veth("e0");
        path = std::make_unique<DataPath>(xb_config{.bond_ifindex = ifindex("bond0"), .mode = XB_MODE_ACTIVEBACKUP});
        e0.ifindex = path->set_slot(0, "e0");
    }

    int verdict(const Bytes &frame) { return path->xdp(frame, e0).verdict; }
    void flags(int value) { path->bank().slot[0].flags = static_cast<__u16>(value); }

    std::unique_ptr<DataPath> path;
    RunContext e0;
};

} // namespace

TEST_CASE("R1 XDP drops floods on a suppressed slave, counted, and nothing on others") {
    Slave s;
    CHECK(s.verdict(broadcast) == XDP_PASS);
    CHECK(s.verdict(multicast) == XDP_PASS);
    s.flags(XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP);
    CHECK(s.verdict(broadcast) == XDP_DROP);
    CHECK(s.verdict(multicast) == XDP_DROP);
    CHECK(s.path->counters(0).rx_suppressed == 2);
    // Someone captures on the slave: xb_rx drops, later.
    s.flags(XB_SLOT_SUPPRESS);
    CHECK(s.verdict(broadcast) == XDP_PASS);
    s.flags(XB_SLOT_EARLY_DROP);
    CHECK(s.verdict(broadcast) == XDP_PASS);
    CHECK(s.path->counters(0).rx_suppressed == 2);
}

TEST_CASE("R3 R5 XDP passes link-local and unicast frames on a suppressed slave") {
    Slave s;
    s.flags(XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP);
    CHECK(s.verdict(Packet(mac_lldp, stranger).ethertype(0x88cc).payload(46).build()) == XDP_PASS);
    CHECK(s.verdict(unicast) == XDP_PASS);
    CHECK(s.path->counters(0).rx_suppressed == 0);
}

TEST_CASE("1.4 XDP passes what comes in on no slave, and runts") {
    Slave s;
    s.flags(XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP);
    RunContext other;
    other.ifindex = ifindex("bond0p");
    CHECK(s.path->xdp(broadcast, other).verdict == XDP_PASS);
    s.path->table().slot[0].ifindex = 0;
    CHECK(s.verdict(broadcast) == XDP_PASS);
}

TEST_CASE("3 LACP and marker frames pass where their queue has no socket") {
    Slave s;
    s.flags(XB_SLOT_SLOW_TO_XSK | XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP);
    CHECK(s.verdict(slow(1)) == XDP_PASS);
    CHECK(s.verdict(slow(2)) == XDP_PASS);
    CHECK(s.path->counters(0).rx_suppressed == 0);
}

TEST_CASE("3 LACP and marker frames, and nothing else, go to the socket of their slot and queue") {
    Slave s;
    const XskSocket socket("e0");
    if (!socket.works()) {
        std::cout << "SKIPPED: this kernel has no AF_XDP: " << socket.error() << "\n";
        return;
    }
    const std::uint32_t key = 0 * XB_XSK_QUEUES + 0;
    const int fd = socket.fd();
    REQUIRE(bpf_map_update_elem(s.path->map_fd(XB_MAP_XSK), &key, &fd, 0) == 0);
    CHECK(s.verdict(slow(1)) == XDP_PASS); // not asked for
    for (const int suppressed : {0, XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP}) {
        s.flags(XB_SLOT_SLOW_TO_XSK | suppressed);
        CHECK(s.verdict(slow(1)) == XDP_REDIRECT);
        CHECK(s.verdict(slow(2)) == XDP_REDIRECT);
        CHECK(s.verdict(slow(3)) == XDP_PASS); // OAM
        CHECK(s.verdict(slow(0)) == XDP_PASS);
        CHECK(s.verdict(Packet(mac_lldp, stranger).ethertype(0x8809).payload(46, 1).build()) == XDP_PASS);
        CHECK(s.verdict(Packet(mac_slow, stranger).ethertype(0x88cc).payload(46, 1).build()) == XDP_PASS);
    }
}

TEST_CASE("a chained program gets what the bond would get, and nothing else") {
    Slave s;
    CHECK(s.verdict(unicast) == XDP_PASS); // none is chained
    bpf_insn drop[2]{};
    drop[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    drop[0].imm = XDP_DROP;
    drop[1].code = BPF_JMP | BPF_EXIT;
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_XDP);
    const Fd program(bpf_prog_load(BPF_PROG_TYPE_XDP, "drop", "MIT", drop, 2, &options));
    REQUIRE(program);
    const std::uint32_t key = 0;
    const int fd = program.get();
    REQUIRE(bpf_map_update_elem(s.path->map_fd(XB_MAP_CHAIN), &key, &fd, BPF_ANY) == 0);
    CHECK(s.verdict(unicast) == XDP_PASS); // nor does the table say so
    s.path->table().chained = 1;

    CHECK(s.verdict(unicast) == XDP_DROP);
    CHECK(s.verdict(broadcast) == XDP_DROP);
    CHECK(s.verdict(slow(1)) == XDP_PASS);
    CHECK(s.verdict(Packet(mac_lldp, stranger).ethertype(0x88cc).payload(46).build()) == XDP_PASS);
    s.flags(XB_SLOT_SUPPRESS);
    CHECK(s.verdict(unicast) == XDP_PASS); // xb_rx drops it
    CHECK(s.verdict(broadcast) == XDP_PASS);
    s.flags(XB_SLOT_SUPPRESS_FLOOD);
    CHECK(s.verdict(unicast) == XDP_DROP);
    CHECK(s.verdict(broadcast) == XDP_PASS);

    // balance-alb: a copy that a switch flooded, of a frame for the active slave.
    const Bytes to_bond = Packet(test_mac(7), stranger).ipv4("10.0.0.9", "10.0.0.1").udp(1, 2).payload(20).build();
    xb_bank &bank = s.path->bank();
    std::copy_n(test_mac(7).bytes.begin(), 6, bank.bond_mac);
    bank.active = 1;
    s.flags(XB_SLOT_REWRITE_DST);
    CHECK(s.verdict(to_bond) == XDP_DROP);
    bank.how = XB_HOW_TOLD | XB_MODE_ALB << XB_HOW_MODE;
    CHECK(s.verdict(to_bond) == XDP_PASS);
    bank.active = 0;
    CHECK(s.verdict(to_bond) == XDP_DROP);
}

TEST_CASE("what a chained program drops counts for the ARP monitor") {
    Slave s;
    CHECK(s.path->stamps().slot[0].last_rx == 0);
    s.flags(XB_SLOT_HEAR_ARP);
    s.verdict(broadcast);
    CHECK(s.path->stamps().slot[0].last_rx == 0); // xb_rx counts what it gets
    s.path->table().chained = 1;
    s.verdict(unicast);
    CHECK(s.path->stamps().slot[0].last_rx == 0);
    s.verdict(broadcast);
    CHECK(s.path->stamps().slot[0].last_rx != 0);

    // With validation: a reply that is for another host does not, whoever floods it.
    Slave v;
    v.path->table().chained = 1;
    xb_monitor &monitor = v.path->bank().monitor;
    monitor.n_targets4 = 1;
    monitor.target4[0] = 0x0900000a; // 10.0.0.9
    monitor.n_own4 = 1;
    monitor.own4[0] = 0x0100000a;
    std::copy_n(test_mac(1).bytes.begin(), 6, v.path->bank().slot[0].mac);
    v.flags(XB_SLOT_HEAR_VALID);
    const auto reply = [](const MacAddr &to) {
        return Packet(to, stranger).arp_request(stranger, "10.0.0.9", "10.0.0.1").payload(18).build();
    };
    v.verdict(reply(test_mac(2)));
    CHECK(v.path->stamps().slot[0].target_rx[0] == 0);
    v.verdict(reply(test_mac(1)));
    CHECK(v.path->stamps().slot[0].target_rx[0] != 0);
}
