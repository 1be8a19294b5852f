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
#include "loader/programs.h"
#include "loader/xdp/attach.h"

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
        const bool pinned_here = fs::is_regular_file(entry.symlink_status(ignored)); // no mark, and no way elsewhere
        auto fd = pinned_here ? open_pin(entry.path()) : fail(EINVAL, "no pin");
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

IsOurs users_of(const Pinned &pinned) {
    return [&pinned](std::uint32_t prog_id) {
        const auto info = prog_id != 0 ? program_info_by_id(prog_id) : fail(ENOENT, "no program");
        return info && std::ranges::any_of(info->map_ids, [&](std::uint32_t id) { return pinned.maps.contains(id); });
    };
}

constexpr std::string_view aside_suffix = "_being_replaced";

fs::path aside(const fs::path &pin_dir) { return pin_dir.string() + std::string(aside_suffix); }

// Symbolic links are somebody else's.
std::vector<std::string> directories(const fs::path &in) {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator(in, ignored)) {
        if (fs::is_directory(entry.symlink_status(ignored))) {
            names.push_back(entry.path().filename());
        }
    }
    std::ranges::sort(names);
    return names;
}

bool has_only_dead_links(const fs::path &pin_dir) {
    std::size_t links = 0;
    for (const Fd &pinned : read_pins(pin_dir).others) {
        const auto info = link_info(pinned.get());
        if (!info && info.error().code == EINVAL) {
            continue; // a program
        }
        if (!info || info->ifindex != 0) {
            return false;
        }
        ++links;
    }
    return links > 0;
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

PinnedDevices pinned_devices(const fs::path &pin_dir) {
    capture_library_log();
    PinnedDevices found;
    if (owner_of(pin_dir) == Owner::another_netns) {
        return found;
    }
    found.originals = marked_originals(pin_dir);
    const auto table = open_pin(pin_dir / XB_MAP_TABLE);
    const std::uint32_t table_id = table ? map_id(table->get()) : 0;
    const auto hooked = [&](HookPoint where, const std::string &name) -> std::uint32_t {
        for (const HookKind *kind : hook_kinds()) {
            if (const auto hook = kind->adopt({where, pin_dir, name}, table_id)) {
                return (*hook)->where().ifindex;
            }
        }
        return 0;
    };
    const auto add_slave = [&](std::uint32_t ifindex) {
        if (ifindex != 0 && ifindex != found.peer && std::ranges::find(found.slaves, ifindex) == found.slaves.end()) {
            found.slaves.push_back(ifindex);
        }
    };
    const auto tx = open_pin(pin_dir / "xb_tx");
    const auto config = tx ? read_config(tx->get()) : fail(ENOENT, "no program");
    found.bond = hooked({config ? config->bond_ifindex : 0, Direction::egress}, "tx_bond");
    found.peer = hooked({config ? config->peer_ifindex : 0, Direction::ingress}, "tx_peer");
    for (unsigned slot = 0; slot < XB_MAX_SLAVES; ++slot) {
        add_slave(hooked({0, Direction::ingress}, "rx_" + std::to_string(slot)));
    }
    if (found.slaves.empty()) { // hooks without pins: by asking every device
        for (const std::uint32_t ifindex : interfaces()) {
            add_slave(hooked({ifindex, Direction::ingress}, "rx"));
        }
    }
    if (const auto ports = open_pin(pin_dir / XB_MAP_PORTS)) {
        const std::uint32_t key = 0;
        xb_ports all{};
        if (bpf_map_lookup_elem(ports->get(), &key, &all) == 0) {
            for (const xb_port &port : all.port) {
                if (port.ifindex != 0) {
                    found.ports.push_back(port.ifindex);
                }
            }
        }
    }
    drop_complaints();
    return found;
}

std::vector<std::string> pinned_bonds(const fs::path &netns_dir) {
    auto names = directories(netns_dir);
    std::erase_if(names, [](const std::string &name) { return name.ends_with(aside_suffix); });
    return names;
}

std::vector<std::string> remove_dead(const fs::path &root,
                                     const std::function<bool(const std::string &inode)> &is_alive) {
    std::vector<std::string> removed;
    for (const auto &netns : directories(root)) {
        const auto bonds = directories(root / netns);
        if (netns.find_first_not_of("0123456789") != std::string::npos || is_alive(netns) || bonds.empty() ||
            !std::ranges::all_of(bonds, [&](const auto &bond) { return has_only_dead_links(root / netns / bond); })) {
            continue;
        }
        for (const auto &bond : bonds) {
            remove_pins(root / netns / bond, {});
        }
        std::error_code ignored;
        fs::remove(root / netns, ignored);
        removed.push_back(netns);
    }
    return removed;
}

Result<void> set_pins_aside(const fs::path &pin_dir) {
    std::error_code error;
    if (!fs::exists(pin_dir, error)) {
        return {};
    }
    fs::rename(pin_dir, aside(pin_dir), error);
    if (error) {
        return kernel_error(error.value(), "cannot rename the pins " + pin_dir.string());
    }
    return {};
}

Result<void> rename_pins(const fs::path &from, const fs::path &to) {
    std::error_code error;
    if (fs::exists(to, error)) {
        return fail(EEXIST, to.string() + " holds pins already");
    }
    fs::rename(from, to, error);
    if (error) {
        return kernel_error(error.value(), "cannot rename the pins " + from.string());
    }
    return {};
}

void put_pins_back(const fs::path &pin_dir) {
    std::error_code ignored;
    if (!fs::exists(aside(pin_dir), ignored)) {
        return;
    }
    if (fs::exists(pin_dir, ignored)) {
        const auto next = pinned_devices(pin_dir);
        std::vector<std::uint32_t> devices = next.slaves;
        devices.insert(devices.end(), next.ports.begin(), next.ports.end());
        devices.insert(devices.end(), {next.bond, next.peer});
        std::erase(devices, 0U);
        remove_pins(pin_dir, devices);
    }
    fs::rename(aside(pin_dir), pin_dir, ignored);
}

Result<Fd> chained_aside(const fs::path &pin_dir) { return open_pin(aside(pin_dir) / "xb_chained"); }

void end_xdp_aside(const fs::path &pin_dir, std::span<const std::uint32_t> devices) {
    const Pinned pinned = read_pins(aside(pin_dir));
    for (const std::uint32_t ifindex : devices) {
        (void)detach_xdp(ifindex, users_of(pinned));
    }
}

// Marks of what both use go over.
void remove_pins_aside(const fs::path &pin_dir, std::span<const std::uint32_t> devices) {
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator(aside(pin_dir), ignored)) {
        const auto name = entry.path().filename().string();
        if (name.starts_with("qdisc_") || name.starts_with("was_")) {
            fs::create_directory(pin_dir / name, ignored);
        }
    }
    remove_pins(aside(pin_dir), devices);
}

void undo_replacements(const fs::path &netns_dir) {
    std::error_code ignored;
    std::vector<fs::path> found;
    for (const auto &entry : fs::directory_iterator(netns_dir, ignored)) {
        std::string path = entry.path();
        if (path.ends_with(aside_suffix)) {
            found.emplace_back(path.substr(0, path.size() - aside_suffix.size()));
        }
    }
    for (const auto &pin_dir : found) {
        put_pins_back(pin_dir);
    }
}

void remove_pins(const fs::path &pin_dir) { remove_pins(pin_dir, interfaces()); }

void remove_pins(const fs::path &pin_dir, std::span<const std::uint32_t> devices) {
    capture_library_log();
    std::error_code ignored;
    const Pinned pinned = read_pins(pin_dir);
    const IsOurs ours = users_of(pinned);
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
