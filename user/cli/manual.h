// SPDX-License-Identifier: MIT
// Man pages and shell completion, made from the texts of `xbond help` and the tables of options.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace xbond::cli {

// xbond.8, xbondd.8, ifenslave.8, xbond.conf.5, completion.bash, completion.zsh; none: there is no such page.
std::optional<std::string> manual(std::string_view page);

} // namespace xbond::cli
