// SPDX-License-Identifier: MIT
#include "loader/xdp/foreign.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cstring>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <string_view>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "loader/bpf_calls.h"
#include "loader/pins.h"
#include "loader/xdp/array.h"

namespace xbond::loader {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t largest_file = 64U << 20U; // bytes; objects with all their debug information have a tenth

bool is_bpffs(const fs::path &dir) {
    struct statfs info {};
    return ::statfs(dir.c_str(), &info) == 0 && static_cast<unsigned long>(info.f_type) == BPF_FS_MAGIC;
}

Result<void> check_file(const fs::path &file) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) {
        return fail(errno, file.string() + ": " + std::strerror(errno));
    }
    if (!S_ISREG(info.st_mode) || static_cast<std::uintmax_t>(info.st_size) > largest_file) {
        return fail(EINVAL, file.string() + " is no object file: expected a regular file of at most 64 MiB");
    }
    return {};
}

bool is_entry(const bpf_program *program) { // not one for a devmap or a cpumap
    return bpf_program__type(program) == BPF_PROG_TYPE_XDP &&
           (bpf_program__expected_attach_type(program) == BPF_XDP ||
            bpf_program__expected_attach_type(program) == as_nothing);
}

// The named one, or the only one.
Result<bpf_program *> choose(bpf_object *object, const std::string &name, const std::string &file) {
    std::string found;
    std::vector<bpf_program *> fitting;
    bpf_program *program = nullptr;
    bpf_object__for_each_program(program, object) {
        if (!is_entry(program)) {
            continue;
        }
        found += (found.empty() ? "" : ", ") + std::string(bpf_program__name(program));
        if (name.empty() || name == bpf_program__name(program)) {
            fitting.push_back(program);
        }
    }
    if (fitting.size() == 1) {
        return fitting.front();
    }
    if (found.empty()) {
        return fail(ENOENT, file + " has no XDP program");
    }
    return fitting.empty() ? fail(ENOENT, file + " has no XDP program '" + name + "', but " + found)
                           : fail(EINVAL, file + " has several XDP programs: say which by prog NAME, one of " + found);
}

std::string pin_name(const bpf_map *map) { // a bpffs takes no dot
    std::string name = bpf_map__name(map);
    std::ranges::replace(name, '.', '_');
    return name;
}

// Maps that the object wants to have pinned by name are shared with whoever pinned them; libbpf itself pins nothing.
Result<void> share_pinned(bpf_object *object, const fs::path &pin_dir) {
    bpf_map *map = nullptr;
    bpf_object__for_each_map(map, object) {
        if (bpf_map__pin_path(map) == nullptr) {
            continue;
        }
        if (pin_dir.empty()) {
            return fail(EINVAL, std::string("map ") + bpf_map__name(map) +
                                    " of the object is to be pinned by its name: say where by pin DIR");
        }
        if (const auto pinned = open_pin(pin_dir / pin_name(map))) {
            if (const int error = bpf_map__reuse_fd(map, pinned->get()); error != 0) {
                return kernel_error(error, "cannot share the pinned map " + (pin_dir / pin_name(map)).string());
            }
        }
        (void)bpf_map__set_pin_path(map, nullptr);
    }
    drop_complaints();
    return {};
}

Result<void> make_bpffs_dir(const fs::path &dir) {
    if (!is_bpffs(dir) && !is_bpffs(dir.parent_path())) {
        return fail(EINVAL, "pin " + dir.string() + ": expected a directory of a bpf file system, such as below " +
                                "/sys/fs/bpf, or a new one in such a directory");
    }
    if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
        return kernel_error(errno, "cannot make the directory " + dir.string());
    }
    return {};
}

} // namespace

Result<ForeignProgram> ForeignProgram::load(const fs::path &file, const std::string &name, const fs::path &pin_dir) {
    capture_library_log();
    drop_complaints();
    XB_TRY_VOID(check_file(file));
    ForeignProgram made;
    made.pin_dir_ = pin_dir;
    bpf_object *const object = bpf_object__open_file(file.c_str(), nullptr);
    if (const long error = libbpf_get_error(object); error != 0) {
        return kernel_error(static_cast<int>(error), file.string() + " cannot be read as a BPF object");
    }
    made.object_ = std::shared_ptr<bpf_object>(object, bpf_object__close);
    XB_TRY(chosen, choose(object, name, file.string()));
    bpf_program *program = nullptr;
    bpf_object__for_each_program(program, object) { // other XDP programs may be what it calls
        bpf_program__set_autoload(program, bpf_program__type(program) == BPF_PROG_TYPE_XDP);
    }
    load_as(object, as_nothing);
    XB_TRY_VOID(share_pinned(object, pin_dir));
    if (const int error = bpf_object__load(object); error != 0) {
        return kernel_error(error, file.string() + ": the kernel refuses the program");
    }
    made.name_ = bpf_program__name(*chosen);
    // libbpf sets the flag for the section only in what it hands to the kernel.
    made.frags_ = (bpf_program__flags(*chosen) & BPF_F_XDP_HAS_FRAGS) != 0 ||
                  std::string_view(bpf_program__section_name(*chosen)).starts_with("xdp.frags");
    made.fd_ = bpf_program__fd(*chosen);
    if (!pin_dir.empty()) {
        XB_TRY_VOID(make_bpffs_dir(pin_dir));
    }
    return made;
}

Result<void> ForeignProgram::pin_maps() const {
    if (pin_dir_.empty()) {
        return {};
    }
    XB_TRY(info, program_info(fd_));
    const bpf_map *map = nullptr;
    bpf_object__for_each_map(map, object_.get()) {
        if (std::ranges::find(info->map_ids, map_id(bpf_map__fd(map))) == info->map_ids.end()) {
            continue;
        }
        XB_TRY_VOID(replace_pin(bpf_map__fd(map), pin_dir_ / pin_name(map)));
    }
    return {};
}

void remove_map_pins(const fs::path &pin_dir, std::span<const std::uint32_t> maps,
                     std::span<const std::uint32_t> kept) {
    if (pin_dir.empty() || !is_bpffs(pin_dir)) {
        return;
    }
    std::error_code ignored;
    std::vector<fs::path> pins;
    for (const auto &entry : fs::directory_iterator(pin_dir, ignored)) {
        if (fs::is_regular_file(entry.symlink_status(ignored))) {
            pins.push_back(entry.path());
        }
    }
    for (const auto &path : pins) {
        const auto pinned = open_pin(path);
        const std::uint32_t id = pinned ? map_id(pinned->get()) : 0;
        if (id != 0 && std::ranges::find(maps, id) != maps.end() && std::ranges::find(kept, id) == kept.end()) {
            remove_pin(path);
        }
    }
    fs::remove(pin_dir, ignored);
    drop_complaints();
}

} // namespace xbond::loader
