// SPDX-License-Identifier: MIT
#include "loader/xdp/takes.h"

#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cstddef>
#include <cstring>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <optional>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/fd.h"

namespace xbond::loader {
namespace {

// linux/netdev.h, which older headers lack.
constexpr std::uint8_t cmd_dev_get = 1;
constexpr std::uint16_t attr_ifindex = 1, attr_xdp_features = 3;
constexpr std::uint64_t can_be_sent_to = 1U << 2U; // NETDEV_XDP_ACT_NDO_XMIT

struct Request {
    nlmsghdr header;
    genlmsghdr command;
    nlattr attribute;
    std::array<char, 8> value;
};

// The attribute of this type in the answer to a request with one attribute of at most eight bytes.
template <typename T>
std::optional<T> ask(int socket, std::uint16_t family, std::uint8_t command, std::uint16_t type, const void *value,
                     std::uint16_t size, std::uint16_t wanted) {
    Request request{};
    request.header = {static_cast<std::uint32_t>(offsetof(Request, value) + NLA_ALIGN(size)), family, NLM_F_REQUEST, 1,
                      0};
    request.command = {command, 1, 0};
    request.attribute = {static_cast<std::uint16_t>(NLA_HDRLEN + size), type};
    std::memcpy(request.value.data(), value, size);
    alignas(nlmsghdr) std::array<char, 8192> answer{};
    if (send(socket, &request, request.header.nlmsg_len, 0) < 0) {
        return std::nullopt;
    }
    const ssize_t got = recv(socket, answer.data(), answer.size(), 0);
    const auto *const header = reinterpret_cast<const nlmsghdr *>(answer.data());
    constexpr std::size_t before = NLMSG_HDRLEN + GENL_HDRLEN;
    if (got < static_cast<ssize_t>(before) || header->nlmsg_type != family ||
        header->nlmsg_len > static_cast<size_t>(got)) {
        return std::nullopt;
    }
    for (std::size_t at = before; at + NLA_HDRLEN <= header->nlmsg_len;) {
        nlattr attribute{};
        std::memcpy(&attribute, answer.data() + at, sizeof(attribute));
        if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > header->nlmsg_len) {
            break;
        }
        if ((attribute.nla_type & NLA_TYPE_MASK) == wanted && attribute.nla_len >= NLA_HDRLEN + sizeof(T)) {
            T found{};
            std::memcpy(&found, answer.data() + at + NLA_HDRLEN, sizeof(found));
            return found;
        }
        at += NLA_ALIGN(attribute.nla_len);
    }
    return std::nullopt;
}

std::optional<std::uint64_t> xdp_features(std::uint32_t ifindex) {
    const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
    if (!socket) {
        return std::nullopt;
    }
    constexpr std::array<char, 7> name{"netdev"};
    const auto family = ask<std::uint16_t>(socket.get(), GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME,
                                           name.data(), name.size(), CTRL_ATTR_FAMILY_ID);
    return family ? ask<std::uint64_t>(socket.get(), *family, cmd_dev_get, attr_ifindex, &ifindex, sizeof(ifindex),
                                       attr_xdp_features)
                  : std::nullopt;
}

} // namespace

bool is_veth(std::uint32_t ifindex) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    ifreq request{};
    request.ifr_data = reinterpret_cast<char *>(&info);
    return !socket || if_indextoname(ifindex, request.ifr_name) == nullptr ||
           ioctl(socket.get(), SIOCETHTOOL, &request) != 0 || std::strcmp(info.driver, "veth") == 0;
}

bool takes_redirected(std::uint32_t ifindex) {
    if (const auto features = xdp_features(ifindex)) {
        return (*features & can_be_sent_to) != 0;
    }
    LIBBPF_OPTS(bpf_xdp_query_opts, there);
    return !is_veth(ifindex) && bpf_xdp_query(static_cast<int>(ifindex), 0, &there) == 0 &&
           there.attach_mode == XDP_ATTACHED_DRV;
}

} // namespace xbond::loader
