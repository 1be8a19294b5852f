// SPDX-License-Identifier: MIT
#include "loader/pins.h"

#include <bpf/bpf.h>

#include "loader/bpf_calls.h"

namespace xbond::loader {

namespace fs = std::filesystem;

Result<void> make_pin_dir(const fs::path &dir) {
    std::error_code error;
    fs::create_directories(dir, error);
    if (error) {
        return kernel_error(error.value(),
                            "cannot make the pin directory " + dir.string() + " (is a bpffs mounted there?)");
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

} // namespace xbond::loader
