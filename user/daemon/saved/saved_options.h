// SPDX-License-Identifier: MIT
// The options of a bond and of its slaves in the saved state, from the rows of their tables. Reading throws what
// nlohmann::json throws, or std::invalid_argument: load_state() makes an error of either.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "user/core/bond/slave_options.h"
#include "user/core/options/option_table.h"

namespace xbond::daemon {

nlohmann::json saved_options(const core::Options &, std::span<const core::OptionRow> = core::option_table());
core::Options options_of(const nlohmann::json &, std::span<const core::OptionRow> = core::option_table());

// A slave's stand among its other members.
void save_slave_options(nlohmann::json &slave, const core::Slave &,
                        std::span<const core::SlaveOptionRow> = core::slave_option_table());
void load_slave_options(const nlohmann::json &slave, core::Slave &,
                        std::span<const core::SlaveOptionRow> = core::slave_option_table());

} // namespace xbond::daemon
