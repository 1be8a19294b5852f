// SPDX-License-Identifier: MIT
// The files of /sys/class/net/BOND/bonding and of a slave's bonding_slave, with the kernel's names and texts.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

namespace xbond::files {

struct Attribute {
    std::string_view name;
    bool writable = false;
    std::string (*show)(std::string_view name, const nlohmann::ordered_json &) = nullptr; // of a BOND, or a SLAVE
};

std::span<const Attribute> bond_attributes();                             // of a BOND of the status JSON
std::span<const Attribute> slave_attributes();                            // of a SLAVE
const Attribute *find(std::span<const Attribute>, std::string_view name); // null: none

// Names with a blank in between and a newline at the end; what does not fit into a page is told of as the kernel does.
std::string name_list(std::span<const std::string>);

} // namespace xbond::files
