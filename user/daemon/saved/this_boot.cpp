// SPDX-License-Identifier: MIT
#include "user/daemon/saved/this_boot.h"

#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "user/api/json_reader.h"
#include "user/sys/directory.h"

namespace xbond::daemon {

using nlohmann::ordered_json;

ordered_json mark(const ThisBoot &now, ordered_json members) {
    members["boot_id"] = now.boot_id;
    members["netns"] = now.netns_cookie;
    return members;
}

std::optional<ordered_json> read_marked(const ThisBoot &now, const std::filesystem::path &path) {
    const auto text = sys::read_own_file(path);
    auto all = text ? api::parse_json(*text, api::config_limits) : fail(ENOENT, "");
    // Compared as they are: a member of another type is no reason to throw.
    if (!all || !all->is_object() || all->value("boot_id", ordered_json()) != now.boot_id ||
        all->value("netns", ordered_json()) != now.netns_cookie) {
        return std::nullopt;
    }
    return std::move(*all);
}

} // namespace xbond::daemon
