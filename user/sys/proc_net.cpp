// SPDX-License-Identifier: MIT
#include "user/sys/proc_net.h"

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

namespace xbond::sys {
namespace {

std::string_view take_line(std::string_view &text) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
}

std::string_view take_word(std::string_view &line) { // separated by blanks and colons, which names never hold
    constexpr std::string_view blanks = " \t:";
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const auto word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    return word;
}

template <typename T> std::optional<T> hex(std::string_view digits) {
    T value{};
    const auto *end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
    return digits.size() == 2 * sizeof(T) && error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
}

std::optional<MacAddr> hex_mac(std::string_view digits) {
    MacAddr mac;
    if (digits.size() != 2 * mac.bytes.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
        const auto byte = hex<std::uint8_t>(digits.substr(2 * i, 2));
        if (!byte) {
            return std::nullopt;
        }
        mac.bytes[i] = *byte;
    }
    return mac;
}

} // namespace

// "2    eth0            1     0     333300000001": index, name, users, global, address
MulticastLists parse_dev_mcast(std::string_view text) {
    MulticastLists lists;
    auto list = lists.end();
    while (!text.empty()) {
        auto line = take_line(text);
        take_word(line);
        const auto ifname = take_word(line);
        take_word(line);
        const bool administrative = take_word(line) == "1";
        if (const auto mac = hex_mac(take_word(line))) {
            if (list == lists.end() || list->first != ifname) { // a device's lines stand together
                list = lists.try_emplace(std::string(ifname)).first;
            }
            list->second.push_back({*mac, administrative});
        }
    }
    return lists;
}

// "2\teth0      :     1      V3" heads a device, "\t\t\t\t010000E0     1 0:00000000\t\t0" is a group of it, printed
// as a native 32-bit number of the address in network order.
std::map<std::string, Ipv4Groups, std::less<>> parse_igmp(std::string_view text) {
    constexpr std::array<std::uint8_t, 4> all_hosts{224, 0, 0, 1};
    std::map<std::string, Ipv4Groups, std::less<>> found;
    Ipv4Groups *device = nullptr;
    while (!text.empty()) {
        auto line = take_line(text);
        if (!line.starts_with('\t')) {
            take_word(line);
            device = &found[std::string(take_word(line))];
            take_word(line);
            const auto querier = take_word(line);
            if (querier.size() == 2 && querier[1] >= '1' && querier[1] <= '3') {
                device->igmp_version = static_cast<std::uint8_t>(querier[1] - '0');
            }
        } else if (const auto native = device != nullptr ? hex<std::uint32_t>(take_word(line)) : std::nullopt) {
            std::array<std::uint8_t, 4> group;
            std::memcpy(group.data(), &*native, group.size());
            if (group != all_hosts) {
                device->groups.push_back(group);
            }
        }
    }
    return found;
}

Ipv4Groups parse_igmp(std::string_view text, std::string_view ifname) {
    auto all = parse_igmp(text);
    const auto found = all.find(ifname);
    return found == all.end() ? Ipv4Groups() : std::move(found->second);
}

// "7    bond0           ff0200000000000000000001ff000001     1 00000004 0": index, name, group, users ...
std::map<std::string, Ipv6Groups, std::less<>> parse_igmp6(std::string_view text) {
    constexpr std::uint8_t link_local_scope = 2, scope_bits = 0x0f;
    Ipv6Addr all_nodes{};
    all_nodes.front() = 0xff;
    all_nodes[1] = link_local_scope;
    all_nodes.back() = 1;
    std::map<std::string, Ipv6Groups, std::less<>> found;
    while (!text.empty()) {
        auto line = take_line(text);
        take_word(line);
        const auto ifname = take_word(line), digits = take_word(line);
        Ipv6Addr group{};
        bool whole = digits.size() == 2 * group.size();
        for (std::size_t i = 0; whole && i < group.size(); ++i) {
            const auto byte = hex<std::uint8_t>(digits.substr(2 * i, 2));
            whole = byte.has_value();
            group.at(i) = byte.value_or(0);
        }
        if (whole && group != all_nodes && (group[1] & scope_bits) >= link_local_scope) {
            found[std::string(ifname)].push_back(group);
        }
    }
    return found;
}

} // namespace xbond::sys
