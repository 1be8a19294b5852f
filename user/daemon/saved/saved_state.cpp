// SPDX-License-Identifier: MIT
#include "user/daemon/saved/saved_state.h"

#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>

#include "common/fd.h"
#include "user/daemon/saved/bond_rows.h"

namespace xbond::daemon {
namespace {

using saved::json;

constexpr int state_version = 3;
constexpr const char *file_name = "state.json";

Error io_error(const std::filesystem::path &path, const char *what) {
    const int code = errno;
    return {code, std::string(what) + " " + path.string() + ": " + std::strerror(code)};
}

} // namespace

std::string boot_id() {
    std::ifstream in("/proc/sys/kernel/random/boot_id");
    std::string id;
    in >> id;
    return id;
}

Result<void> save_state(const std::filesystem::path &dir, const SavedState &state) {
    std::error_code ec;
    std::filesystem::create_directories(dir, ec);
    json all = saved::write(state);
    all["version"] = state_version;
    const std::string text = all.dump(1);
    const auto path = dir / file_name;
    auto fresh = path;
    fresh += ".new";
    Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd) {
        return tl::unexpected(io_error(fresh, "cannot write"));
    }
    for (std::size_t done = 0; done < text.size();) {
        const auto n = ::write(fd.get(), text.data() + done, text.size() - done);
        if (n < 0) {
            return tl::unexpected(io_error(fresh, "cannot write"));
        }
        done += static_cast<std::size_t>(n);
    }
    if (::fsync(fd.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) {
        return tl::unexpected(io_error(path, "cannot replace"));
    }
    return {};
}

void forget_state(const std::filesystem::path &dir) {
    std::error_code ec;
    std::filesystem::remove(dir / file_name, ec);
    std::filesystem::remove(dir, ec);
}

Result<SavedState> load_state(const std::filesystem::path &dir) {
    SavedState state;
    state.boot_id = boot_id();
    const auto path = dir / file_name;
    std::ifstream in(path);
    if (!in) {
        return state;
    }
    try {
        const auto j = json::parse(in);
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
