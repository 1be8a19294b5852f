// SPDX-License-Identifier: MIT
// Raw packet sockets in the namespace of the calling thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/fd.h"

namespace xbond::harness {

// Blocking, with room for all that a test sends. Protocol 0: hears nothing; ifindex 0: every interface.
Fd packet_socket(std::uint32_t ifindex, std::uint16_t protocol);

void bypass_qdisc(const Fd &socket); // PACKET_QDISC_BYPASS: what is sent skips the egress hook

// On one interface, all protocols.
class PacketSocket {
public:
    explicit PacketSocket(const std::string &ifname);

    void send(const std::vector<std::uint8_t> &frame) const;
    void bypass_qdisc() const { harness::bypass_qdisc(socket_); }
    // Frames equal to `frame` that arrive; waits until `want` of them are here, or for 2 s; then counts what else
    // waits.
    int count(const std::vector<std::uint8_t> &frame, int want) const;
    // The same without waiting for any: for frames that must not be there, after others that must have arrived.
    int count_now(const std::vector<std::uint8_t> &frame) const { return count(frame, 0); }

private:
    Fd socket_;
};

} // namespace xbond::harness
