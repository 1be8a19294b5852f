// SPDX-License-Identifier: MIT
// The last slow-protocol frames of a port, as `xbond lacp BOND history` shows and exports them.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string_view>

#include "user/core/lacp/pdu.h"

namespace xbond::lacp {

struct PduRecord {
    Time when{}; // received: by the kernel's stamp
    bool sent = false;
    std::string_view counter;    // what it was counted as: "lacpdu_rx", "marker_resp_tx", ...
    std::optional<Lacpdu> pdu;   // none for markers and for what could not be decoded
    wire::Frame bytes;           // at most capture_octets of it
    std::size_t wire_octets = 0; // its length
};

inline constexpr std::size_t capture_octets = 256,
                             records_kept = 32; // each direction, so that neither drowns the other

using History = std::deque<PduRecord>; // oldest first

} // namespace xbond::lacp
