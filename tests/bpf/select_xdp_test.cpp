// SPDX-License-Identifier: MIT
// One text, its readers: what xbond.bpf.h chooses in XDP is what xb_tx chooses for the same packet as an skb, what the
// hash in C++ says, and what libxbond-xsk chooses.
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <optional>
#include <random>
#include <sched.h>
#include <utility>

#include "tests/bpf/data_path.h"
#include "tests/bpf/hash_vectors.h"
#include "tests/harness/device.h"
#include "tests/xsk/library_state.h"
#include "xbond/hash.h"
#include "xbond/xsk.h"

using namespace xbond;
using namespace xbond::test;

namespace {

constexpr std::uint8_t slots = 5; // no power of two: the division, too
constexpr std::size_t tag_at = 12, shortest = 18;

std::uint16_t type_at(const Bytes &frame, std::size_t at) {
    return static_cast<std::uint16_t>(frame[at] << 8 | frame[at + 1]);
}

bool is_tagged(const Bytes &frame) { return type_at(frame, tag_at) == 0x8100 || type_at(frame, tag_at) == 0x88a8; }

Bytes with_tag(Bytes frame, std::uint16_t tci) {
    const std::uint8_t tag[] = {0x81, 0, static_cast<std::uint8_t>(tci >> 8), static_cast<std::uint8_t>(tci)};
    frame.insert(frame.begin() + tag_at, std::begin(tag), std::end(tag));
    return frame;
}

std::uint32_t how_of(xb_mode mode, HashPolicy policy, std::uint32_t per_slave, bool dynamic) {
    return XB_HOW_TOLD | static_cast<std::uint32_t>(mode) << XB_HOW_MODE |
           static_cast<std::uint32_t>(policy) << XB_HOW_POLICY | per_slave << XB_HOW_PER_SLAVE |
           (dynamic ? std::uint32_t{XB_HOW_DYNAMIC_LB} : 0U);
}

// A path whose bank says how it chooses, as the controller publishes it.
std::unique_ptr<DataPath> path_of(xb_mode mode, HashPolicy policy, std::uint32_t per_slave = 1, bool dynamic = false) {
    auto path = std::make_unique<DataPath>(xb_config{.mode = static_cast<__u32>(mode),
                                                     .policy = static_cast<__u32>(policy),
                                                     .packets_per_slave = per_slave,
                                                     .tlb_dynamic_lb = dynamic});
    xb_bank &bank = path->bank();
    for (std::uint8_t i = 0; i < slots; ++i) {
        bank.pick[i] = i;
        bank.slot[i].fallback = static_cast<std::uint8_t>((i + 1) % slots);
        bank.slot[i].speed = 1000U * (i + 1U);
        bank.slot[i].mac[5] = i;
    }
    path->table().n_slots = slots;
    bank.n_pick = slots;
    bank.active = 1;
    bank.igmp = 2;
    bank.how = how_of(mode, policy, per_slave, dynamic);
    return path;
}

std::vector<std::uint8_t> chosen(const xb_probe &probe) { return {probe.slots, probe.slots + probe.n_slots}; }

// A frame for both: as an skb has it, its tag in the metadata, and as XDP meets it.
struct Both {
    Bytes skb, xdp;
    std::uint16_t tci = 0;
};

std::optional<Both> both(const Bytes &frame, std::uint16_t tci) {
    // The kernel untags and renames the protocol of what it receives; test frames come in as received.
    if (frame.size() < shortest || frame[tag_at] < 6 || (tci == 0 && is_tagged(frame))) {
        return std::nullopt;
    }
    return Both{frame, tci == 0 ? frame : with_tag(frame, tci), tci};
}

// All vectors of the policy, and `rounds` frames made of each.
template <typename Use> void for_each_frame(HashPolicy policy, int rounds, Use use) {
    std::mt19937 random(static_cast<unsigned>(policy) + 1);
    for (const HashVector &v : hash_vectors()) {
        if (v.policy != policy) {
            continue;
        }
        if (const auto made = both(v.frame, v.tci)) {
            use(*made);
        }
        for (int i = 0; i < rounds; ++i) {
            Bytes frame = v.frame;
            for (auto changes = 1 + random() % 4; changes > 0; --changes) {
                frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
            }
            if (i % 3 == 0) {
                frame.resize(std::max<std::size_t>(shortest, random() % (frame.size() + 1)));
            }
            const auto tci = i % 2 == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(1 + random() % 65535);
            if (const auto made = both(frame, tci)) {
                use(*made);
            }
        }
    }
}

// The library on what the path's table says, with the bytes that it would have been given.
class Library {
public:
    Library(DataPath &path, xb_mode mode, HashPolicy policy, std::uint32_t per_slave = 1, bool dynamic = false)
        : path_(path) {
        view_.version = XB_VIEW_VERSION;
        view_.mode = static_cast<__u32>(mode);
        view_.policy = static_cast<__u32>(policy);
        view_.packets_per_slave = per_slave;
        view_.tlb_dynamic_lb = dynamic;
        view_.n_slots = slots;
        for (std::uint8_t i = 0; i < slots; ++i) {
            view_.ifindex[i] = i + 1U;
            view_.carrier |= 1U << i;
        }
        state_.reset(library_state(&view_));
        refresh();
    }

    void refresh() {
        view_.ready = view_.carrier;
        for (std::uint8_t i = 0; i < slots; ++i) {
            view_.ready &= path_.table().slot[i].latched != 0 ? ~(1U << i) : ~0U;
        }
        view_.bank = path_.bank();
        view_.seq += 2;
    }
    // What load balancing has given out since.
    void take_buckets() {
        for (std::size_t i = 0; i < XB_BUCKETS; ++i) {
            view_.bucket[i] = static_cast<__u8>(path_.lb().bucket[i].owner);
        }
        view_.seq += 2;
    }
    std::vector<std::uint8_t> chosen(const Bytes &frame) {
        std::array<xbond_choice, XBOND_MAX_SLAVES> choices{};
        const int n = xbond_state_select(state_.get(), frame.data(), frame.size(), choices.data());
        std::vector<std::uint8_t> out;
        for (int i = 0; i < n; ++i) {
            out.push_back(choices.at(static_cast<std::size_t>(i)).slot);
        }
        return out;
    }

private:
    struct Free {
        void operator()(xbond_state *state) const { library_state_free(state); }
    };
    DataPath &path_;
    xb_view view_{};
    std::unique_ptr<xbond_state, Free> state_;
};

class OneCpu { // the turns are counted by CPU
public:
    OneCpu() {
        sched_getaffinity(0, sizeof(before_), &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        sched_setaffinity(0, sizeof(one), &one);
    }
    ~OneCpu() { sched_setaffinity(0, sizeof(before_), &before_); }
    OneCpu(const OneCpu &) = delete;
    OneCpu &operator=(const OneCpu &) = delete;

private:
    cpu_set_t before_{};
};

} // namespace

TEST_CASE("every hash is the same in XDP, in TC and in C++, on all vectors and on random frames, tagged or not") {
    std::size_t ran = 0, vectors = 0;
    for (const HashPolicy policy : hash_policies) {
        const auto path = path_of(XB_MODE_XOR, policy);
        Library library(*path, XB_MODE_XOR, policy);
        for_each_frame(policy, 7000, [&](const Both &frame) {
            const xb_probe tc = path->select(frame.skb, frame.tci), xdp = path->select_xdp(frame.xdp);
            ++ran;
            const auto in_library = xbond_hash(static_cast<__u32>(policy), frame.xdp.data(), frame.xdp.size());
            if (xdp.hash == tc.hash && xdp.hash == flow_hash(frame.skb, frame.tci, policy) && xdp.hash == in_library &&
                chosen(xdp) == chosen(tc) && library.chosen(frame.xdp) == chosen(tc)) {
                return; // assertions of each would take longer than the frames do
            }
            INFO("policy " << static_cast<int>(policy) << " frame " << ran << " tci " << frame.tci);
            CHECK(xdp.hash == tc.hash);
            CHECK(xdp.hash == flow_hash(frame.skb, frame.tci, policy));
            CHECK(xdp.hash == in_library);
            CHECK(library.chosen(frame.xdp) == chosen(tc));
            REQUIRE(chosen(xdp) == chosen(tc));
        });
        vectors += static_cast<std::size_t>(std::ranges::count(hash_vectors(), policy, &HashVector::policy));
    }
    CHECK(vectors == hash_vectors().size());
    CHECK(ran > 1000000);
}

TEST_CASE("every mode chooses in XDP what it chooses in TC") {
    for (const xb_mode mode :
         {XB_MODE_ACTIVEBACKUP, XB_MODE_XOR, XB_MODE_BROADCAST, XB_MODE_8023AD, XB_MODE_TLB, XB_MODE_ALB}) {
        for (const bool dynamic : {false, true}) {
            const auto path = path_of(mode, HashPolicy::layer34, 1, dynamic);
            for (const bool latched : {false, true}) {
                path->table().slot[3].latched = latched ? 1 : 0; // its fallback takes over
                for_each_frame(HashPolicy::layer34, 6, [&](const Both &frame) {
                    INFO("mode " << mode << (dynamic ? " dynamic" : "") << (latched ? " latched" : ""));
                    const auto tc = chosen(path->select(frame.skb, frame.tci));
                    REQUIRE(chosen(path->select_xdp(frame.xdp)) == tc);
                    REQUIRE_FALSE(tc.empty());
                });
            }
        }
    }
}

namespace {

// ARP of the bond's own goes to the slave of its client, which the library is not told.
bool is_arp(const Both &frame) { return type_at(frame.skb, tag_at) == 0x0806; }

} // namespace

TEST_CASE("libxbond-xsk chooses in every mode, by every policy, what XDP chooses, tagged or not") {
    std::size_t ran = 0;
    const auto path = path_of(XB_MODE_XOR, HashPolicy::layer2); // other people's programs ask the bank
    for (const xb_mode mode :
         {XB_MODE_ACTIVEBACKUP, XB_MODE_XOR, XB_MODE_BROADCAST, XB_MODE_8023AD, XB_MODE_TLB, XB_MODE_ALB}) {
        for (const HashPolicy policy : hash_policies) {
            for (const bool dynamic : {false, true}) {
                if (dynamic && mode != XB_MODE_TLB && mode != XB_MODE_ALB) {
                    continue;
                }
                path->bank().how = how_of(mode, policy, 1, dynamic);
                Library library(*path, mode, policy, 1, dynamic);
                for (const bool latched : {false, true}) {
                    path->table().slot[3].latched = latched ? 1 : 0; // its fallback takes over
                    library.refresh();
                    for_each_frame(policy, 20, [&](const Both &frame) {
                        if (mode == XB_MODE_ALB && is_arp(frame)) {
                            return;
                        }
                        const auto xdp = chosen(path->select_xdp(frame.xdp));
                        if (dynamic) {
                            library.take_buckets();
                        }
                        INFO("mode " << mode << " policy " << static_cast<int>(policy) << (dynamic ? " dynamic" : "")
                                     << (latched ? " latched" : "") << " tci " << frame.tci);
                        REQUIRE(library.chosen(frame.xdp) == xdp);
                        REQUIRE_FALSE(xdp.empty());
                        ++ran;
                    });
                }
            }
        }
    }
    CHECK(ran > 5000);
}

TEST_CASE("balance-rr in libxbond-xsk takes turns as the data path does, and IGMP goes to its one slave") {
    const OneCpu pinned;
    for (const std::uint32_t per_slave : {1U, 3U}) {
        const auto path = path_of(XB_MODE_ROUNDROBIN, HashPolicy::layer2, per_slave);
        Library library(*path, XB_MODE_ROUNDROBIN, HashPolicy::layer2, per_slave);
        for_each_frame(HashPolicy::layer2, 20, [&](const Both &frame) {
            REQUIRE(library.chosen(frame.xdp) == chosen(path->select_xdp(frame.xdp)));
        });
    }
}

TEST_CASE("balance-rr takes its turns from XDP and from TC together, and IGMP its one slave") {
    const OneCpu pinned;
    for (const std::uint32_t per_slave : {1U, 3U}) {
        const auto path = path_of(XB_MODE_ROUNDROBIN, HashPolicy::layer2, per_slave);
        const Bytes frame = Packet(test_mac(1), test_mac(2)).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(20).build();
        for (std::uint32_t n = 1; n < 40; ++n) {
            const auto got = chosen(n % 2 == 0 ? path->select(frame) : path->select_xdp(frame));
            REQUIRE(got == std::vector{static_cast<std::uint8_t>(n / per_slave % slots)});
        }
        const Bytes igmp = Packet(MacAddr{{1, 0, 0x5e, 0, 0, 22}}, test_mac(2))
                               .ipv4("10.0.0.1", "224.0.0.22")
                               .ip_protocol(2)
                               .payload(20)
                               .build();
        CHECK(chosen(path->select_xdp(igmp)) == std::vector<std::uint8_t>{2});
        CHECK(chosen(path->select_xdp(with_tag(igmp, 7))) == std::vector<std::uint8_t>{2});
    }
}

TEST_CASE("nothing is chosen where the table does not say how, and nothing in 802.3ad after the lease is over") {
    const Bytes frame = Packet(test_mac(1), test_mac(2)).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(20).build();
    auto path = path_of(XB_MODE_8023AD, HashPolicy::layer34);
    CHECK(path->select_xdp(frame).n_slots == 1);
    path->bank().flags |= XB_BANK_LEASED;
    CHECK(path->select_xdp(frame).n_slots == 0);
    path->table().lease_until = UINT64_MAX;
    CHECK(path->select_xdp(frame).n_slots == 1);
    path->bank().how = 0; // an earlier revision's
    CHECK(path->select_xdp(frame).n_slots == 0);
}

namespace {

// The slot whose counter a program has raised since; slots where none.
class Counted {
public:
    explicit Counted(const DataPath &path) : path_(path) { (void)slot(); }
    std::uint8_t slot() {
        std::uint8_t found = slots;
        for (std::uint8_t i = 0; i < slots; ++i) {
            const auto now = path_.tx_packets(i);
            found = now != std::exchange(before_[i], now) ? i : found;
        }
        return found;
    }

private:
    const DataPath &path_;
    std::array<std::uint64_t, slots> before_{};
};

// The bond's other end plays the port.
std::uint32_t make_port(DataPath &path, std::uint16_t vlan = 0) {
    enter_bond_netns();
    const auto ifindex = harness::ifindex("bond0p");
    auto &port = path.ports().port[ifindex % XB_PORTS];
    port.vlan = vlan;
    port.ifindex = ifindex;
    path.ports().n = XB_PORTS;
    path.ports().flags = XB_PORTS_XDP;
    for (std::uint32_t slot = 0; slot < slots; ++slot) { // where a test run's redirect would go
        REQUIRE(bpf_map_update_elem(path.map_fd(XB_MAP_OUT), &slot, &ifindex, BPF_ANY) == 0);
    }
    return ifindex;
}

} // namespace

TEST_CASE(
    "a port's frames take the same slave from XDP, from TC and from the stack, in every mode and by every policy") {
    std::size_t ran = 0;
    for (const xb_mode mode : {XB_MODE_ACTIVEBACKUP, XB_MODE_XOR, XB_MODE_8023AD, XB_MODE_TLB, XB_MODE_ALB}) {
        for (const HashPolicy policy : hash_policies) {
            const auto path = path_of(mode, policy);
            for (std::uint32_t slot = 0; slot < slots; ++slot) {
                path->table().slot[slot].ifindex = slot + 1; // a device that nobody asks
            }
            const auto port = make_port(*path);
            Counted counted(*path);
            for_each_frame(policy, 3, [&](const Both &frame) {
                if (frame.tci != 0) { // as an skb it cannot be given a tag
                    return;
                }
                Bytes bytes = frame.skb;
                bytes[0] = bytes[6] = 2; // unicast, and no address on both sides
                bytes[1] = 0;
                bytes[7] = 1;
                bytes[12] = static_cast<std::uint8_t>(bytes[12] | (bytes[12] < 8 ? 8 : 0));
                bytes.resize(std::max<std::size_t>(bytes.size(), 64));
                (void)path->tx(bytes);
                const auto stack = counted.slot();
                REQUIRE(path->fwd(bytes, port).verdict == XDP_REDIRECT);
                const auto xdp = counted.slot();
                (void)path->port(bytes, port);
                INFO("mode " << mode << " policy " << static_cast<int>(policy) << " frame " << ran++);
                REQUIRE(xdp == stack);
                REQUIRE(counted.slot() == stack);
                REQUIRE(stack < slots);
            });
        }
    }
    CHECK(ran > 1000);
}

TEST_CASE("xb_fwd passes what is not for the wire, and drops with a count what no slave can send") {
    const auto path = path_of(XB_MODE_ACTIVEBACKUP, HashPolicy::layer2);
    const auto port = make_port(*path);
    const auto frame = [](const MacAddr &to, const MacAddr &from) {
        return Packet(to, from).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(20).build();
    };
    const Bytes usual = frame(test_mac(1), test_mac(2));
    CHECK(path->fwd(usual, port).verdict == XDP_REDIRECT);
    CHECK(path->fwd(frame(mac_broadcast, test_mac(2)), port).verdict == XDP_PASS);
    path->bank().bond_mac[5] = 0x77;
    CHECK(path->fwd(frame(MacAddr{{0, 0, 0, 0, 0, 0x77}}, test_mac(2)), port).verdict == XDP_PASS);
    CHECK(path->fwd(frame(test_mac(1), MacAddr{{0, 0, 0, 0, 0, 0x77}}), port).verdict == XDP_DROP); // the bond's
    path->ports().flags = 0; // a slave takes no frames from XDP
    CHECK(path->fwd(usual, port).verdict == XDP_PASS);
    path->ports().flags = XB_PORTS_XDP;
    CHECK(path->fwd(usual, harness::ifindex("bond0")).verdict == XDP_PASS); // no port
    path->bank().n_pick = 0;
    const auto dropped = path->counters(XB_STATS_BOND).tx_dropped;
    CHECK(path->fwd(usual, port).verdict == XDP_DROP);
    path->bank().how = XB_HOW_TOLD | XB_MODE_BROADCAST << XB_HOW_MODE;
    CHECK(path->fwd(usual, port).verdict == XDP_DROP);
    CHECK(path->counters(XB_STATS_BOND).tx_dropped == dropped + 2);
}

TEST_CASE("xb_fwd puts a port's VLAN between addresses and type, and takes no other tag") {
    const auto path = path_of(XB_MODE_ACTIVEBACKUP, HashPolicy::layer2);
    const auto port = make_port(*path, 20);
    const Bytes frame = Packet(test_mac(1), test_mac(2)).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(20).build();
    const auto sent = path->fwd(frame, port);
    CHECK(sent.verdict == XDP_REDIRECT);
    CHECK(sent.frame == with_tag(frame, 20));
    CHECK(path->fwd(with_tag(frame, 20), port).verdict == XDP_DROP);
}

namespace {

std::uint16_t folded(std::uint32_t sum) {
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(sum);
}

// As a stack hands it to a NIC that sums by itself: the field holds the sum of the pseudo header.
Bytes left_to_the_nic(Bytes frame, std::size_t ip, bool v6, bool udp) {
    const std::size_t header = v6 ? 40 : 20, at = ip + header, field = at + (udp ? 6 : 16);
    std::uint32_t sum = static_cast<std::uint32_t>(frame.size() - at) + (udp ? 17 : 6);
    for (std::size_t i = ip + (v6 ? 8 : 12); i < at; i += 2) {
        sum += type_at(frame, i);
    }
    frame[field] = static_cast<std::uint8_t>(folded(sum) >> 8);
    frame[field + 1] = static_cast<std::uint8_t>(folded(sum));
    return frame;
}

} // namespace

TEST_CASE("xb_fwd makes checksums whole that a veth's stack has left to a NIC, and leaves those that are") {
    const auto path = path_of(XB_MODE_ACTIVEBACKUP, HashPolicy::layer2);
    const auto port = make_port(*path);
    path->ports().port[port % XB_PORTS].flags = XB_PORT_UNSUMMED;
    for (const bool v6 : {false, true}) {
        for (const bool udp : {false, true}) {
            for (const bool tag : {false, true}) {
                for (const std::size_t size : {0, 1, 2, 3, 15, 16, 17, 100, 255, 1399, 1400}) {
                    Packet packet(test_mac(1), test_mac(2));
                    v6 ? packet.ipv6("2001:db8::1", "2001:db8::2") : packet.ipv4("10.0.0.1", "10.0.0.2");
                    udp ? packet.udp(1000, 2000) : packet.tcp(1000, 2000);
                    const Bytes bare = packet.payload(size, 0xa7).build();
                    const Bytes whole = tag ? with_tag(bare, 5) : bare, left = left_to_the_nic(bare, 14, v6, udp);
                    INFO((v6 ? "IPv6" : "IPv4") << (udp ? " UDP " : " TCP ") << size << (tag ? " tagged" : ""));
                    CHECK(left != bare);
                    CHECK(path->fwd(tag ? with_tag(left, 5) : left, port).frame == whole);
                    CHECK(path->fwd(whole, port).frame == whole);
                    Bytes wrong = whole; // not ours to mend
                    wrong.back() ^= 1;
                    CHECK(path->fwd(wrong, port).frame == wrong);
                }
            }
        }
    }
}
