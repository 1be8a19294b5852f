// SPDX-License-Identifier: MIT
// A stream of raw UDP frames out of an interface and its count on the wires behind: no bridge, no socket and no ARP in
// between, so that every packet lost was lost by the bond.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/harness/traffic/sniffer.h"
#include "tests/harness/traffic/udp_stream.h"

namespace xbond::harness {

// Counts the stream's datagrams wherever they come in in `ns`. A socket on every interface: one bound to an interface
// is unhooked while that is down and misses the first frames after.
class WireCounter {
public:
    WireCounter(const NetNs &ns, std::uint32_t stream);
    const StreamCounter &counter() const { return counter_; }

private:
    StreamCounter counter_;
    Sniffer sniffer_;
};

} // namespace xbond::harness
