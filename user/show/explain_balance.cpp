// SPDX-License-Identifier: MIT
// Which bucket a frame falls into in modes balance-tlb and balance-alb (5.1): what bpf/lib/lb.h does to a packet.
#include <algorithm>
#include <array>

#include "user/show/explain.h"
#include "xbond/hash.h"

namespace xbond::show {
namespace {

constexpr std::size_t network = 14; // offset of the network header
constexpr std::uint8_t icmpv6 = 58, solicitation = 135, advertisement = 136, igmp = 2;

bool starts_with(std::span<const std::uint8_t> frame, const std::array<std::uint8_t, 6> &mac) {
    return frame.size() >= mac.size() && std::equal(mac.begin(), mac.end(), frame.begin());
}

bool is_ipv4(std::span<const std::uint8_t> frame) {
    return frame.size() >= network && frame[12] == 0x08 && frame[13] == 0x00;
}

// IPv6 but for neighbour discovery; a header that is cut off counts as that.
bool is_plain_ipv6(std::span<const std::uint8_t> frame) {
    if (frame.size() < network + 40 || frame[12] != 0x86 || frame[13] != 0xdd) {
        return false;
    }
    const bool readable = frame.size() > network + 40;
    return frame[network + 6] != icmpv6 ||
           (readable && frame[network + 40] != solicitation && frame[network + 40] != advertisement);
}

std::uint32_t xor_of(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (const auto byte : bytes) {
        sum ^= byte;
    }
    return sum;
}

std::optional<std::uint32_t> bucket_by_destination(std::span<const std::uint8_t> frame) {
    constexpr std::array<std::uint8_t, 6> broadcast{255, 255, 255, 255, 255, 255}, all_nodes{0x33, 0x33, 0, 0, 0, 1};
    if (starts_with(frame, broadcast)) {
        return std::nullopt;
    }
    if (is_ipv4(frame)) {
        if (frame.size() < network + 20 || frame[network + 9] == igmp) {
            return std::nullopt;
        }
        const auto to = frame.subspan(network + 16, 4);
        const bool limited = std::ranges::all_of(to, [](auto byte) { return byte == 255; });
        return limited ? std::nullopt : std::optional(xor_of(to));
    }
    if (!is_plain_ipv6(frame) || starts_with(frame, all_nodes)) {
        return std::nullopt;
    }
    const auto from = frame.subspan(network + 8, 16);
    const bool unspecified = std::ranges::all_of(from, [](auto byte) { return byte == 0; });
    return unspecified ? std::nullopt : std::optional(xor_of(frame.subspan(network + 24, 16)));
}

} // namespace

std::optional<std::uint32_t> balance_bucket(const core::Options &options, std::span<const std::uint8_t> frame,
                                            std::uint16_t vlan_tci) {
    if (core::traits(options.mode).buckets_by_destination) {
        return bucket_by_destination(frame);
    }
    const bool unicast = !frame.empty() && (frame[0] & 1) == 0;
    if (!unicast || (!is_ipv4(frame) && !is_plain_ipv6(frame))) {
        return std::nullopt;
    }
    return flow_hash(frame, vlan_tci, options.xmit_hash_policy) & 0xff;
}

// As bpf/lib/rlb_send.h does it, but for the addresses of bridges above the bond, which the view does not hold.
std::optional<ClientArp> client_arp(const BondView &bond, std::span<const std::uint8_t> frame) {
    constexpr std::size_t operation = network + 6, sender = network + 8, body_end = network + 28;
    if (!core::traits(bond.options.mode).balances_clients || frame.size() < body_end || frame[12] != 0x08 ||
        frame[13] != 0x06 || frame[operation] != 0 || (frame[operation + 1] != 1 && frame[operation + 1] != 2)) {
        return std::nullopt;
    }
    const auto is_sender = [&](const SlaveView &slave) {
        return std::ranges::equal(slave.slave.mac.bytes, frame.subspan(sender, slave.slave.mac.bytes.size()));
    };
    if (std::ranges::none_of(bond.slaves, is_sender)) {
        return std::nullopt;
    }
    Ipv4Addr server{};
    ClientArp arp;
    std::ranges::copy(frame.subspan(network + 14, server.size()), server.begin());
    std::ranges::copy(frame.subspan(network + 24, arp.client.size()), arp.client.begin());
    const auto &entry = bond.balance->clients.at(xor_of(arp.client));
    if (entry.assigned && entry.server == server && entry.client == arp.client) {
        arp.slot = entry.slot;
    }
    return arp;
}

} // namespace xbond::show
