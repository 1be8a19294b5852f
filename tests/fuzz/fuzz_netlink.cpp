// SPDX-License-Identifier: MIT
// Datagrams of rtnetlink: as events, as answers, and each attribute list by itself.
#include "user/sys/netlink_parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    using namespace xbond::sys;
    const Bytes all(data, size);
    (void)parse_events(all);
    Bytes rest = all;
    while (const auto message = take_message(rest)) {
        (void)parse_ack(*message);
        (void)parse_link(message->payload);
        (void)parse_address(message->payload);
        (void)parse_route(message->payload);
        (void)parse_nsid(message->payload);
    }
    return 0;
}
