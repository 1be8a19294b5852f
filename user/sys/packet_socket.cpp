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

Result<Fd> open_socket() {
    Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!fd) {
        return fail_errno("cannot open a packet socket");
    }
    return fd;
}

std::string interface(std::uint32_t ifindex) { return "interface " + std::to_string(ifindex); }

Result<void> membership(int fd, int option, std::uint32_t ifindex, int type, const MacAddr &mac = {}) {
    packet_mreq request{};
    request.mr_ifindex = static_cast<int>(ifindex);
    request.mr_type = static_cast<unsigned short>(type);
    request.mr_alen = static_cast<unsigned short>(mac.bytes.size());
    std::copy(mac.bytes.begin(), mac.bytes.end(), request.mr_address);
    if (::setsockopt(fd, SOL_PACKET, option, &request, sizeof request) == 0) {
        return {};
    }
    // Giving back what a vanished device took with it is done already.
    if (option == PACKET_DROP_MEMBERSHIP && (errno == ENODEV || errno == EADDRNOTAVAIL)) {
        return {};
    }
    return fail_errno("cannot change the receive filter of " + interface(ifindex));
}

Result<void> toggle(int fd, std::uint32_t ifindex, int type, bool &state, bool on) {
    if (state == on) {
        return {};
    }
    auto done = membership(fd, on ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP, ifindex, type);
    if (done) {
        state = on;
    }
    return done;
}

} // namespace

Result<PacketSocket> PacketSocket::open() {
    PacketSocket s;
    auto fd = open_socket();
    if (!fd) {
        return tl::make_unexpected(fd.error());
    }
    s.fd_ = std::move(*fd);
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

Result<FilterLease> FilterLease::open(std::uint32_t ifindex) {
    FilterLease lease;
    auto fd = open_socket();
    if (!fd) {
        return tl::make_unexpected(fd.error());
    }
    lease.fd_ = std::move(*fd);
    lease.ifindex_ = ifindex;
    return lease;
}

Result<void> FilterLease::set_promisc(bool on) { return toggle(fd_.get(), ifindex_, PACKET_MR_PROMISC, promisc_, on); }

Result<void> FilterLease::set_allmulti(bool on) {
    return toggle(fd_.get(), ifindex_, PACKET_MR_ALLMULTI, allmulti_, on);
}

// Adds before it drops: no group is deaf in between. After an error `multicast_` is what the socket really holds.
Result<void> FilterLease::set_multicast(std::span<const MacAddr> macs) {
    const auto holds = [](std::span<const MacAddr> list, const MacAddr &mac) {
        return std::find(list.begin(), list.end(), mac) != list.end();
    };
    for (const auto &mac : macs) {
        if (holds(multicast_, mac)) {
            continue;
        }
        if (auto ok = membership(fd_.get(), PACKET_ADD_MEMBERSHIP, ifindex_, PACKET_MR_MULTICAST, mac); !ok) {
            return ok;
        }
        multicast_.push_back(mac);
    }
    for (std::size_t i = multicast_.size(); i-- > 0;) {
        if (holds(macs, multicast_[i])) {
            continue;
        }
        if (auto ok = membership(fd_.get(), PACKET_DROP_MEMBERSHIP, ifindex_, PACKET_MR_MULTICAST, multicast_[i]);
            !ok) {
            return ok;
        }
        multicast_.erase(multicast_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return {};
}

std::vector<MacAddr> joined_multicast(std::string_view ifname) {
    return parse_dev_mcast(read_file("/proc/thread-self/net/dev_mcast").value_or(""), ifname);
}

Ipv4Groups joined_ipv4_groups(std::string_view ifname) {
    auto joined = parse_igmp(read_file("/proc/thread-self/net/igmp").value_or(""), ifname);
    if (read_sysctl("ipv4/igmp_link_local_mcast_reports").value_or("1") == "0") {
        std::erase_if(joined.groups, [](const auto &g) { return g[0] == 224 && g[1] == 0 && g[2] == 0; });
    }
    return joined;
}

} // namespace xbond::sys
