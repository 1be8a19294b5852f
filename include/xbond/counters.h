// SPDX-License-Identifier: MIT
// What the data path counts: a row a member of xb_counters. Every sum and every output walks it.
#pragma once

#include <array>
#include <string_view>

#include "xbond/abi.h"

namespace xbond {

enum class CountedOn {
    slave,   // of every slave; the bond's is the sum over them and its own entry
    bond,    // the bond's entry alone
    program, // a variable of the programs: no output shows it
};

struct DataPathCounter {
    std::string_view name; // its key in the status
    __u64 xb_counters::*member;
    CountedOn where;
    std::string_view column = {}; // of the table of slaves in the status text; empty: not there
};

inline constexpr std::array data_path_counters{
    DataPathCounter{"tx_packets", &xb_counters::tx_packets, CountedOn::slave, "TX"},
    DataPathCounter{"tx_bytes", &xb_counters::tx_bytes, CountedOn::slave},
    DataPathCounter{"rx_packets", &xb_counters::rx_packets, CountedOn::slave, "RX"},
    DataPathCounter{"rx_bytes", &xb_counters::rx_bytes, CountedOn::slave},
    DataPathCounter{"rx_suppressed", &xb_counters::rx_suppressed, CountedOn::slave, "SUPPRESSED"},
    DataPathCounter{"rx_link_local", &xb_counters::rx_link_local, CountedOn::slave},
    DataPathCounter{"failover_tx", &xb_counters::failover_tx, CountedOn::slave, "FAILOVER"},
    DataPathCounter{"tx_override", &xb_counters::tx_override, CountedOn::slave},
    DataPathCounter{"tx_dropped", &xb_counters::tx_dropped, CountedOn::bond},
    DataPathCounter{"rr_counter", &xb_counters::rr_counter, CountedOn::program},
};
static_assert(sizeof(xb_counters) == data_path_counters.size() * sizeof(__u64), "every member has a row");

inline void add(xb_counters &sum, const xb_counters &one) {
    for (const auto &counter : data_path_counters) {
        sum.*counter.member += one.*counter.member;
    }
}

} // namespace xbond
