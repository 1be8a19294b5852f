// SPDX-License-Identifier: MIT
#include "user/core/options/mode_set.h"

#include "user/core/options/keywords.h"

namespace xbond::core {

std::string mode_numbers(ModeSet modes) {
    std::string text;
    for (const Keyword &mode : mode_keywords) {
        if (modes.contains(static_cast<Mode>(mode.value))) {
            text += (text.empty() ? "" : ",") + std::to_string(mode.value);
        }
    }
    return modes == all_modes ? "all" : text;
}

std::string mode_names(ModeSet modes) {
    std::string text;
    for (const Keyword &mode : mode_keywords) {
        if (modes.contains(static_cast<Mode>(mode.value))) {
            text += (text.empty() ? "" : ", ") + std::string(mode.word);
        }
    }
    return text;
}

} // namespace xbond::core
