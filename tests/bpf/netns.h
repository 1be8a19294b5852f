// SPDX-License-Identifier: MIT
// An anonymous network namespace with veth pairs: the process moves into it, and it dies with the process.
#pragma once

#include <cstdint>
#include <string>

#include "tests/harness/packet.h"

namespace xbond::test {

// Runs `ip ARGS`, throws when it fails.
void ip(const std::string &args);

// A fresh namespace for this process, with bond0 and bond0p (a pair, up) in it.
void enter_netns();

// A veth pair NAME and NAME_p, both up; returns NAME's ifindex.
std::uint32_t add_veth(const std::string &name);

std::uint32_t ifindex(const std::string &name);
MacAddr mac_of(const std::string &name);

// Takes the carrier of a veth from or back by its other end.
void set_carrier(const std::string &name, bool on);

// A raw packet socket on one interface, all protocols.
class PacketSocket {
public:
    explicit PacketSocket(const std::string &interface);
    ~PacketSocket();
    PacketSocket(const PacketSocket &) = delete;
    PacketSocket &operator=(const PacketSocket &) = delete;

    void send(const Bytes &frame) const;
    void bypass_qdisc() const; // PACKET_QDISC_BYPASS
    // Frames equal to `frame` that arrive; waits until `want` of them are here, or for 2 s; then counts what else
    // waits.
    int count(const Bytes &frame, int want) const;
    // The same without waiting for any: for frames that must not be there, after others that must have arrived.
    int count_now(const Bytes &frame) const { return count(frame, 0); }

private:
    int fd_ = -1;
};

} // namespace xbond::test
