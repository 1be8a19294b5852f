// SPDX-License-Identifier: MIT
#include "user/cli/grammar/flow_frame.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <map>
#include <string>

#include "user/cli/grammar/args.h"

namespace xbond::cli {

namespace {

constexpr std::array<std::string_view, 8> known{"src", "dst", "proto", "sport", "dport", "smac", "dmac", "vlan"};
constexpr std::uint8_t icmp = 1, icmpv6 = 58;
using Fields = std::map<std::string, std::string, std::less<>>;
using Address = std::vector<std::uint8_t>; // 4 or 16 bytes

Result<Fields> split(std::string_view text) {
    Fields out;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto field = text.substr(0, comma);
        text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
        const auto equals = field.find('=');
        const std::string key(field.substr(0, equals));
        if (equals == std::string_view::npos || std::find(known.begin(), known.end(), key) == known.end()) {
            return fail(EINVAL, "--flow: \"" + std::string(field) +
                                    "\": expected src=,dst=,proto=,sport=,dport=,smac=,dmac= or vlan=");
        }
        if (!out.emplace(key, field.substr(equals + 1)).second) {
            return fail(EINVAL, "--flow: " + key + " is given twice");
        }
    }
    return out;
}

Result<Address> address(const Fields &fields, std::string_view key) {
    const auto found = fields.find(key);
    if (found == fields.end()) {
        return fail(EINVAL, "--flow: " + std::string(key) + "= is missing");
    }
    Address out(16);
    if (::inet_pton(AF_INET6, found->second.c_str(), out.data()) == 1) {
        return out;
    }
    out.resize(4);
    if (::inet_pton(AF_INET, found->second.c_str(), out.data()) == 1) {
        return out;
    }
    return fail(EINVAL,
                "--flow: " + std::string(key) + ": expected an IPv4 or IPv6 address, got \"" + found->second + "\"");
}

Result<std::uint16_t> number(const Fields &fields, std::string_view key, std::uint32_t max) {
    const auto found = fields.find(key);
    XB_TRY(value, parse_number(found == fields.end() ? "0" : std::string_view(found->second),
                               "--flow: " + std::string(key), 0, max));
    return static_cast<std::uint16_t>(*value);
}

Result<std::uint8_t> protocol(const Fields &fields, bool v6) {
    const auto found = fields.find("proto");
    const std::string_view name = found == fields.end() ? "udp" : std::string_view(found->second);
    constexpr std::array<std::pair<std::string_view, std::uint8_t>, 4> names{
        {{"tcp", 6}, {"udp", 17}, {"sctp", 132}, {"icmp", icmp}}};
    for (const auto &[word, value] : names) {
        if (name == word) {
            return value == icmp && v6 ? icmpv6 : value;
        }
    }
    XB_TRY(value, parse_number(name, "--flow: proto (tcp, udp, sctp, icmp or a number)", 0, 255));
    return static_cast<std::uint8_t>(*value);
}

Result<MacAddr> mac(const Fields &fields, std::string_view key) {
    const auto found = fields.find(key);
    if (found == fields.end()) {
        return MacAddr{};
    }
    const auto parsed = MacAddr::parse(found->second);
    return parsed ? Result<MacAddr>(*parsed)
                  : fail(EINVAL,
                         "--flow: " + std::string(key) + ": expected aa:bb:cc:dd:ee:ff, got \"" + found->second + "\"");
}

void put16(std::vector<std::uint8_t> &out, unsigned value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}

template <typename T> void put(std::vector<std::uint8_t> &out, const T &bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

// Fields of no concern to a hash (lengths, checksums) stay zero.
void put_ip(std::vector<std::uint8_t> &out, const Address &src, const Address &dst, std::uint8_t proto) {
    if (src.size() == 16) {
        put16(out, 0x86dd);
        put(out, std::array<std::uint8_t, 8>{0x60, 0, 0, 0, 0, 20, proto, 64});
    } else {
        put16(out, 0x0800);
        put(out, std::array<std::uint8_t, 12>{0x45, 0, 0, 40, 0, 0, 0, 0, 64, proto, 0, 0});
    }
    put(out, src);
    put(out, dst);
}

} // namespace

Result<FlowFrame> frame_of_flow(std::string_view text) {
    XB_TRY(fields, split(text));
    const auto src = address(*fields, "src"), dst = address(*fields, "dst");
    const auto sport = number(*fields, "sport", 65535), dport = number(*fields, "dport", 65535);
    const auto vlan = number(*fields, "vlan", 4094);
    const auto smac = mac(*fields, "smac"), dmac = mac(*fields, "dmac");
    const auto proto = protocol(*fields, src && src->size() == 16);
    for (const auto *error :
         {src ? nullptr : &src.error(), dst ? nullptr : &dst.error(), sport ? nullptr : &sport.error(),
          dport ? nullptr : &dport.error(), vlan ? nullptr : &vlan.error(), smac ? nullptr : &smac.error(),
          dmac ? nullptr : &dmac.error(), proto ? nullptr : &proto.error()}) {
        if (error) {
            return tl::unexpected(*error);
        }
    }
    if (src->size() != dst->size()) {
        return fail(EINVAL, "--flow: src and dst are of different IP versions");
    }
    FlowFrame out;
    out.vlan_tci = *vlan;
    put(out.bytes, dmac->bytes);
    put(out.bytes, smac->bytes);
    put_ip(out.bytes, *src, *dst, *proto);
    if (*proto == icmp || *proto == icmpv6) { // an echo request with id 0
        out.bytes.push_back(*proto == icmp ? 8 : 128);
    } else {
        put16(out.bytes, *sport);
        put16(out.bytes, *dport);
    }
    out.bytes.resize(out.bytes.size() + 16);
    return out;
}

} // namespace xbond::cli
