// SPDX-License-Identifier: MIT
// One picture of `xbond top`: what bonds and slaves carried between two looks at the status, and how they are.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace xbond::show {

struct Screen {
    std::size_t width = 80, height = 24; // in characters
};

// Lines without escape sequences, at most as many and as long as fit; bonds that have trouble come first. `before` is
// an earlier status, or an empty object: then there are no rates.
std::string top_text(const nlohmann::ordered_json &before, const nlohmann::ordered_json &now, Screen);

} // namespace xbond::show
