// SPDX-License-Identifier: MIT
#include "tests/harness/traffic/wire_counter.h"

namespace xbond::harness {
namespace {

constexpr std::size_t udp_payload_offset = 14 + 20 + 8; // Ethernet, IPv4 without options, UDP

}

WireCounter::WireCounter(const NetNs &ns, std::uint32_t stream)
    : sniffer_(ns, "",
               {.protocol = 0x0003,
                .promiscuous = false,
                .incoming_only = true,
                .on_frame = [this, stream](const Frame &frame) {
                    if (frame.bytes.size() < udp_payload_offset) {
                        return;
                    }
                    const auto header = StreamHeader::read(std::span(frame.bytes).subspan(udp_payload_offset));
                    if (header && header->stream == stream && header->sequence != StreamHeader::final_sequence) {
                        counter_.saw(header->sequence, frame.time);
                    }
                }}) {}

} // namespace xbond::harness
