// SPDX-License-Identifier: MIT
#include "user/cli/migrate/rtnl.h"

#include <algorithm>
#include <cstring>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_vlan.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "user/sys/io.h"
#include "user/sys/netlink_parse.h"

namespace xbond::cli::migrate {

namespace {

using Body = std::vector<std::uint8_t>;

template <typename T> Body bytes_of(const T &value) {
    Body out(sizeof value);
    std::memcpy(out.data(), &value, sizeof value);
    return out;
}
Body text_bytes(const std::string &text) { return {text.c_str(), text.c_str() + text.size() + 1}; }

void align(Body &body) { body.resize((body.size() + 3) & ~std::size_t{3}); }
void put(Body &body, std::uint16_t type, const Body &value) {
    align(body);
    const rtattr head{static_cast<std::uint16_t>(sizeof(rtattr) + value.size()), type};
    const auto bytes = bytes_of(head);
    body.insert(body.end(), bytes.begin(), bytes.end());
    body.insert(body.end(), value.begin(), value.end());
    align(body);
}
Body link_head(std::uint32_t ifindex) {
    ifinfomsg head{};
    head.ifi_index = static_cast<int>(ifindex);
    return bytes_of(head);
}

// The payload of the attribute of that type between the two places.
std::optional<std::span<std::uint8_t>> attribute(std::span<std::uint8_t> list, std::uint16_t wanted) {
    rtattr head{};
    while (list.size() >= sizeof head) {
        std::memcpy(&head, list.data(), sizeof head);
        if (head.rta_len < sizeof head || head.rta_len > list.size()) {
            break;
        }
        if ((head.rta_type & 0x3fff) == wanted) {
            return list.subspan(sizeof head, head.rta_len - sizeof head);
        }
        list = list.subspan(std::min<std::size_t>((head.rta_len + 3U) & ~3U, list.size()));
    }
    return std::nullopt;
}

// The kernel tells a VLAN's flags with a mask that it does not take.
void mend_vlan_flags(std::span<std::uint8_t> info) {
    const auto data = attribute(info, IFLA_INFO_DATA);
    const auto flags = data ? attribute(*data, IFLA_VLAN_FLAGS) : std::nullopt;
    if (flags && flags->size() == sizeof(ifla_vlan_flags)) {
        ifla_vlan_flags value{};
        std::memcpy(&value, flags->data(), sizeof value);
        value.mask = VLAN_FLAG_REORDER_HDR | VLAN_FLAG_GVRP | VLAN_FLAG_LOOSE_BINDING | VLAN_FLAG_MVRP |
                     VLAN_FLAG_BRIDGE_BINDING;
        value.flags &= value.mask;
        std::memcpy(flags->data(), &value, sizeof value);
    }
}

bool done_already(const Message &m, int code) {
    return m.type == RTM_DELROUTE  ? code == ESRCH || code == ENOENT || code == ENODEV
           : m.type == RTM_DELADDR ? code == EADDRNOTAVAIL || code == ENOENT || code == ENODEV
           : m.type == RTM_NEWADDR ? code == EEXIST
                                   : m.type == RTM_NEWROUTE && code == EEXIST;
}

} // namespace

Result<Rtnl> Rtnl::open() {
    Rtnl out;
    out.fd_ = Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!out.fd_) {
        return sys::fail_errno("cannot open a netlink socket");
    }
    const int on = 1, room = 8 << 20;
    for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
        (void)::setsockopt(out.fd_.get(), SOL_NETLINK, option, &on, sizeof on);
    }
    (void)::setsockopt(out.fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    (void)::setsockopt(out.fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    const timeval limit{5, 0};
    (void)::setsockopt(out.fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return out;
}

// Sends what is in `batch`, whose messages have the numbers first+1 .. last, and hands each answer to `each` until all
// are acknowledged.
static Result<void> talk(int fd, const Body &batch, std::uint32_t first, std::uint32_t last,
                         const std::function<void(const sys::NetlinkMessage &)> &each) {
    if (::send(fd, batch.data(), batch.size(), 0) < 0) {
        return sys::fail_errno("netlink send");
    }
    Body buffer(64 << 10);
    for (std::uint32_t open = last - first; open > 0;) {
        const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return sys::fail_errno("netlink receive");
        }
        sys::Bytes datagram(buffer.data(), static_cast<std::size_t>(n));
        while (const auto m = sys::take_message(datagram)) {
            if (m->seq > first && m->seq <= last) {
                open -= sys::parse_ack(*m) ? 1 : 0;
                each(*m);
            }
        }
    }
    return {};
}

static void append(Body &batch, const Message &m, std::uint16_t flags, std::uint32_t seq) {
    nlmsghdr head{};
    head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + m.body.size());
    head.nlmsg_type = m.type;
    head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags | m.flags);
    head.nlmsg_seq = seq;
    const auto bytes = bytes_of(head);
    batch.insert(batch.end(), bytes.begin(), bytes.end());
    batch.insert(batch.end(), m.body.begin(), m.body.end());
    align(batch);
}

Result<std::vector<Message>> Rtnl::dump(std::uint16_t type, const Body &head) {
    Body request;
    const auto seq = ++seq_;
    append(request, {type, NLM_F_DUMP, head}, 0, seq);
    std::vector<Message> out;
    std::optional<sys::NetlinkAck> end;
    XB_TRY_VOID(talk(fd_.get(), request, seq - 1, seq, [&](const sys::NetlinkMessage &m) {
        if (auto ack = sys::parse_ack(m)) {
            end = ack;
        } else {
            out.push_back({m.type, 0, {m.payload.begin(), m.payload.end()}});
        }
    }));
    return end && end->code != 0 ? sys::fail_errno("read what devices hold", end->code)
                                 : Result<std::vector<Message>>(std::move(out));
}

Result<Held> Rtnl::all() {
    Held out;
    XB_TRY(addresses, dump(RTM_GETADDR, bytes_of(ifaddrmsg{})));
    out.addresses = std::move(*addresses);
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
        rtmsg route{};
        route.rtm_family = family;
        if (auto routes = dump(RTM_GETROUTE, bytes_of(route))) { // without IPv6 there are none
            out.routes.insert(out.routes.end(), routes->begin(), routes->end());
        }
        ndmsg neighbour{};
        neighbour.ndm_family = family;
        for (const std::uint8_t flags : {std::uint8_t{0}, std::uint8_t{NTF_PROXY}}) {
            neighbour.ndm_flags = flags;
            if (auto found = dump(RTM_GETNEIGH, bytes_of(neighbour))) {
                out.neighbours.insert(out.neighbours.end(), found->begin(), found->end());
            }
        }
    }
    return out;
}

Result<void> Rtnl::send(std::span<const Message> messages, const std::map<std::uint32_t, std::string> &names) {
    constexpr std::size_t at_once = 1000; // answers have to fit into the socket's room
    while (!messages.empty()) {
        const auto part = messages.first(std::min(at_once, messages.size()));
        messages = messages.subspan(part.size());
        Body batch;
        const auto first = seq_;
        for (const auto &m : part) {
            append(batch, m, NLM_F_ACK, ++seq_);
        }
        std::optional<Error> failed;
        XB_TRY_VOID(talk(fd_.get(), batch, first, seq_, [&](const sys::NetlinkMessage &answer) {
            const auto ack = sys::parse_ack(answer);
            const auto &asked = part[answer.seq - first - 1];
            if (ack && ack->code != 0 && !done_already(asked, ack->code) && !failed) {
                const auto about = asked.type == RTM_NEWLINK || asked.type == RTM_SETLINK ||
                                           asked.type == RTM_NEWLINKPROP || asked.type == RTM_DELLINKPROP
                                       ? "a device"
                                       : text(asked, names);
                failed = Error{ack->code, about + ": " + sys::errno_text(ack->code) +
                                              (ack->text.empty() ? "" : " (" + ack->text + ")")};
            }
        }));
        if (failed) {
            return tl::unexpected(*failed);
        }
    }
    return {};
}

Result<void> Rtnl::make_bond(const std::string &name, std::optional<MacAddr> mac, std::uint32_t mtu) {
    Body body = link_head(0), info;
    put(body, IFLA_IFNAME, text_bytes(name));
    put(body, IFLA_MTU, bytes_of(mtu));
    if (mac) {
        put(body, IFLA_ADDRESS, {mac->bytes.begin(), mac->bytes.end()});
    }
    put(info, IFLA_INFO_KIND, text_bytes("bond"));
    put(body, IFLA_LINKINFO, info);
    const Message m{RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body};
    return send({&m, 1}, {});
}

Result<Message> Rtnl::link(std::uint32_t ifindex) {
    Body request;
    const auto seq = ++seq_;
    append(request, {RTM_GETLINK, 0, link_head(ifindex)}, NLM_F_ACK, seq);
    std::optional<Message> out;
    int code = 0;
    XB_TRY_VOID(talk(fd_.get(), request, seq - 1, seq, [&](const sys::NetlinkMessage &m) {
        if (const auto ack = sys::parse_ack(m)) {
            code = ack->code;
        } else {
            out = Message{m.type, 0, {m.payload.begin(), m.payload.end()}};
        }
    }));
    return out ? Result<Message>(std::move(*out)) : sys::fail_errno("read a device", code != 0 ? code : ENODEV);
}

Result<void> Rtnl::make_like(const std::string &name, std::uint32_t like, std::uint32_t below, bool own_mac) {
    XB_TRY(model, link(like));
    const auto attributes = std::span(model->body).subspan(sizeof(ifinfomsg));
    Body body = link_head(0);
    put(body, IFLA_IFNAME, text_bytes(name));
    put(body, IFLA_LINK, bytes_of(below));
    for (const std::uint16_t type : {IFLA_ADDRESS, IFLA_MTU, IFLA_TXQLEN, IFLA_GROUP, IFLA_LINKINFO}) {
        const auto value = attribute(attributes, type);
        if (value && type == IFLA_LINKINFO) {
            mend_vlan_flags(*value);
        }
        if (value && (type != IFLA_ADDRESS || own_mac)) {
            put(body, type, {value->begin(), value->end()});
        }
    }
    const Message m{RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body};
    return send({&m, 1}, {});
}

Result<void> Rtnl::slave_prio(std::uint32_t slave, std::int32_t prio) {
    constexpr std::uint16_t bond_slave_prio = 9; // IFLA_BOND_SLAVE_PRIO, Linux 6.0
    Body body = link_head(slave), info, data;
    put(data, bond_slave_prio, bytes_of(prio));
    put(info, IFLA_INFO_SLAVE_KIND, text_bytes("bond"));
    put(info, IFLA_INFO_SLAVE_DATA, data);
    put(body, IFLA_LINKINFO, info);
    const Message m{RTM_NEWLINK, 0, body};
    return send({&m, 1}, {});
}

std::vector<Message> Rtnl::move_altname(const std::string &altname, std::uint32_t from, std::uint32_t to) {
    Body list;
    put(list, IFLA_ALT_IFNAME, text_bytes(altname));
    const auto message = [&](std::uint16_t type, std::uint32_t ifindex, std::uint16_t flags) {
        Body body = link_head(ifindex);
        put(body, IFLA_PROP_LIST | NLA_F_NESTED, list);
        return Message{type, flags, body};
    };
    return {message(RTM_DELLINKPROP, from, 0), message(RTM_NEWLINKPROP, to, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND)};
}

} // namespace xbond::cli::migrate
