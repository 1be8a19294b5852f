// SPDX-License-Identifier: MIT
// The one list of a slave's options. An option is a member of Slave and a row of slave_options.cpp: messages, the
// command line, the saved state and `ip link show` come from the row. What else follows from a change:
// bond_options.cpp.
#pragma once

#include <span>
#include <string_view>
#include <variant>

#include "user/core/link/slave.h"
#include "user/core/modes/traits.h"
#include "xbond/result.h"

namespace xbond::core {

struct SlaveOptionRow {
    std::string_view name;     // iproute2's keyword, and the key in the saved state
    std::string_view values;   // for people
    std::string_view fallback; // default value as text
    ModeSet modes;
    std::int64_t first, last;
    int bad_value; // the errno
    std::variant<std::int32_t Slave::*, std::uint16_t Slave::*> member;
    bool in_ip = false;           // `ip link show` prints it as a number
    std::string_view behind = ""; // option that it follows there, where the order is not that of the rows
    std::string_view help = "";   // one line
};

std::span<const SlaveOptionRow> slave_option_table();
const SlaveOptionRow *find_slave_option(std::string_view name, std::span<const SlaveOptionRow> = slave_option_table());

// The value that `text` stands for: EINVAL unknown name, EACCES in another mode, then the row's errno.
Result<std::int64_t> check_slave_option(const SlaveOptionRow &, Mode, std::string_view text);

std::int64_t slave_option(const Slave &, const SlaveOptionRow &);
void store_slave_option(Slave &, const SlaveOptionRow &, std::int64_t); // of the row's range

} // namespace xbond::core
