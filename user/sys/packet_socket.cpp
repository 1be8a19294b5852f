// SPDX-License-Identifier: MIT
#include "user/sys/packet_socket.h"

#include <algorithm>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <sys/socket.h>

#include "user/sys/io.h"
#include "user/sys/proc_net.h"
#include "user/sys/sysctl.h"

namespace xbond::sys {
namespace {

std::string interface(std::uint32_t ifindex) { return "interface " + std::to_string(ifindex); }

} // namespace

Result<PacketSocket> PacketSocket::open() {
    // What one device does not take away waits in its qdisc, and must not use up the room of the others.
    constexpr int room = 16 << 20;
    const int priority = TC_PRIO_CONTROL, on = 1;
    PacketSocket s;
    for (Fd *fd : {&s.ordinary_, &s.past_qdisc_}) {
        fd->reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!*fd) {
            return fail_errno("cannot open a packet socket");
        }
        if (::setsockopt(fd->get(), SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority) != 0) {
            return fail_errno("cannot set the priority of a packet socket");
        }
        if (::setsockopt(fd->get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0) {
            ::setsockopt(fd->get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        }
    }
    if (::setsockopt(s.past_qdisc_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) {
        return fail_errno("cannot set PACKET_QDISC_BYPASS");
    }
    return s;
}

Result<void> PacketSocket::send(std::uint32_t ifindex, std::span<const std::uint8_t> frame, SendWay way) const {
    if (frame.size() < ETH_HLEN) {
        return fail(EINVAL, "a frame of " + std::to_string(frame.size()) + " bytes: expected at least 14");
    }
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(ifindex);
    constexpr std::size_t ethertype_at = 12;
    std::copy_n(&frame[ethertype_at], sizeof to.sll_protocol, reinterpret_cast<std::uint8_t *>(&to.sll_protocol));
    const Fd &fd = way == SendWay::ordinary ? ordinary_ : past_qdisc_;
    if (::sendto(fd.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr *>(&to), sizeof to) < 0) {
        return fail_errno("cannot send on " + interface(ifindex));
    }
    return {};
}

namespace {

void leave_out_unreported(Ipv4Groups &joined, bool link_local_too) {
    if (!link_local_too) {
        std::erase_if(joined.groups, [](const auto &g) { return g[0] == 224 && g[1] == 0 && g[2] == 0; });
    }
}

bool link_local_reports() { return read_sysctl("ipv4/igmp_link_local_mcast_reports").value_or("1") != "0"; }

} // namespace

Ipv4Groups joined_ipv4_groups(std::string_view ifname) {
    auto joined = parse_igmp(read_file("/proc/thread-self/net/igmp").value_or(""), ifname);
    leave_out_unreported(joined, link_local_reports());
    return joined;
}

JoinedGroups joined_groups() {
    JoinedGroups joined{parse_igmp(read_file("/proc/thread-self/net/igmp").value_or("")),
                        parse_igmp6(read_file("/proc/thread-self/net/igmp6").value_or(""))};
    const bool link_local_too = link_local_reports();
    for (auto &[ifname, groups] : joined.v4) {
        leave_out_unreported(groups, link_local_too);
    }
    return joined;
}

} // namespace xbond::sys
