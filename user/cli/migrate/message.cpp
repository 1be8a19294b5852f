// SPDX-License-Identifier: MIT
#include "user/cli/migrate/message.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <functional>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <span>
#include <sys/socket.h>

namespace xbond::cli::migrate {

namespace {

using Bytes = std::span<std::uint8_t>;
using View = std::span<const std::uint8_t>;

template <typename T> std::optional<T> read(View bytes) {
    T value{};
    if (bytes.size() < sizeof value) {
        return std::nullopt;
    }
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}
template <typename T> void write(Bytes bytes, const T &value) { std::memcpy(bytes.data(), &value, sizeof value); }

constexpr std::size_t aligned(std::size_t n) { return (n + 3) & ~std::size_t{3}; }

struct Attribute {
    std::uint16_t type = 0;
    std::size_t at = 0, size = 0; // of its payload in the body
};

// Attributes from `begin` to `end`; one that is cut off ends the list.
std::vector<Attribute> attributes(View body, std::size_t begin, std::size_t end) {
    std::vector<Attribute> out;
    while (const auto head = begin + sizeof(rtattr) <= end ? read<rtattr>(body.subspan(begin)) : std::nullopt) {
        if (head->rta_len < sizeof(rtattr) || begin + head->rta_len > end) {
            break;
        }
        const auto type = static_cast<std::uint16_t>(head->rta_type & 0x3fff); // without NLA_F_NESTED and the like
        out.push_back({type, begin + sizeof(rtattr), head->rta_len - sizeof(rtattr)});
        begin += aligned(head->rta_len);
    }
    return out;
}

std::size_t header_size(const Message &m) {
    return m.type == RTM_NEWADDR || m.type == RTM_DELADDR     ? sizeof(ifaddrmsg)
           : m.type == RTM_NEWROUTE || m.type == RTM_DELROUTE ? sizeof(rtmsg)
                                                              : sizeof(ndmsg);
}
std::vector<Attribute> attributes(const Message &m) { return attributes(m.body, header_size(m), m.body.size()); }

View payload(const Message &m, const Attribute &a) { return View(m.body).subspan(a.at, a.size); }
std::optional<View> find(const Message &m, std::uint16_t type) {
    for (const auto &a : attributes(m)) {
        if (a.type == type) {
            return payload(m, a);
        }
    }
    return std::nullopt;
}
std::uint32_t number(const Message &m, std::uint16_t type) {
    const auto value = find(m, type);
    return value ? read<std::uint32_t>(*value).value_or(0) : 0;
}
std::vector<std::uint8_t> bytes_of(const Message &m, std::uint16_t type) {
    const auto value = find(m, type);
    return value ? std::vector<std::uint8_t>(value->begin(), value->end()) : std::vector<std::uint8_t>{};
}
std::vector<std::uint8_t> without(const Message &m, std::uint16_t type) {
    std::vector<std::uint8_t> out(m.body.begin(), m.body.begin() + static_cast<std::ptrdiff_t>(header_size(m)));
    for (const auto &a : attributes(m)) {
        if (a.type != type) {
            const auto begin = m.body.begin() + static_cast<std::ptrdiff_t>(a.at);
            out.insert(out.end(), begin - sizeof(rtattr), begin + static_cast<std::ptrdiff_t>(a.size));
            out.resize(aligned(out.size()));
        }
    }
    return out;
}
void append(Message &m, std::uint16_t type, std::uint32_t value) {
    const rtattr head{sizeof(rtattr) + sizeof value, type};
    const auto at = aligned(m.body.size());
    m.body.resize(at + sizeof head + sizeof value);
    write(Bytes(m.body).subspan(at), head);
    write(Bytes(m.body).subspan(at + sizeof head), value);
}

// Calls `change` with each place in the message that holds an ifindex.
void each_ifindex(Message &m, const std::function<void(std::uint32_t &)> &change) {
    const auto at = [&](std::size_t offset) {
        if (auto index = read<std::uint32_t>(View(m.body).subspan(std::min(offset, m.body.size())))) {
            change(*index);
            write(Bytes(m.body).subspan(offset), *index);
        }
    };
    if (header_size(m) == sizeof(ifaddrmsg)) {
        return at(offsetof(ifaddrmsg, ifa_index));
    }
    if (header_size(m) == sizeof(ndmsg) && m.type != RTM_NEWROUTE && m.type != RTM_DELROUTE) {
        return at(offsetof(ndmsg, ndm_ifindex));
    }
    for (const auto &a : attributes(m)) {
        if (a.type == RTA_OIF) {
            at(a.at);
        } else if (a.type == RTA_MULTIPATH) {
            for (std::size_t hop = a.at; hop + sizeof(rtnexthop) <= a.at + a.size;) {
                const auto head = *read<rtnexthop>(View(m.body).subspan(hop));
                at(hop + offsetof(rtnexthop, rtnh_ifindex));
                if (head.rtnh_len < sizeof(rtnexthop)) {
                    break;
                }
                hop += aligned(head.rtnh_len);
            }
        }
    }
}

bool concerns(Message m, const Ifindexes &devices) {
    bool found = false;
    each_ifindex(m, [&](std::uint32_t &index) { found |= devices.contains(index); });
    return found;
}

std::uint32_t address_flags(const Message &m) {
    const auto head = read<ifaddrmsg>(m.body);
    return find(m, IFA_FLAGS) ? number(m, IFA_FLAGS) : head ? head->ifa_flags : 0;
}
std::vector<std::uint8_t> own_address(const Message &m) {
    auto local = bytes_of(m, IFA_LOCAL);
    return local.empty() ? bytes_of(m, IFA_ADDRESS) : local;
}
std::uint32_t table_of(const Message &m) {
    const auto head = read<rtmsg>(m.body);
    return find(m, RTA_TABLE) ? number(m, RTA_TABLE) : head ? head->rtm_table : 0;
}
bool has_gateway(const Message &m) { return find(m, RTA_GATEWAY) || find(m, RTA_VIA) || find(m, RTA_MULTIPATH); }

// State that the kernel gives an address, and takes from nobody.
void make_address_new(Message &m) {
    constexpr std::uint32_t kernels =
        IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_PERMANENT | IFA_F_SECONDARY | IFA_F_DEPRECATED | IFA_F_OPTIMISTIC;
    auto head = read<ifaddrmsg>(m.body).value_or(ifaddrmsg{});
    std::uint32_t flags = address_flags(m) & ~kernels;
    flags |= head.ifa_family == AF_INET6 ? IFA_F_NODAD : 0; // the other device had it, and may hear the question
    head.ifa_flags = static_cast<std::uint8_t>(flags);
    write(Bytes(m.body), head);
    bool there = false;
    for (const auto &a : attributes(m)) {
        if (a.type == IFA_FLAGS && a.size == sizeof flags) {
            write(Bytes(m.body).subspan(a.at), flags);
            there = true;
        }
    }
    if (!there) {
        append(m, IFA_FLAGS, flags);
    }
}

void make_route_new(Message &m) {
    constexpr unsigned given = RTNH_F_ONLINK | RTNH_F_PERVASIVE;
    auto head = read<rtmsg>(m.body).value_or(rtmsg{});
    head.rtm_flags &= given;
    write(Bytes(m.body), head);
    for (const auto &a : attributes(m)) {
        for (std::size_t hop = a.at; a.type == RTA_MULTIPATH && hop + sizeof(rtnexthop) <= a.at + a.size;) {
            auto one = *read<rtnexthop>(View(m.body).subspan(hop));
            one.rtnh_flags &= given;
            write(Bytes(m.body).subspan(hop), one);
            hop += std::max(aligned(one.rtnh_len), sizeof(rtnexthop));
        }
    }
    // A router's lifetime goes on; the dump has it where requests do not.
    const auto cached = find(m, RTA_CACHEINFO);
    const auto life = cached ? read<rta_cacheinfo>(*cached) : std::nullopt;
    if (life && life->rta_expires > 0 && head.rtm_family == AF_INET6 && !find(m, RTA_EXPIRES)) {
        constexpr std::uint32_t user_hz = 100;
        append(m, RTA_EXPIRES, std::max(1U, static_cast<std::uint32_t>(life->rta_expires) / user_hz));
    }
}

// What was learned is used at once and asked for again: nothing waits for an answer.
void make_neighbour_new(Message &m) {
    auto head = read<ndmsg>(m.body).value_or(ndmsg{});
    if ((head.ndm_state & NUD_PERMANENT) == 0 && (head.ndm_flags & NTF_PROXY) == 0) {
        head.ndm_state = NUD_STALE;
    }
    write(Bytes(m.body), head);
}

std::string printed(int family, View bytes) {
    char buffer[INET6_ADDRSTRLEN] = "?";
    const std::size_t size = family == AF_INET ? 4 : 16;
    return bytes.size() == size ? inet_ntop(family, bytes.data(), buffer, sizeof buffer) : "?";
}

std::string name_of(std::uint32_t index, const std::map<std::uint32_t, std::string> &names) {
    const auto found = names.find(index);
    return found == names.end() ? "interface " + std::to_string(index) : found->second;
}

std::string route_text(const Message &m, const std::map<std::uint32_t, std::string> &names) {
    const auto head = read<rtmsg>(m.body).value_or(rtmsg{});
    const auto to = find(m, RTA_DST);
    std::string out = to ? printed(head.rtm_family, *to) + "/" + std::to_string(head.rtm_dst_len) : "default";
    if (const auto gateway = find(m, RTA_GATEWAY)) {
        out += " via " + printed(head.rtm_family, *gateway);
    }
    out += find(m, RTA_MULTIPATH) ? " over several" : " dev " + name_of(number(m, RTA_OIF), names);
    out += table_of(m) != RT_TABLE_MAIN ? " table " + std::to_string(table_of(m)) : "";
    if (const auto source = find(m, RTA_PREFSRC)) {
        out += " src " + printed(head.rtm_family, *source);
    }
    return out + (number(m, RTA_PRIORITY) != 0 ? " metric " + std::to_string(number(m, RTA_PRIORITY)) : "");
}

} // namespace

Held held_by(const Held &dump, const Ifindexes &devices) {
    Held out;
    std::set<std::vector<std::uint8_t>> own;
    for (const auto &m : dump.addresses) {
        if (concerns(m, devices)) {
            own.insert(own_address(m));
            if ((address_flags(m) & IFA_F_TEMPORARY) == 0 || read<ifaddrmsg>(m.body)->ifa_family == AF_INET) {
                out.addresses.push_back(m); // IPv4 has the same bit for secondary ones
            }
        }
    }
    for (const auto &m : dump.routes) {
        const auto head = read<rtmsg>(m.body);
        const bool of_kernel = head && ((head->rtm_flags & RTM_F_CLONED) != 0 || table_of(m) == RT_TABLE_LOCAL);
        if (head && !of_kernel &&
            (concerns(m, devices) || (find(m, RTA_PREFSRC) && own.contains(bytes_of(m, RTA_PREFSRC))))) {
            out.routes.push_back(m);
        }
    }
    for (const auto &m : dump.neighbours) {
        const auto head = read<ndmsg>(m.body);
        const bool known = head && (head->ndm_family == AF_INET || head->ndm_family == AF_INET6);
        constexpr int usable = NUD_PERMANENT | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;
        const bool kept = known && ((head->ndm_state & usable) != 0 || (head->ndm_flags & NTF_PROXY) != 0);
        if (kept && concerns(m, devices)) {
            out.neighbours.push_back(m);
        }
    }
    return out;
}

std::vector<Message> taken(const Held &held) {
    std::vector<Message> out;
    for (auto route = held.routes.rbegin(); route != held.routes.rend(); ++route) {
        auto m = *route;
        make_route_new(m);
        out.push_back({RTM_DELROUTE, 0, std::move(m.body)});
    }
    for (auto address = held.addresses.rbegin(); address != held.addresses.rend(); ++address) {
        out.push_back({RTM_DELADDR, 0, without(*address, IFA_LABEL)}); // a rename of the device has changed it
    }
    return out;
}

std::vector<Message> put(const Held &held, const IfindexMap &to) {
    std::vector<Message> out;
    const auto add = [&](Message m, std::uint16_t flags) {
        each_ifindex(m, [&](std::uint32_t &index) {
            const auto found = to.find(index);
            index = found == to.end() ? index : found->second;
        });
        m.flags = flags;
        out.push_back(std::move(m));
    };
    for (auto m : held.neighbours) {
        make_neighbour_new(m);
        add(std::move(m), NLM_F_CREATE | NLM_F_REPLACE);
    }
    for (auto m : held.addresses) {
        make_address_new(m);
        add(std::move(m), NLM_F_CREATE | NLM_F_EXCL);
    }
    for (const bool gateways : {false, true}) {
        for (auto m : held.routes) {
            if (has_gateway(m) == gateways) {
                make_route_new(m);
                add(std::move(m), NLM_F_CREATE | NLM_F_APPEND);
            }
        }
    }
    return out;
}

bool through_nexthop_object(const Message &route) { return number(route, RTA_NH_ID) != 0; }

std::string text(const Message &m, const std::map<std::uint32_t, std::string> &names) {
    if (header_size(m) == sizeof(ifaddrmsg)) {
        const auto head = read<ifaddrmsg>(m.body).value_or(ifaddrmsg{});
        return "address " + printed(head.ifa_family, own_address(m)) + "/" + std::to_string(head.ifa_prefixlen) +
               " dev " + name_of(head.ifa_index, names);
    }
    if (m.type == RTM_NEWROUTE || m.type == RTM_DELROUTE) {
        return "route " + route_text(m, names);
    }
    const auto head = read<ndmsg>(m.body).value_or(ndmsg{});
    return "neighbour " + printed(head.ndm_family, bytes_of(m, NDA_DST)) + " dev " +
           name_of(static_cast<std::uint32_t>(head.ndm_ifindex), names);
}

} // namespace xbond::cli::migrate
