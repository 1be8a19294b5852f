// SPDX-License-Identifier: MIT
// A config of xbond as another tool would have it: the way back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "user/api/protocol.h"

namespace xbond::import {

std::vector<std::string_view> export_names(); // iproute2, networkd, netplan

struct Exported {
    std::string text;               // commands; files, each behind a line that names it; a file
    std::vector<std::string> notes; // what the other tool has nothing for
};
Result<Exported> export_config(const api::Config &, std::string_view format);

} // namespace xbond::import
