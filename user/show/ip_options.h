// SPDX-License-Identifier: MIT
// The options of a bond and of a slave as `ip -d link show` has them, from the rows of their tables.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "user/core/bond/slave_options.h"
#include "user/core/options/option_table.h"
#include "user/show/snapshot.h"

namespace xbond::show {

nlohmann::ordered_json ip_options(const BondView &, std::span<const core::OptionRow> = core::option_table());
void add_ip_slave_options(nlohmann::ordered_json &out, const core::Slave &,
                          std::span<const core::SlaveOptionRow> = core::slave_option_table());

// The word of the text for a key of that JSON: the option's name.
std::string_view ip_text_word(std::string_view key, std::span<const core::OptionRow> = core::option_table());

} // namespace xbond::show
