// SPDX-License-Identifier: MIT
// What is counted on every port, by the names of the MIB.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace xbond::lacp {

struct Counters {
    std::uint64_t lacpdu_rx = 0;
    std::uint64_t lacpdu_tx = 0;
    std::uint64_t lacpdu_unknown_rx = 0;
    std::uint64_t lacpdu_illegal_rx = 0;
    std::uint64_t lacpdu_loopback_rx = 0;
    std::uint64_t marker_rx = 0;
    std::uint64_t marker_resp_rx = 0;
    std::uint64_t marker_resp_tx = 0;
    std::uint64_t marker_unknown_rx = 0;
    std::uint64_t tx_limited = 0; // LACPDUs that had to wait and marker responses that were not sent
    std::uint64_t expired = 0;    // entries into EXPIRED and DEFAULTED
    std::uint64_t defaulted = 0;
    std::uint64_t port_enabled_changes = 0;

    bool operator==(const Counters &) const = default;
};

using Counter = std::uint64_t Counters::*;

struct NamedCounter {
    std::string_view name;
    Counter member;
};

inline constexpr std::array counter_table{
    NamedCounter{"lacpdu_rx", &Counters::lacpdu_rx},
    NamedCounter{"lacpdu_tx", &Counters::lacpdu_tx},
    NamedCounter{"lacpdu_unknown_rx", &Counters::lacpdu_unknown_rx},
    NamedCounter{"lacpdu_illegal_rx", &Counters::lacpdu_illegal_rx},
    NamedCounter{"lacpdu_loopback_rx", &Counters::lacpdu_loopback_rx},
    NamedCounter{"marker_rx", &Counters::marker_rx},
    NamedCounter{"marker_resp_rx", &Counters::marker_resp_rx},
    NamedCounter{"marker_resp_tx", &Counters::marker_resp_tx},
    NamedCounter{"marker_unknown_rx", &Counters::marker_unknown_rx},
    NamedCounter{"tx_limited", &Counters::tx_limited},
    NamedCounter{"expired", &Counters::expired},
    NamedCounter{"defaulted", &Counters::defaulted},
    NamedCounter{"port_enabled_changes", &Counters::port_enabled_changes},
};

inline std::string_view name(Counter counter) {
    for (const auto &[text, member] : counter_table) {
        if (member == counter) {
            return text;
        }
    }
    return {};
}

} // namespace xbond::lacp
