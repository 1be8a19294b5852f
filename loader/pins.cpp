// SPDX-License-Identifier: MIT
#include "loader/pins.h"

#include <bpf/bpf.h>
#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "common/netns_cookie.h"
#include "loader/bpf_calls.h"

namespace xbond::loader {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view owner_prefix = "netns_";
constexpr std::string_view original_prefix = "was_";

std::vector<std::string> marks(const fs::path &dir, std::string_view prefix) {
    std::vector<std::string> found;
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator(dir, ignored)) {
        if (auto name = entry.path().filename().string(); name.starts_with(prefix) && entry.is_directory(ignored)) {
            found.push_back(std::move(name));
        }
    }
    return found;
}

std::string original_mark(const Original &was) {
    std::string mac = was.mac.str();
    std::erase(mac, ':');
    return std::string(original_prefix) + std::to_string(was.ifindex) + "_" + mac + "_" + std::to_string(was.mtu) +
           (was.up ? "_up" : "_down");
}

// Or others may take away what is in it.
bool somebody_elses(const fs::path &existing) {
    struct stat st {};
    if (::lstat(existing.c_str(), &st) != 0) {
        return false; // errno says more
    }
    const bool anybody_renames =
        S_ISDIR(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0;
    errno = EEXIST;
    return (st.st_uid != 0 && st.st_uid != ::geteuid()) || anybody_renames;
}

} // namespace

Result<void> make_pin_dir(const fs::path &dir) {
    fs::path made;
    for (const auto &part : dir) { // for root alone, whatever the umask is
        made /= part;
        if (::mkdir(made.c_str(), 0700) == 0) {
            continue;
        }
        if (errno == EEXIST && somebody_elses(made)) {
            return fail(EPERM, made.string() + " is not root's own: what is pinned there would not be safe");
        }
        if (errno != EEXIST) {
            return kernel_error(errno,
                                "cannot make the pin directory " + dir.string() + " (is a bpffs mounted there?)");
        }
    }
    return {};
}

Result<void> pin(int fd, const fs::path &path) {
    if (bpf_obj_pin(fd, path.c_str()) != 0) {
        return kernel_error(errno, "cannot pin " + path.string());
    }
    return {};
}

Result<void> replace_pin(int fd, const fs::path &path) {
    const fs::path next = path.string() + "_next";
    remove_pin(next); // a controller may have died between the two steps
    XB_TRY_VOID(pin(fd, next));
    std::error_code error;
    fs::rename(next, path, error);
    if (error) {
        remove_pin(next);
        return kernel_error(error.value(), "cannot replace the pin " + path.string());
    }
    return {};
}

Result<Fd> open_pin(const fs::path &path) {
    Fd fd(bpf_obj_get(path.c_str()));
    if (!fd) {
        return kernel_error(errno, "cannot open the pin " + path.string());
    }
    return fd;
}

void remove_pin(const fs::path &path) {
    std::error_code ignored;
    fs::remove(path, ignored);
}

Owner owner_of(const fs::path &pin_dir) {
    const auto found = marks(pin_dir, owner_prefix);
    const std::uint64_t cookie = netns_cookie();
    if (found.empty() || cookie == 0) {
        return Owner::unknown;
    }
    return found == std::vector{std::string(owner_prefix) + std::to_string(cookie)} ? Owner::this_netns
                                                                                    : Owner::another_netns;
}

Result<void> mark_owner(const fs::path &pin_dir) {
    const std::uint64_t cookie = netns_cookie();
    return cookie == 0 ? Result<void>() : make_pin_dir(pin_dir / (std::string(owner_prefix) + std::to_string(cookie)));
}

Result<void> mark_original(const fs::path &pin_dir, const Original &original) {
    return make_pin_dir(pin_dir / original_mark(original));
}

void unmark_original(const fs::path &pin_dir, std::uint32_t ifindex) {
    for (const auto &mark : marks(pin_dir, std::string(original_prefix) + std::to_string(ifindex) + "_")) {
        remove_pin(pin_dir / mark);
    }
}

std::vector<Original> marked_originals(const fs::path &pin_dir) {
    std::vector<Original> found;
    for (const auto &mark : marks(pin_dir, original_prefix)) {
        Original was;
        char up[5] = {};
        auto &m = was.mac.bytes;
        if (std::sscanf(mark.c_str(), "was_%u_%2hhx%2hhx%2hhx%2hhx%2hhx%2hhx_%u_%4s", &was.ifindex, &m[0], &m[1], &m[2],
                        &m[3], &m[4], &m[5], &was.mtu, up) == 9) {
            was.up = std::string_view(up) == "up";
            found.push_back(was);
        }
    }
    return found;
}

} // namespace xbond::loader
