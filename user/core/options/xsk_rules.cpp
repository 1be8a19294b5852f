// SPDX-License-Identifier: MIT
#include "user/core/options/xsk_rules.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "user/core/options/text.h"
#include "xbond/abi.h"
#include "xbond/packet.h"

namespace xbond::core {
namespace {

struct Named {
    std::string_view word;
    std::uint16_t number;
};
constexpr std::array protocols{Named{"icmp", XB_L4_ICMP}, Named{"tcp", XB_L4_TCP},       Named{"udp", XB_L4_UDP},
                               Named{"sctp", XB_L4_SCTP}, Named{"icmpv6", XB_L4_ICMPV6}, Named{"gre", XB_L4_GRE},
                               Named{"esp", XB_L4_ESP}};
constexpr std::array ethertypes{Named{"ip", XB_ETH_IPV4}, Named{"ip6", XB_ETH_IPV6}, Named{"arp", XB_ETH_ARP}};
constexpr std::string_view grammar = "expected `group GROUP match all`, or words of: vlan N, ethertype N|ip|ip6|arp, "
                                     "mac ADDRESS, proto N|tcp|udp|sctp|icmp|icmpv6|gre|esp, src PORT[-PORT], "
                                     "dst PORT[-PORT], queue N";

std::vector<std::string_view> words_of(std::string_view text) {
    constexpr std::string_view blanks = " \t\n";
    std::vector<std::string_view> words;
    for (auto at = text.find_first_not_of(blanks); at != std::string_view::npos;) {
        const auto end = std::min(text.find_first_of(blanks, at), text.size());
        words.push_back(text.substr(at, end - at));
        at = text.find_first_not_of(blanks, end);
    }
    return words;
}

tl::unexpected<Error> bad(std::string_view what) {
    return fail(EINVAL, "bad rule: " + quoted(what) + "; " + std::string(grammar));
}

Result<std::uint16_t> number(std::string_view text, std::uint32_t last) {
    const bool hex = text.starts_with("0x");
    const auto digits = hex ? text.substr(2) : text;
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || value > last) {
        return fail(EINVAL, "bad rule: expected a number 0.." + std::to_string(last) + ", got " + quoted(text));
    }
    return static_cast<std::uint16_t>(value);
}

template <std::size_t N>
Result<std::uint16_t> named(const std::array<Named, N> &names, std::string_view text, std::uint32_t last) {
    const auto found = std::ranges::find(names, text, &Named::word);
    return found != names.end() ? Result<std::uint16_t>(found->number) : number(text, last);
}

Result<XskRule::Ports> ports(std::string_view text) {
    const auto dash = text.find('-');
    XB_TRY(first, number(text.substr(0, dash), 65535));
    XB_TRY(last, dash == std::string_view::npos ? Result<std::uint16_t>(*first) : number(text.substr(dash + 1), 65535));
    if (*last < *first) {
        return fail(EINVAL, "bad rule: " + quoted(text) + " ends before it begins");
    }
    return XskRule::Ports{*first, *last};
}

template <typename T> Result<void> once(std::optional<T> &place, Result<T> value, std::string_view word) {
    if (!value) {
        return tl::unexpected(value.error());
    }
    if (place) {
        return fail(EINVAL, "bad rule: " + quoted(word) + " is given twice");
    }
    place = *value;
    return {};
}

Result<std::uint8_t> protocol(std::string_view text) {
    XB_TRY(value, named(protocols, text, 255));
    return static_cast<std::uint8_t>(*value);
}

// One word with its value; `value` empty: there is none.
Result<void> take(XskRule &rule, std::string_view word, std::string_view value) {
    if (word == "vlan") {
        return once(rule.vlan, number(value, 4094), word);
    }
    if (word == "ethertype") {
        return once(rule.ethertype, named(ethertypes, value, 65535), word);
    }
    if (word == "queue") {
        return once(rule.queue, number(value, XB_XSK_QUEUES - 1), word);
    }
    if (word == "proto") {
        return once(rule.protocol, protocol(value), word);
    }
    if (word == "src") {
        return once(rule.src, ports(value), word);
    }
    if (word == "dst") {
        return once(rule.dst, ports(value), word);
    }
    if (word == "mac") {
        const auto mac = MacAddr::parse(value);
        return mac ? once(rule.mac, Result<MacAddr>(*mac), word) : bad(value);
    }
    return bad(word);
}

bool has_ports(std::uint8_t protocol) {
    return protocol == XB_L4_TCP || protocol == XB_L4_UDP || protocol == XB_L4_SCTP;
}

Result<void> check(XskRule &rule) {
    if ((rule.src || rule.dst) && (!rule.protocol || !has_ports(*rule.protocol))) {
        return fail(EINVAL, "bad rule: ports are those of tcp, udp or sctp: say which");
    }
    const bool ip = !rule.ethertype || *rule.ethertype == XB_ETH_IPV4 || *rule.ethertype == XB_ETH_IPV6;
    return rule.protocol && !ip ? fail(EINVAL, "bad rule: only IP has protocols and ports") : Result<void>();
}

bool is_group(std::string_view word) {
    return !word.empty() && word.size() <= 32 &&
           std::ranges::all_of(word, [](char c) { return c > ' ' && c <= '~' && c != ';' && c != ','; });
}

std::string ports_text(XskRule::Ports ports) {
    return std::to_string(ports.first) + (ports.first == ports.second ? "" : "-" + std::to_string(ports.second));
}

template <std::size_t N> std::string name_of(const std::array<Named, N> &names, std::uint16_t number) {
    const auto found = std::ranges::find(names, number, &Named::number);
    return found == names.end() ? std::to_string(number) : std::string(found->word);
}

std::string joined(const std::vector<XskRule> &rules) {
    std::string out;
    for (const auto &rule : rules) {
        out += (out.empty() ? "" : "; ") + text(rule);
    }
    return out;
}

Result<void> add(std::vector<XskRule> &rules, const XskRule &rule) {
    for (const auto &other : rules) {
        if (other.same_match(rule)) {
            return fail(EEXIST, "group " + other.group + " has `" + match_text(rule) + "` already; remove that first");
        }
    }
    if (rules.size() >= XB_XSK_RULES) {
        return fail(ENOSPC, "at most " + std::to_string(XB_XSK_RULES) + " rules; remove another one first");
    }
    rules.push_back(rule);
    return {};
}

} // namespace

bool XskRule::same_match(const XskRule &other) const {
    XskRule same = other;
    same.group = group;
    return same == *this;
}

Result<XskRule> parse_xsk_rule(std::string_view text) {
    const auto words = words_of(text);
    if (words.size() < 4 || words[0] != "group" || words[2] != "match" || !is_group(words[1])) {
        return bad(text);
    }
    XskRule rule;
    rule.group = words[1];
    if (words.size() == 4 && words[3] == "all") {
        return rule;
    }
    for (std::size_t i = 3; i < words.size(); ++i) {
        const bool a_protocol = std::ranges::find(protocols, words[i], &Named::word) != protocols.end();
        if (a_protocol) { // "udp dst 53" is "proto udp dst 53"
            XB_TRY_VOID(once(rule.protocol, protocol(words[i]), words[i]));
            continue;
        }
        if (i + 1 == words.size()) {
            return bad(words[i]);
        }
        XB_TRY_VOID(take(rule, words[i], words[i + 1]));
        ++i;
    }
    XB_TRY_VOID(check(rule));
    return rule;
}

Result<std::vector<XskRule>> parse_xsk_rules(std::string_view text) {
    std::vector<XskRule> rules;
    while (!words_of(text).empty()) {
        const auto end = text.find(';');
        XB_TRY(rule, parse_xsk_rule(text.substr(0, end)));
        XB_TRY_VOID(add(rules, *rule));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return rules;
}

std::string match_text(const XskRule &rule) {
    std::string out;
    const auto word = [&out](std::string_view name, const std::string &value) {
        out += (out.empty() ? "" : " ") + std::string(name) + (value.empty() ? "" : " " + value);
    };
    if (rule.vlan) {
        word("vlan", std::to_string(*rule.vlan));
    }
    if (rule.ethertype) {
        word("ethertype", name_of(ethertypes, *rule.ethertype));
    }
    if (rule.mac) {
        word("mac", rule.mac->str());
    }
    if (rule.protocol) {
        const auto name = name_of(protocols, *rule.protocol);
        name.front() >= 'a' ? word(name, "") : word("proto", name);
    }
    if (rule.src) {
        word("src", ports_text(*rule.src));
    }
    if (rule.dst) {
        word("dst", ports_text(*rule.dst));
    }
    if (rule.queue) {
        word("queue", std::to_string(*rule.queue));
    }
    return out.empty() ? "all" : out;
}

std::string text(const XskRule &rule) { return "group " + rule.group + " match " + match_text(rule); }

Result<void> set_xsk_rules(Options &options, std::string_view typed) {
    const std::string_view wanted = without_newline(typed);
    if (!wanted.starts_with('+') && !wanted.starts_with('-')) {
        XB_TRY(rules, parse_xsk_rules(wanted));
        options.xsk_allow = joined(*rules);
        return {};
    }
    XB_TRY(rules, parse_xsk_rules(options.xsk_allow));
    XB_TRY(rule, parse_xsk_rule(wanted.substr(1)));
    if (wanted.front() == '+') {
        XB_TRY_VOID(add(*rules, *rule));
    } else if (std::erase(*rules, *rule) == 0) {
        return fail(ENOENT, "there is no rule `" + text(*rule) + "`");
    }
    options.xsk_allow = joined(*rules);
    return {};
}

} // namespace xbond::core
