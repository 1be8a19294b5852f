// SPDX-License-Identifier: MIT
#include "user/daemon/saved/lacp_state.h"

#include <fstream>

#include "user/daemon/saved/lacp_rows.h"

namespace xbond::daemon {
namespace {

using saved::json;

constexpr int state_version = 1;

std::filesystem::path file_of(const std::filesystem::path &dir, const std::string &bond) {
    return dir / ("lacp-" + bond + ".json");
}

lacp::SystemState system_of(const json &j) {
    if (j.at("version") != state_version) {
        throw std::invalid_argument("version " + saved::describe(j.at("version")) + " is not known");
    }
    return saved::read<lacp::SystemState>(j);
}

} // namespace

Result<void> save_lacp(const std::filesystem::path &dir, const std::string &bond, const lacp::SystemState &state) {
    json all = saved::write(state);
    all["version"] = state_version;
    const auto path = file_of(dir, bond);
    auto fresh = path;
    fresh += ".new";
    std::ofstream out(fresh, std::ios::trunc);
    out << all.dump() << std::flush;
    std::error_code failed;
    std::filesystem::rename(fresh, path, failed);
    if (!out || failed) {
        return fail(failed ? failed.value() : EIO, "cannot write " + path.string());
    }
    return {};
}

Result<std::optional<lacp::SystemState>> load_lacp(const std::filesystem::path &dir, const std::string &bond) {
    const auto path = file_of(dir, bond);
    std::ifstream in(path);
    if (!in) {
        return std::nullopt;
    }
    try {
        return system_of(json::parse(in));
    } catch (const std::exception &e) {
        return fail(EINVAL, path.string() + ": " + e.what());
    }
}

void forget_lacp(const std::filesystem::path &dir, const std::string &bond) {
    std::error_code ignored;
    std::filesystem::remove(file_of(dir, bond), ignored);
}

} // namespace xbond::daemon
