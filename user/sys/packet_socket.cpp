// SPDX-License-Identifier: MIT
#include "user/sys/packet_socket.h"

#include <algorithm>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "user/sys/io.h"
#include "user/sys/proc_net.h"
#include "user/sys/sysctl.h"

namespace xbond::sys {
namespace {

std::string interface(std::uint32_t ifindex) { return "interface " + std::to_string(ifindex); }

} // namespace

Result<PacketSocket> PacketSocket::open() {
    PacketSocket s;
    s.fd_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!s.fd_) {
        return fail_errno("cannot open a packet socket");
    }
    const int on = 1;
    if (::setsockopt(s.fd_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) {
        return fail_errno("cannot set PACKET_QDISC_BYPASS");
    }
    return s;
}

Result<void> PacketSocket::send(std::uint32_t ifindex, std::span<const std::uint8_t> frame) const {
    if (frame.size() < ETH_HLEN) {
        return fail(EINVAL, "a frame of " + std::to_string(frame.size()) + " bytes: expected at least 14");
    }
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(ifindex);
    constexpr std::size_t ethertype_at = 12;
    std::copy_n(&frame[ethertype_at], sizeof to.sll_protocol, reinterpret_cast<std::uint8_t *>(&to.sll_protocol));
    if (::sendto(fd_.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr *>(&to), sizeof to) < 0) {
        return fail_errno("cannot send on " + interface(ifindex));
    }
    return {};
}

Ipv4Groups joined_ipv4_groups(std::string_view ifname) {
    auto joined = parse_igmp(read_file("/proc/thread-self/net/igmp").value_or(""), ifname);
    if (read_sysctl("ipv4/igmp_link_local_mcast_reports").value_or("1") == "0") {
        std::erase_if(joined.groups, [](const auto &g) { return g[0] == 224 && g[1] == 0 && g[2] == 0; });
    }
    return joined;
}

} // namespace xbond::sys
