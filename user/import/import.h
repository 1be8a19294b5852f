// SPDX-License-Identifier: MIT
// Configurations of other tools as a config of xbond: what can be carried, and a note for what cannot.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "user/core/options/options.h"
#include "user/import/machine.h"

namespace xbond::import {

struct Imported {
    std::vector<std::string> formats; // that have bonds
    nlohmann::ordered_json config;    // {"bonds": {...}}, what `xbond apply` takes
    Notes notes;
};

// `format`: empty for all. Refused as a whole: a file that its own tool would refuse, a mode that is not understood, a
// bond that two formats define differently.
Result<Imported> import_files(const Files &, std::string_view format);

// The options that a bond of this name has when its module is loaded with what etc/modprobe.d says.
Result<std::vector<core::OptionValue>> module_options(const Files &, const std::string &bond, Notes &);

nlohmann::ordered_json to_json(const Imported &); // {"config": ..., "notes": [...]}
std::string notes_text(const Imported &);         // a line each, for people

} // namespace xbond::import
