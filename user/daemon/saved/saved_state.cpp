// SPDX-License-Identifier: MIT
#include "user/daemon/saved/saved_state.h"

#include <fstream>

#include "user/daemon/saved/bond_rows.h"
#include "user/sys/directory.h"
#include "user/sys/replace_file.h"

namespace xbond::daemon {
namespace {

using saved::json;

constexpr int state_version = 3;
constexpr const char *file_name = "state.json";

} // namespace

std::string boot_id() {
    std::ifstream in("/proc/sys/kernel/random/boot_id");
    std::string id;
    in >> id;
    return id;
}

std::string text_of(const SavedState &state) {
    json all = saved::write(state);
    all["version"] = state_version;
    // A device's name may be any bytes; what is no UTF-8 is replaced, and the name read anew from the device.
    return all.dump(1, ' ', false, json::error_handler_t::replace);
}

std::filesystem::path state_file(const std::filesystem::path &dir) { return dir / file_name; }

Result<void> save_state(const std::filesystem::path &dir, const SavedState &state) {
    return sys::make_directories(dir, 0700).and_then(
        [&] { return sys::replace_file(state_file(dir), text_of(state), sys::Durable::yes); });
}

Result<SavedState> load_state(const std::filesystem::path &dir) {
    SavedState state;
    state.boot_id = boot_id();
    const auto path = dir / file_name;
    const auto text = sys::read_own_file(path);
    if (!text && text.error().code == ENOENT) {
        return state;
    }
    if (!text) {
        return tl::unexpected(text.error());
    }
    try {
        const auto j = json::parse(*text);
        if (j.at("boot_id") != state.boot_id) {
            return state;
        }
        if (j.at("version") != state_version) {
            return fail(EPROTO, path.string() + ": state version " + saved::describe(j.at("version")) +
                                    ", this xbondd knows " + std::to_string(state_version));
        }
        return saved::read<SavedState>(j);
    } catch (const std::exception &e) {
        return fail(EINVAL, path.string() + ": " + e.what());
    }
}

} // namespace xbond::daemon
