// SPDX-License-Identifier: MIT
#include "user/core/options/targets.h"

#include <algorithm>
#include <charconv>

#include "user/core/options/text.h"

namespace xbond::core {
namespace {

template <typename Number> std::optional<Number> whole(std::string_view text, int base) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    const bool all = error == std::errc{} && end == text.data() + text.size() && !text.empty();
    return all ? std::optional(value) : std::nullopt;
}

// Calls `part(piece)` for each piece between separators until it answers false; then false.
template <typename Part> bool split(std::string_view text, char separator, Part part) {
    while (true) {
        const auto end = text.find(separator);
        if (!part(text.substr(0, end))) {
            return false;
        }
        if (end == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(end + 1);
    }
}

// The groups of one side of "::", appended; an IPv4 address may stand for the last two.
bool read_groups(std::string_view text, bool at_end, std::vector<std::uint16_t> &groups) {
    if (text.empty()) {
        return true;
    }
    return split(text, ':', [&](std::string_view group) {
        const bool is_last = group.data() + group.size() == text.data() + text.size();
        if (const auto v4 = at_end && is_last ? parse_ipv4(group) : std::nullopt) {
            groups.push_back(static_cast<std::uint16_t>((*v4)[0] << 8 | (*v4)[1]));
            groups.push_back(static_cast<std::uint16_t>((*v4)[2] << 8 | (*v4)[3]));
            return true;
        }
        const auto value = group.size() <= 4 ? whole<std::uint16_t>(group, 16) : std::nullopt;
        groups.push_back(value.value_or(0));
        return value.has_value();
    });
}

// ---- what may be a target (`option.targets`) ----
const char *unusable(const Ipv4Addr &target) {
    const bool broadcast = std::ranges::all_of(target, [](std::uint8_t byte) { return byte == 255; });
    return target[0] == 0 || broadcast ? "no address of a host" : nullptr;
}

const char *unusable(const Ipv6Addr &target) {
    const bool head_zero = std::ranges::all_of(target.begin(), target.end() - 1, [](auto byte) { return byte == 0; });
    if (head_zero && target.back() <= 1) {
        return "no address of another host";
    }
    return target[0] == 0xff ? "a multicast address" : nullptr;
}

template <typename Addr> Result<void> add(std::vector<Addr> &targets, const Addr &target) {
    if (const char *why = unusable(target)) {
        return fail(EINVAL, "bad target " + ip_text(target) + ": it is " + why + "; expected a host on the network");
    }
    if (std::ranges::find(targets, target) != targets.end()) {
        return fail(EINVAL, "target " + ip_text(target) + " is in the list already; name each one once");
    }
    if (targets.size() >= XB_MAX_TARGETS) {
        return fail(EINVAL, "target " + ip_text(target) + " is one too many: at most " +
                                std::to_string(XB_MAX_TARGETS) + "; remove another one first");
    }
    targets.push_back(target);
    return {};
}

template <typename Addr, typename Parse>
Result<void> replace(std::vector<Addr> &targets, std::string_view text, Parse parse, const char *expected) {
    std::vector<Addr> fresh;
    Result<void> done;
    if (!text.empty()) {
        split(text, ',', [&](std::string_view piece) {
            const auto target = parse(piece);
            done = target ? add(fresh, *target)
                          : fail(EINVAL, "bad value " + core::quoted(piece) + ": expected " + std::string(expected));
            return done.has_value();
        });
    }
    if (done) {
        targets = std::move(fresh);
    }
    return done;
}

template <typename Addr> std::string list_text(const std::vector<Addr> &targets) {
    std::string text;
    for (const Addr &target : targets) {
        text += (text.empty() ? "" : ",") + ip_text(target);
    }
    return text;
}

} // namespace

std::optional<Ipv4Addr> parse_ipv4(std::string_view text) {
    Ipv4Addr address{};
    std::size_t count = 0;
    const bool good = split(text, '.', [&](std::string_view part) {
        const auto value = part.size() <= 3 ? whole<std::uint8_t>(part, 10) : std::nullopt;
        if (!value || count == address.size()) {
            return false;
        }
        address[count++] = *value;
        return true;
    });
    return good && count == address.size() ? std::optional(address) : std::nullopt;
}

std::optional<Ipv6Addr> parse_ipv6(std::string_view text) {
    constexpr std::size_t all = 8; // groups
    std::vector<std::uint16_t> groups, tail;
    const auto gap = text.find("::");
    const bool has_gap = gap != std::string_view::npos;
    if (text.empty() || !read_groups(text.substr(0, gap), !has_gap, groups) ||
        (has_gap && !read_groups(text.substr(gap + 2), true, tail))) {
        return std::nullopt;
    }
    const std::size_t given = groups.size() + tail.size();
    if (has_gap ? given >= all : given != all) {
        return std::nullopt;
    }
    groups.resize(all - tail.size());
    groups.insert(groups.end(), tail.begin(), tail.end());
    Ipv6Addr address{};
    for (std::size_t i = 0; i < all; ++i) {
        address[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
        address[2 * i + 1] = static_cast<std::uint8_t>(groups[i] & 0xff);
    }
    return address;
}

std::string ip_text(const Ipv4Addr &address) {
    std::string text;
    for (const std::uint8_t byte : address) {
        text += (text.empty() ? "" : ".") + std::to_string(byte);
    }
    return text;
}

std::string ip_text(const Ipv6Addr &address) {
    const auto group = [&](std::size_t i) { return static_cast<unsigned>(address[2 * i] << 8 | address[2 * i + 1]); };
    std::size_t gap = 8, gap_length = 1; // the longest run of at least two zero groups, the first of equals
    for (std::size_t i = 0; i < 8; ++i) {
        std::size_t end = i;
        while (end < 8 && group(end) == 0) {
            ++end;
        }
        if (end - i > gap_length) {
            gap = i;
            gap_length = end - i;
        }
    }
    std::string text;
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == gap) {
            text += "::";
            i += gap_length - 1;
            continue;
        }
        char hex[4];
        const auto written = std::to_chars(std::begin(hex), std::end(hex), group(i), 16);
        text += (text.empty() || text.back() == ':' ? "" : ":") + std::string(std::begin(hex), written.ptr);
    }
    return text;
}

Result<void> set_arp_targets(Options &options, std::string_view typed) {
    const std::string_view text = without_newline(typed);
    auto &targets = options.arp_ip_targets;
    if (!text.starts_with('+') && !text.starts_with('-')) {
        return replace(targets, text, parse_ipv4, "a.b.c.d[,a.b.c.d]..., +a.b.c.d or -a.b.c.d");
    }
    const auto target = parse_ipv4(text.substr(1));
    if (!target) {
        return fail(EPERM, "bad value " + core::quoted(text) + ": expected +a.b.c.d or -a.b.c.d");
    }
    if (text.front() == '+') {
        return add(targets, *target);
    }
    if (std::erase(targets, *target) == 0) {
        return fail(EINVAL, "target " + ip_text(*target) + " is not in the list (" + list_text(targets) +
                                "); name one that is");
    }
    return {};
}

Result<void> set_ns_targets(Options &options, std::string_view text) {
    return replace(options.ns_ip6_targets, without_newline(text), parse_ipv6, "IPv6 addresses separated by commas");
}

std::string ip_text(const std::vector<Ipv4Addr> &addresses) { return list_text(addresses); }
std::string ip_text(const std::vector<Ipv6Addr> &addresses) { return list_text(addresses); }

} // namespace xbond::core
