// SPDX-License-Identifier: MIT
// A frame from `--flow src=10.0.0.1,dst=10.0.0.2,proto=tcp,sport=1,dport=2[,smac=,dmac=,vlan=]`: just the headers that
// the transmit hash reads.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "xbond/result.h"

namespace xbond::cli {

struct FlowFrame {
    std::vector<std::uint8_t> bytes;
    std::uint16_t vlan_tci = 0;
};

Result<FlowFrame> frame_of_flow(std::string_view fields);

} // namespace xbond::cli
