// SPDX-License-Identifier: MIT
#include "user/core/modes/traits.h"

namespace xbond::core {
namespace {

constexpr bool rows_are_in_order() {
    for (std::size_t i = 0; i < mode_table.size(); ++i) {
        if (number_of(mode_table.at(i).mode) != i) {
            return false;
        }
    }
    return mode_table.size() == XB_N_MODES;
}
static_assert(rows_are_in_order(), "traits() takes the number of a mode for the place of its row");

template <typename Text> std::string joined(ModeSet modes, std::string_view separator, Text text) {
    std::string out;
    for (const ModeTraits &row : mode_table) {
        if (modes.contains(row.mode)) {
            out += (out.empty() ? "" : std::string(separator)) + text(row);
        }
    }
    return out;
}

} // namespace

std::string mode_numbers(ModeSet modes) {
    return modes == all_modes
               ? "all"
               : joined(modes, ",", [](const ModeTraits &row) { return std::to_string(number_of(row.mode)); });
}

std::string mode_names(ModeSet modes) {
    return joined(modes, ", ", [](const ModeTraits &row) { return std::string(row.keyword); });
}

} // namespace xbond::core
