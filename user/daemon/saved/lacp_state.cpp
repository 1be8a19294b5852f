// SPDX-License-Identifier: MIT
#include "user/daemon/saved/lacp_state.h"

#include "user/daemon/saved/lacp_rows.h"
#include "user/sys/directory.h"
#include "user/sys/replace_file.h"

namespace xbond::daemon {
namespace {

using saved::json;

constexpr int state_version = 1;

lacp::SystemState system_of(const json &j) {
    if (j.at("version") != state_version) {
        throw std::invalid_argument("version " + saved::describe(j.at("version")) + " is not known");
    }
    return saved::read<lacp::SystemState>(j);
}

} // namespace

std::string text_of(const lacp::SystemState &state) {
    json all = saved::write(state);
    all["version"] = state_version;
    return all.dump();
}

std::filesystem::path lacp_file(const std::filesystem::path &dir, const std::string &bond) {
    return dir / ("lacp-" + bond + ".json");
}

Result<void> save_lacp(const std::filesystem::path &dir, const std::string &bond, const lacp::SystemState &state) {
    return sys::replace_file(lacp_file(dir, bond), text_of(state), sys::Durable::no);
}

Result<std::optional<lacp::SystemState>> load_lacp(const std::filesystem::path &dir, const std::string &bond) {
    const auto path = lacp_file(dir, bond);
    const auto text = sys::read_own_file(path);
    if (!text && text.error().code == ENOENT) {
        return std::nullopt;
    }
    if (!text) {
        return tl::unexpected(text.error());
    }
    try {
        return system_of(json::parse(*text));
    } catch (const std::exception &e) {
        return fail(EINVAL, path.string() + ": " + e.what());
    }
}

} // namespace xbond::daemon
