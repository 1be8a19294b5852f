// SPDX-License-Identifier: MIT
// The way down, without a DataPath: from what is pinned, whatever its layout. A program anywhere on a device is ours if
// it uses a map that is pinned here.
#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <net/if.h>
#include <set>

#include "loader/bpf_calls.h"
#include "loader/datapath.h"
#include "loader/hook/hook.h"
#include "loader/pins.h"
#include "loader/xdp_attach.h"

namespace xbond::loader {

namespace fs = std::filesystem;

namespace {

struct Pinned {
    std::set<std::uint32_t> maps;
    std::vector<Fd> others; // links and programs
};

Pinned read_pins(const fs::path &dir) {
    Pinned pinned;
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator(dir, ignored)) {
        auto fd = entry.is_directory(ignored) ? fail(EISDIR, "a mark") : open_pin(entry.path());
        if (!fd) {
            continue;
        }
        if (const std::uint32_t id = map_id(fd->get()); id != 0) {
            pinned.maps.insert(id);
        } else {
            pinned.others.push_back(std::move(*fd));
        }
    }
    return pinned;
}

std::vector<std::uint32_t> interfaces() {
    std::vector<std::uint32_t> result;
    struct if_nameindex *const list = if_nameindex();
    for (const struct if_nameindex *i = list; i != nullptr && i->if_index != 0; ++i) {
        result.push_back(i->if_index);
    }
    if (list != nullptr) {
        if_freenameindex(list);
    }
    return result;
}

} // namespace

std::vector<std::string> pinned_bonds(const fs::path &netns_dir) {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator(netns_dir, ignored)) {
        if (entry.is_directory(ignored)) {
            names.push_back(entry.path().filename());
        }
    }
    std::ranges::sort(names);
    return names;
}

void remove_pins(const fs::path &pin_dir) { remove_pins(pin_dir, interfaces()); }

void remove_pins(const fs::path &pin_dir, std::span<const std::uint32_t> devices) {
    capture_library_log();
    std::error_code ignored;
    const Pinned pinned = read_pins(pin_dir);
    const IsOurs ours = [&pinned](std::uint32_t prog_id) {
        const auto info = prog_id != 0 ? program_info_by_id(prog_id) : fail(ENOENT, "no program");
        return info && std::ranges::any_of(info->map_ids, [&](std::uint32_t id) { return pinned.maps.contains(id); });
    };
    for (const std::uint32_t ifindex : devices) {
        (void)detach_xdp(ifindex, ours);
        for (const HookKind *kind : hook_kinds()) {
            kind->sweep(ifindex, pin_dir, ours);
        }
    }
    // At once: the last close of a link may be deferred. Programs refuse, which is fine.
    for (const Fd &link : pinned.others) {
        bpf_link_detach(link.get());
    }
    fs::remove_all(pin_dir, ignored);
    fs::remove(pin_dir.parent_path(), ignored); // the namespace's, if this was its last bond
}

} // namespace xbond::loader
