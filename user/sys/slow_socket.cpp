// SPDX-License-Identifier: MIT
#include "user/sys/slow_socket.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <ctime>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <vector>

#include "user/sys/event_loop.h"
#include "user/sys/io.h"

namespace xbond::sys {
namespace {

constexpr std::array<std::uint8_t, ETH_ALEN> slow_group{0x01, 0x80, 0xc2, 0, 0, 2};
constexpr int max_frames = 256;      // at once, or a flood would hold the caller
constexpr int send_bytes = 16 << 20; // what one device does not take away must not use up the room of the others

// All slaves' frames share the ring. What is behind the first 440 bytes or so of a frame is cut off: a LACPDU has 124.
constexpr unsigned frame_bytes = 512, block_bytes = 1 << 16, blocks = 16;
constexpr unsigned ring_bytes = block_bytes * blocks, ring_frames = ring_bytes / frame_bytes;

template <typename T> bool set_option(const Fd &fd, int level, int name, const T &value) {
    return ::setsockopt(fd.get(), level, name, &value, sizeof value) == 0;
}

// Received for this host, to the group: not outgoing, not of a VLAN, not muted.
bool set_filter(const Fd &fd, std::span<const SlowSocket::Muted> muted) {
    std::vector<sock_filter> code;
    for (const auto &[ifindex, subtype] : muted) {
        code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_IFINDEX)));
        code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ifindex, 0, 3));
        code.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SlowSocket::subtype_at));
        code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, subtype, 0, 1));
        code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
    }
    const std::array<sock_filter, 9> slow{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_MULTICAST, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0180c200, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4), // and the first half of the source
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0002, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, frame_bytes),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    code.insert(code.end(), slow.begin(), slow.end());
    return set_option(fd, SOL_SOCKET, SO_ATTACH_FILTER,
                      sock_fprog{static_cast<unsigned short>(code.size()), code.data()});
}

bool membership(const Fd &fd, int what, std::uint32_t ifindex) {
    packet_mreq request{};
    request.mr_ifindex = static_cast<int>(ifindex);
    request.mr_type = PACKET_MR_MULTICAST;
    request.mr_alen = slow_group.size();
    std::copy(slow_group.begin(), slow_group.end(), request.mr_address);
    return set_option(fd, SOL_PACKET, what, request);
}

// The kernel stamps in CLOCK_REALTIME: how old the frame is holds on any clock. A step of that clock in between must
// not give a time to come.
Time stamp_of(const tpacket2_hdr &frame) {
    const Time stamped = std::chrono::seconds(frame.tp_sec) + std::chrono::nanoseconds(frame.tp_nsec);
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    return now() -
           std::max(std::chrono::seconds(wall.tv_sec) + std::chrono::nanoseconds(wall.tv_nsec) - stamped, Time{});
}

} // namespace

// Frames as the kernel has put them down, each with the time at which it did.
class SlowSocket::Ring {
public:
    static std::unique_ptr<Ring> map(const Fd &fd) {
        const int version = TPACKET_V2;
        const tpacket_req request{.tp_block_size = block_bytes,
                                  .tp_block_nr = blocks,
                                  .tp_frame_size = frame_bytes,
                                  .tp_frame_nr = ring_frames};
        if (!set_option(fd, SOL_PACKET, PACKET_VERSION, version) ||
            !set_option(fd, SOL_PACKET, PACKET_RX_RING, request)) {
            return nullptr;
        }
        void *memory = ::mmap(nullptr, ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
        return memory == MAP_FAILED ? nullptr : std::unique_ptr<Ring>(new Ring(memory));
    }
    Ring(const Ring &) = delete;
    Ring &operator=(const Ring &) = delete;
    ~Ring() { ::munmap(memory_, ring_bytes); }

    // The oldest one that has come; null: none. It stays until give_back().
    const tpacket2_hdr *front() {
        return (status().load(std::memory_order_acquire) & TP_STATUS_USER) != 0 ? &header() : nullptr;
    }
    void give_back() {
        status().store(TP_STATUS_KERNEL, std::memory_order_release);
        next_ = (next_ + 1) % ring_frames;
    }

private:
    explicit Ring(void *memory) : memory_(memory) {}

    tpacket2_hdr &header() {
        return *reinterpret_cast<tpacket2_hdr *>(static_cast<std::uint8_t *>(memory_) +
                                                 std::size_t{next_} * frame_bytes);
    }
    std::atomic_ref<std::uint32_t> status() { return std::atomic_ref<std::uint32_t>(header().tp_status); }

    void *memory_;
    unsigned next_ = 0;
};

SlowSocket::SlowSocket() = default;
SlowSocket::SlowSocket(SlowSocket &&) noexcept = default;
SlowSocket &SlowSocket::operator=(SlowSocket &&) noexcept = default;
SlowSocket::~SlowSocket() = default;

Result<SlowSocket> SlowSocket::open() {
    SlowSocket s;
    // Without a protocol until it is ready: nothing unfiltered gets in.
    s.fd_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!s.fd_) {
        return fail_errno("cannot open a packet socket");
    }
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_SLOW);
    const int on = 1, priority = TC_PRIO_CONTROL;
    (void)set_option(s.fd_, SOL_SOCKET, SO_SNDBUFFORCE, send_bytes);
    if (!set_filter(s.fd_, {}) || !(s.ring_ = Ring::map(s.fd_)) ||
        !set_option(s.fd_, SOL_SOCKET, SO_PRIORITY, priority) ||
        !set_option(s.fd_, SOL_PACKET, PACKET_QDISC_BYPASS, on) ||
        ::bind(s.fd_.get(), reinterpret_cast<sockaddr *>(&at), sizeof at) != 0) {
        return fail_errno("cannot hear slow protocols");
    }
    return s;
}

Result<void> SlowSocket::join(std::uint32_t ifindex) const {
    if (!membership(fd_, PACKET_ADD_MEMBERSHIP, ifindex)) {
        return fail_errno("cannot hear slow protocols on interface " + std::to_string(ifindex));
    }
    return {};
}

void SlowSocket::leave(std::uint32_t ifindex) const { (void)membership(fd_, PACKET_DROP_MEMBERSHIP, ifindex); }

Result<void> SlowSocket::mute(std::span<const Muted> muted) const {
    if (!set_filter(fd_, muted.first(std::min(muted.size(), max_muted)))) {
        return fail_errno("cannot filter slow protocols");
    }
    return {};
}

void SlowSocket::receive(const Handle &handle) const {
    for (int frames = 0; frames < max_frames; ++frames) {
        const tpacket2_hdr *const frame = ring_->front();
        if (frame == nullptr) {
            return;
        }
        const auto *const start = reinterpret_cast<const std::uint8_t *>(frame);
        const auto *const from = reinterpret_cast<const sockaddr_ll *>(start + TPACKET_ALIGN(sizeof(tpacket2_hdr)));
        handle(static_cast<std::uint32_t>(from->sll_ifindex), {start + frame->tp_mac, frame->tp_snaplen},
               stamp_of(*frame));
        ring_->give_back();
    }
}

Result<void> SlowSocket::send(std::uint32_t ifindex, std::span<const std::uint8_t> frame, SendWay way) const {
    if (way != way_ && set_option(fd_, SOL_PACKET, PACKET_QDISC_BYPASS, way == SendWay::past_qdisc ? 1 : 0)) {
        way_ = way;
    }
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_SLOW);
    to.sll_ifindex = static_cast<int>(ifindex);
    if (::sendto(fd_.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr *>(&to), sizeof to) < 0) {
        return fail_errno("cannot send a slow protocol's frame");
    }
    return {};
}

} // namespace xbond::sys
