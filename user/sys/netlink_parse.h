// SPDX-License-Identifier: MIT
// Reading rtnetlink messages: pure over bytes, any alignment, every length checked. An attribute of the wrong size
// counts as absent; a message without its essentials (index, name, address) as no message.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "user/sys/netlink.h"

namespace xbond::sys {

using Bytes = std::span<const std::uint8_t>;

struct NetlinkMessage {
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t seq = 0;
    Bytes payload;
};

struct NetlinkAck {
    int code = 0;     // errno, positive; 0 = done
    std::string text; // the kernel's extended message, often empty
};

// Takes the first message off `datagram`. None when nothing is left or what is left is no message; then
// `datagram.empty()` tells which.
std::optional<NetlinkMessage> take_message(Bytes &datagram);

// Payload of RTM_NEWLINK or RTM_DELLINK. None for messages of another family: a bridge tells of its ports with
// RTM_NEWLINK and RTM_DELLINK of AF_BRIDGE, which say nothing about the link's own life.
std::optional<LinkInfo> parse_link(Bytes payload);

// Payload of RTM_NEWLINK, of a bridge about one of its ports or itself; none for other families.
std::optional<BridgeVlans> parse_bridge_vlans(Bytes payload);

std::optional<AddressInfo> parse_address(Bytes payload);

// Payload of RTM_NEWNETCONF: the device whose forwarding it tells of; none where it tells of something else.
std::optional<std::uint32_t> parse_forwarding(Bytes payload);

// Payload of RTM_NEWNEIGH: an entry of a device's own filter; none for what a bridge has learned.
struct FilterEntry {
    std::uint32_t ifindex = 0;
    MacAddr mac;
};
std::optional<FilterEntry> parse_filter_entry(Bytes payload);

std::optional<FilterInfo> parse_filter(Bytes payload); // of RTM_NEWTFILTER

// Payload of RTM_NEWROUTE; none without an outgoing interface.
std::optional<RouteInfo> parse_route(Bytes payload);

std::optional<std::int32_t> parse_nsid(Bytes payload); // of an RTM_NEWNSID

// NLMSG_ERROR and NLMSG_DONE; none for other types.
std::optional<NetlinkAck> parse_ack(const NetlinkMessage &);

// A datagram of the event socket. One that cannot be read to its end yields Overrun: something may have been missed.
std::vector<NetlinkEvent> parse_events(Bytes datagram);

} // namespace xbond::sys
