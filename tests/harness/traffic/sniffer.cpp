// SPDX-License-Identifier: MIT
#include "tests/harness/traffic/sniffer.h"

#include <cerrno>
#include <cstring>
#include <linux/if_packet.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/harness/packet_socket.h"
#include "tests/harness/throw_errno.h"

namespace xbond::harness {
namespace {

constexpr std::size_t max_frame_bytes = 65536 + 64;

template <typename T> void set_option(int fd, int level, int name, const T &value, const char *what) {
    if (setsockopt(fd, level, name, &value, sizeof value) != 0) {
        throw_errno(what);
    }
}

} // namespace

Sniffer::Sniffer(const NetNs &ns, const std::string &ifname, Options options)
    : options_(std::move(options)), stop_(eventfd(0, EFD_CLOEXEC)) {
    ns.inside([&] {
        ifindex_ = ifname.empty() ? 0 : ns.ifindex(ifname);
        socket_ = packet_socket(ifindex_, options_.protocol);
        set_option(socket_.get(), SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA");
        set_option(socket_.get(), SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
        if (options_.promiscuous) {
            packet_mreq membership{static_cast<int>(ifindex_), PACKET_MR_PROMISC, 0, {}};
            set_option(socket_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership, "promiscuous");
        }
    });
    thread_ = std::thread([this] { read_loop(); });
}

Sniffer::~Sniffer() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
}

void Sniffer::read_loop() {
    std::vector<std::uint8_t> buffer(max_frame_bytes);
    pollfd wait[2] = {{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (true) {
        if (poll(wait, 2, -1) < 0 && errno != EINTR) {
            return;
        }
        if (wait[1].revents != 0) {
            return;
        }
        sockaddr_ll from{};
        iovec data{buffer.data(), buffer.size()};
        alignas(cmsghdr) char control[256];
        msghdr message{&from, sizeof from, &data, 1, control, sizeof control, 0};
        const ssize_t n = recvmsg(socket_.get(), &message, MSG_DONTWAIT);
        if (n >= 0) { // errors: EAGAIN, and ENETDOWN each time the interface goes down
            take(std::span(buffer).first(static_cast<std::size_t>(n)), message);
        }
    }
}

void Sniffer::take(std::span<const std::uint8_t> bytes, msghdr &message) {
    const auto &from = *static_cast<const sockaddr_ll *>(message.msg_name);
    Frame frame;
    frame.outgoing = from.sll_pkttype == PACKET_OUTGOING;
    if (frame.outgoing && options_.incoming_only) {
        return;
    }
    frame.packet_type = from.sll_pkttype;
    frame.ifindex = static_cast<std::uint32_t>(from.sll_ifindex);
    frame.bytes.assign(bytes.begin(), bytes.end());
    for (cmsghdr *c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            timespec stamp{};
            std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
            frame.time = std::chrono::seconds(stamp.tv_sec) + std::chrono::nanoseconds(stamp.tv_nsec);
        } else if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
            tpacket_auxdata aux{};
            std::memcpy(&aux, CMSG_DATA(c), sizeof aux);
            if ((aux.tp_status & TP_STATUS_VLAN_VALID) != 0) {
                frame.vlan_tci = aux.tp_vlan_tci;
            }
        }
    }
    if (options_.on_frame) {
        options_.on_frame(frame);
        return;
    }
    const std::lock_guard lock(mutex_);
    frames_.push_back(std::move(frame));
}

std::vector<Frame> Sniffer::frames() const {
    return frames([](const Frame &) { return true; });
}

std::vector<Frame> Sniffer::frames(const FrameMatch &match) const {
    tpacket_stats stats{};
    socklen_t size = sizeof stats;
    if (getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0 && stats.tp_drops != 0) {
        throw std::runtime_error("the sniffer lost " + std::to_string(stats.tp_drops) + " frames");
    }
    const std::lock_guard lock(mutex_);
    std::vector<Frame> found;
    for (const Frame &frame : frames_) {
        if (match(frame)) {
            found.push_back(frame);
        }
    }
    return found;
}

bool Sniffer::wait_count(const FrameMatch &match, std::size_t wanted, std::chrono::milliseconds limit) const {
    return wait_until([&] { return count(match) >= wanted; }, limit);
}

void Sniffer::clear() {
    const std::lock_guard lock(mutex_);
    frames_.clear();
}

Injector::Injector(const NetNs &ns, const std::string &ifname) {
    ns.inside([&] { socket_ = packet_socket(ns.ifindex(ifname), 0); });
}

void Injector::send(std::span<const std::uint8_t> frame) const {
    if (::send(socket_.get(), frame.data(), frame.size(), 0) < 0 && errno != ENOBUFS) {
        throw_errno("send of a raw frame");
    }
}

void Injector::send(std::span<const std::uint8_t> frame, int times) const {
    for (int i = 0; i < times; ++i) {
        send(frame);
    }
}

OnOneCpu::OnOneCpu(int cpu) : old_(sizeof(cpu_set_t)) {
    auto &old = *reinterpret_cast<cpu_set_t *>(old_.data());
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_getaffinity(0, sizeof old, &old) != 0 || sched_setaffinity(0, sizeof one, &one) != 0) {
        throw_errno("CPU affinity");
    }
}

OnOneCpu::~OnOneCpu() { sched_setaffinity(0, old_.size(), reinterpret_cast<const cpu_set_t *>(old_.data())); }

} // namespace xbond::harness
