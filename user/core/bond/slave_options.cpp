// SPDX-License-Identifier: MIT
#include "user/core/bond/slave_options.h"

#include <algorithm>
#include <limits>

#include "user/core/options/option_table.h"
#include "user/core/options/text.h"

namespace xbond::core {
namespace {

constexpr std::int64_t tx_queues = 16; // of a bond device

constexpr SlaveOptionRow rows[] = {
    {"prio", "-2147483648..2147483647", "0", primary_modes, std::numeric_limits<std::int32_t>::min(),
     std::numeric_limits<std::int32_t>::max(), EINVAL, &Slave::prio, true, "queue_id",
     "the usable slave with the highest prio becomes active where there is no primary"},
    // Any problem with it is EPERM, as the kernel has it.
    {"queue_id", "0..16", "0", all_modes, 0, tx_queues, EPERM, &Slave::queue_id, true, "",
     "packets with this queue mapping leave on this slave (acts in modes 0 and 1); 0: none"},
    // ip prints that of the LACP port.
    {"actor_port_prio", "0..65535", "255", lacp_modes, 0, std::numeric_limits<std::uint16_t>::max(), EINVAL,
     &Slave::actor_port_prio, false, "",
     "priority of the port in LACPDUs; decides with max_ports and with ad_select actor_port_prio"},
};

// queue_id can be written to the bond as well, and is called the same in either case.
std::string title(const SlaveOptionRow &row) {
    return (find_option(row.name) != nullptr ? "option " : "slave option ") + std::string(row.name);
}

} // namespace

std::span<const SlaveOptionRow> slave_option_table() { return rows; }

const SlaveOptionRow *find_slave_option(std::string_view name, std::span<const SlaveOptionRow> table) {
    const auto found = std::ranges::find(table, name, &SlaveOptionRow::name);
    return found == table.end() ? nullptr : &*found;
}

Result<std::int64_t> check_slave_option(const SlaveOptionRow &row, Mode mode, std::string_view text) {
    if (!row.modes.contains(mode)) {
        return fail(EACCES, title(row) + ": not in mode " + std::string(mode_name(mode)) +
                                "; it belongs to: " + mode_names(row.modes));
    }
    const auto value = signed_number(text);
    if (!value || *value < row.first || *value > row.last) {
        return fail(row.bad_value,
                    title(row) + ": bad value " + core::quoted(text) + ": expected " + std::string(row.values));
    }
    return *value;
}

std::int64_t slave_option(const Slave &slave, const SlaveOptionRow &row) {
    return std::visit([&](auto member) { return std::int64_t{slave.*member}; }, row.member);
}

void store_slave_option(Slave &slave, const SlaveOptionRow &row, std::int64_t value) {
    std::visit(
        [&](auto member) {
            using Value = std::remove_reference_t<decltype(slave.*member)>;
            slave.*member = static_cast<Value>(value);
        },
        row.member);
}

} // namespace xbond::core
