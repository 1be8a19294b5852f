// SPDX-License-Identifier: MIT
// Files beside those of bonds that mean something in one boot and network namespace only, since they speak of devices
// by their numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace xbond::daemon {

struct ThisBoot {
    std::string boot_id;
    std::uint64_t netns_cookie = 0;
};

// `members` with what they are of.
nlohmann::ordered_json mark(const ThisBoot &, nlohmann::ordered_json members);

// Nothing: there is no such file, it is not ours, no JSON object, or of another boot or network namespace. What its
// other members are nobody has looked at.
std::optional<nlohmann::ordered_json> read_marked(const ThisBoot &, const std::filesystem::path &);

} // namespace xbond::daemon
