// SPDX-License-Identifier: MIT
#include "tests/harness/packet.h"

#include <arpa/inet.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace xbond::test {
namespace {

void set16(Bytes &b, std::size_t at, std::size_t v) {
    b[at] = static_cast<std::uint8_t>(v >> 8);
    b[at + 1] = static_cast<std::uint8_t>(v);
}

// Ones' complement sum of 16-bit words (RFC 1071), continued from `sum`.
std::uint32_t sum16(const Bytes &b, std::size_t from, std::size_t to, std::uint32_t sum) {
    for (std::size_t i = from; i < to; i++) {
        sum += static_cast<std::uint32_t>((i - from) % 2 ? b[i] : b[i] << 8);
    }
    return sum;
}

std::uint16_t folded(std::uint32_t sum) {
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

// Sum of the pseudo header of the IP header at `ip`.
std::uint32_t pseudo_sum(const Bytes &b, std::size_t ip, std::uint8_t protocol, std::size_t length) {
    const bool v4 = b[ip] >> 4 == 4;
    const std::uint32_t sum = v4 ? sum16(b, ip + 12, ip + 20, 0) : sum16(b, ip + 8, ip + 40, 0);
    return sum + protocol + static_cast<std::uint32_t>(length);
}

} // namespace

Packet::Packet(const MacAddr &dst, const MacAddr &src) {
    bytes(dst.bytes);
    bytes(src.bytes);
    put16(0);
}

void Packet::put16(std::uint16_t v) {
    put8(static_cast<std::uint8_t>(v >> 8));
    put8(static_cast<std::uint8_t>(v));
}

void Packet::put32(std::uint32_t v) {
    put16(static_cast<std::uint16_t>(v >> 16));
    put16(static_cast<std::uint16_t>(v));
}

void Packet::put_address(int family, std::string_view text) {
    std::uint8_t address[16];
    if (inet_pton(family, std::string(text).c_str(), address) != 1) {
        throw std::invalid_argument("not an address: " + std::string(text));
    }
    bytes(std::span<const std::uint8_t>(address, family == AF_INET ? 4 : 16));
}

void Packet::next_is(std::uint16_t ethertype, std::uint8_t protocol) {
    if (type_is_protocol_) {
        data_[type_at_] = protocol;
    } else {
        set16(data_, type_at_, ethertype);
    }
}

Packet &Packet::ethertype(std::uint16_t type) {
    set16(data_, type_at_, type);
    return *this;
}

Packet &Packet::ip_protocol(std::uint8_t protocol) {
    data_[type_at_] = protocol;
    return *this;
}

Packet &Packet::vlan(std::uint16_t tci) {
    next_is(0x8100, 0);
    put16(tci);
    type_at_ = data_.size();
    put16(0);
    return *this;
}

Packet &Packet::ipv4(std::string_view src, std::string_view dst, Ipv4Opts opts) {
    next_is(0x0800, 4);
    const std::size_t at = data_.size();
    const std::size_t length = 20 + opts.options;
    put8(static_cast<std::uint8_t>(0x40 | length / 4));
    put8(0);
    put32(0); // length, id
    put16(opts.fragment);
    put8(64);
    put8(0);
    put16(0);
    put_address(AF_INET, src);
    put_address(AF_INET, dst);
    data_.resize(data_.size() + opts.options, 1); // no-operation options
    type_at_ = at + 9;
    type_is_protocol_ = true;
    ip_at_ = at;
    fixups_.emplace_back([at, length](Bytes &b) {
        set16(b, at + 2, b.size() - at);
        set16(b, at + 10, folded(sum16(b, at, at + length, 0)));
    });
    return *this;
}

Packet &Packet::ipv6(std::string_view src, std::string_view dst) {
    next_is(0x86dd, 41);
    const std::size_t at = data_.size();
    put32(0x60000000);
    put16(0);
    put8(59); // no next header
    put8(64);
    put_address(AF_INET6, src);
    put_address(AF_INET6, dst);
    type_at_ = at + 6;
    type_is_protocol_ = true;
    ip_at_ = at;
    fixups_.emplace_back([at](Bytes &b) { set16(b, at + 4, b.size() - at - 40); });
    return *this;
}

Packet &Packet::hop_by_hop() {
    next_is(0, 0);
    type_at_ = data_.size();
    put8(59);
    put8(0);
    put16(0x0104); // PadN over the remaining four bytes
    put32(0);
    return *this;
}

// The checksum of the transport header about to be written; its field lies at 6 (UDP) or 16 (TCP) or 2 (ICMP).
void Packet::transport(std::uint8_t protocol) {
    next_is(0, protocol);
    const std::size_t at = data_.size();
    const std::size_t ip = ip_at_;
    const std::size_t field = protocol == 17 ? 6 : protocol == 6 ? 16 : 2;
    const bool with_pseudo = protocol == 17 || protocol == 6 || protocol == 58;
    fixups_.emplace_back([at, ip, field, protocol, with_pseudo](Bytes &b) {
        if (protocol == 17) {
            set16(b, at + 4, b.size() - at);
        }
        const std::uint32_t pseudo = with_pseudo ? pseudo_sum(b, ip, protocol, b.size() - at) : 0;
        const std::uint16_t sum = folded(sum16(b, at, b.size(), pseudo));
        set16(b, at + field, sum == 0 && protocol == 17 ? 0xffff : sum);
    });
}

Packet &Packet::udp(std::uint16_t sport, std::uint16_t dport) {
    transport(17);
    put16(sport);
    put16(dport);
    put32(0);
    return *this;
}

Packet &Packet::tcp(std::uint16_t sport, std::uint16_t dport) {
    transport(6);
    put16(sport);
    put16(dport);
    put32(1); // sequence
    put32(0);
    put16(0x5002); // SYN
    put16(8192);
    put32(0);
    return *this;
}

void Packet::icmp_header(std::uint8_t protocol, std::uint8_t type, std::uint8_t code, std::uint16_t id) {
    transport(protocol);
    put8(type);
    put8(code);
    put16(0);
    put16(id);
    put16(1);
}

Packet &Packet::icmp(std::uint8_t type, std::uint8_t code, std::uint16_t id) {
    icmp_header(1, type, code, id);
    return *this;
}

Packet &Packet::icmpv6(std::uint8_t type, std::uint8_t code, std::uint16_t id) {
    icmp_header(58, type, code, id);
    return *this;
}

Packet &Packet::igmp_report(std::string_view group) {
    transport(2);
    put32(0x16000000); // IGMPv2 membership report
    put_address(AF_INET, group);
    return *this;
}

Packet &Packet::vxlan(std::uint32_t vni) {
    put32(0x08000000);
    put32(vni << 8);
    return *this;
}

void Packet::arp(std::uint16_t operation, const MacAddr &sender, std::string_view sender_ip, const MacAddr &target,
                 std::string_view target_ip) {
    next_is(0x0806, 0);
    put32(0x00010800);
    put16(0x0604);
    put16(operation);
    bytes(sender.bytes);
    put_address(AF_INET, sender_ip);
    bytes(target.bytes);
    put_address(AF_INET, target_ip);
}

Packet &Packet::arp_request(const MacAddr &sender, std::string_view sender_ip, std::string_view target_ip) {
    arp(1, sender, sender_ip, MacAddr{}, target_ip);
    return *this;
}

Packet &Packet::arp_reply(const MacAddr &sender, std::string_view sender_ip, const MacAddr &target,
                          std::string_view target_ip) {
    arp(2, sender, sender_ip, target, target_ip);
    return *this;
}

Packet &Packet::payload(std::size_t size, std::uint8_t fill) {
    data_.resize(data_.size() + size, fill);
    return *this;
}

Packet &Packet::bytes(std::span<const std::uint8_t> raw) {
    data_.insert(data_.end(), raw.begin(), raw.end());
    return *this;
}

Bytes Packet::build() const {
    Bytes out = data_;
    std::for_each(fixups_.rbegin(), fixups_.rend(), [&out](const auto &fix) { fix(out); });
    return out;
}

} // namespace xbond::test
