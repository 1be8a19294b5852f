// SPDX-License-Identifier: MIT
// What an earlier controller left: bonds to go on with; half of one, which is cleared away; and what cannot be taken
// over now. That is left alone, forwarding, under its name and with the reason, and tried again: nothing is deleted
// because something failed.
#include <algorithm>
#include <iterator>
#include <set>
#include <spdlog/spdlog.h>
#include <utility>

#include "user/daemon/bond/bond_device.h"
#include "user/daemon/bond/dissolve.h"
#include "user/daemon/daemon.h"
#include "user/daemon/sweep.h"
#include "user/sys/directory.h"
#include "user/sys/netns.h"

namespace xbond::daemon {
namespace {

constexpr Time first_pause = std::chrono::seconds(1), longest_pause = std::chrono::seconds(32);

bool is_marked(const LinkTable &links, const std::string &name) {
    return std::ranges::any_of(BondDevice::find_marked(links.all()),
                               [&](const auto &pair) { return pair.name == name; });
}

bool is_whole(const LinkTable &links, std::uint32_t ifindex) {
    return std::ranges::any_of(BondDevice::find_marked(links.all()),
                               [&](const auto &pair) { return pair.whole && pair.ends.ifindex == ifindex; });
}

// Somebody has deleted it while no controller ran: neither end is there, and no hook of ours.
bool has_gone(const LinkTable &links, const SavedController &saved, const loader::PinnedDevices &pinned) {
    const auto *near = links.find(saved.ifindex), *far = links.find(saved.peer);
    const bool is_there = near != nullptr && far != nullptr && BondDevice::are_pair(*near, *far);
    return !is_there && pinned.bond == 0 && pinned.peer == 0 && !is_marked(links, saved.core.name);
}

} // namespace

Result<void> Daemon::recover() {
    XB_TRY_VOID(own_pin_root());
    sweep_dead_netns(host_->pin_root.parent_path(), settings_.netns);
    XB_TRY_VOID(make_state_dirs(settings_.state_dir));
    loader::undo_replacements(host_->pin_root);
    bring_devices_home();
    follow_names();
    clear_half_made();
    take_over(Of::all);
    for (auto &[name, controller] : bonds_) {
        XB_TRY_VOID(controller->persist_now());
    }
    if (left_alone_.empty()) {
        forget_earlier_files(settings_.state_dir);
        remove_stray_vlans();
    }
    return {};
}

// Devices of ours on what is no bond's slave any more, since the controller ended that had made it one.
void Daemon::remove_stray_vlans() {
    std::set<std::uint32_t> slaves;
    for (const auto &[name, controller] : bonds_) {
        std::ranges::transform(controller->core().slaves, std::inserter(slaves, slaves.end()), &core::Slave::ifindex);
    }
    remove_own_vlans(*netlink_, [&](std::uint32_t below) { return !slaves.contains(below); });
}

// In a bpffs that was mounted with the kernel's own mode anybody may have been first: what is not ours makes room, and
// is believed in nothing.
Result<void> Daemon::own_pin_root() {
    for (const auto &directory : {host_->pin_root.parent_path(), host_->pin_root}) {
        std::error_code error;
        if (std::filesystem::symlink_status(directory, error).type() == std::filesystem::file_type::not_found ||
            sys::make_private(directory, 0700)) {
            continue;
        }
        auto aside = directory.string() + "_not_ours";
        for (int n = 2; std::filesystem::exists(std::filesystem::symlink_status(aside)); ++n) {
            aside = directory.string() + "_not_ours" + std::to_string(n);
        }
        std::filesystem::rename(directory, aside, error);
        if (error) {
            return fail(error.value(),
                        directory.string() + " is not root's own, and cannot be moved: " + error.message());
        }
        spdlog::error("{} was not made by root, or others may write in it: it is {} now, and nothing in it was used",
                      directory.string(), aside);
    }
    return {};
}

void Daemon::bring_devices_home() {
    bool moved = false;
    for (const auto &file : load_bonds(settings_.state_dir, host_->netns_cookie).bonds) {
        const auto *near = host_->links.find(file.bond.ifindex), *far = host_->links.find(file.bond.peer);
        if (file.netns != host_->netns_cookie || (near == nullptr) == (far == nullptr) ||
            !(near != nullptr ? near : far)->link_in_other_netns) {
            continue;
        }
        const auto &name = file.bond.core.name;
        const bool back = BondDevice::bring_home(*netlink_, {file.bond.ifindex, file.bond.peer}, name);
        spdlog::warn("{}: its device was moved into another network namespace{}", name, back ? ": put back" : "");
        moved = moved || back;
    }
    if (auto synced = list_links(); moved && !synced) {
        events_lost_ = true;
    }
}

void Daemon::follow_names() {
    for (auto &file : load_bonds(settings_.state_dir, host_->netns_cookie).bonds) {
        const auto *near = host_->links.find(file.bond.ifindex), *far = host_->links.find(file.bond.peer);
        const auto before = file.bond.core.name;
        if (file.netns != host_->netns_cookie || near == nullptr || far == nullptr ||
            !BondDevice::are_pair(*near, *far) || near->name == before || !api::check_bond_name(near->name)) {
            continue;
        }
        spdlog::info("{}: its device is called {} now", before, near->name);
        (void)loader::rename_pins(host_->pin_root / before, host_->pin_root / near->name); // or done already
        file.bond.core.name = near->name;
        const auto path = bond_file(settings_.state_dir, near->name);
        std::error_code ignored;
        if (!std::filesystem::exists(path, ignored)) {
            if (auto saved = files_->now(
                    path, [file] { return text_of(file); }, sys::Durable::yes);
                !saved) {
                spdlog::error("{}: not saved: {}", near->name, saved.error().message);
                continue;
            }
        }
        std::filesystem::remove(bond_file(settings_.state_dir, before), ignored);
        if (const auto device = BondDevice::adopt(host_->links, near->name, near->ifindex, far->ifindex)) {
            (void)device->mark_whole(*netlink_, near->name);
            if (auto done = device->rename_peer(*netlink_, near->name); !done) {
                spdlog::warn("{}: the other end of its device keeps its name: {}", near->name, done.error().message);
            }
        }
    }
}

// Of a bond that no state file names yet, nobody has been told.
void Daemon::clear_half_made() {
    const auto saved = load_bonds(settings_.state_dir, host_->netns_cookie);
    for (const auto &pair : BondDevice::find_marked(host_->links.all())) {
        const auto is_it = [&](const SavedBondFile &file) { return file.bond.ifindex == pair.ends.ifindex; };
        if (pair.whole || std::ranges::any_of(saved.bonds, is_it) ||
            std::ranges::find(saved.unreadable, pair.name, &SavedBonds::Unreadable::name) != saved.unreadable.end()) {
            continue;
        }
        spdlog::warn("{}: whoever made it ended before it was whole: removed", pair.name);
        if (auto done = dissolve(*netlink_, host_->pin_root / pair.name, pair.name, {}); !done) {
            spdlog::error("{}: {}", pair.name, done.error().message);
        }
    }
    if (auto synced = list_links(); !synced) {
        events_lost_ = true; // read again as soon as the loop runs
    }
}

void Daemon::take_over(Of which) {
    const auto saved = load_bonds(settings_.state_dir, host_->netns_cookie);
    const auto before = std::exchange(left_alone_, {});
    const auto wanted = [&](const std::string &name) {
        return !bonds_.contains(name) && (which == Of::all || before.contains(name));
    };
    const auto leave = [&](const std::string &name, const std::string &why) {
        left_alone_[name] = why;
        if (const auto known = before.find(name); known == before.end() || known->second != why) {
            spdlog::error("{}: not under control, left as it is: {}", name, why);
        }
    };
    for (const auto &file : saved.bonds) {
        if (!wanted(file.bond.core.name)) {
            continue;
        }
        if (const auto why = take_over(file)) {
            leave(file.bond.core.name, *why);
        }
    }
    for (const auto &file : saved.unreadable) {
        if (!wanted(file.name)) {
            continue;
        }
        if (const auto why = look_at(file)) {
            leave(file.name, *why);
        }
    }
    auto names = loader::pinned_bonds(host_->pin_root);
    for (const auto &pair : BondDevice::find_marked(host_->links.all())) {
        names.push_back(pair.name);
    }
    for (const auto &name : names) {
        if (!wanted(name) || left_alone_.contains(name)) {
            continue;
        }
        const auto pin_dir = host_->pin_root / name;
        const auto pinned = loader::pinned_devices(pin_dir);
        if (pinned.bond == 0 && pinned.peer == 0 && pinned.slaves.empty() && !is_marked(host_->links, name)) {
            spdlog::warn("{}: pins of a bond that is not here: removed", name);
            loader::remove_pins(pin_dir, {});
            continue;
        }
        leave(name, saved.incomplete ? saved.incomplete->message
                                     : "no state file of it in " + settings_.state_dir.string() +
                                           ": start xbondd with the --state-dir and --bpffs it was made with, or "
                                           "remove it by 'xbond link del " +
                                           name + "'");
    }
}

// None: it is under control, or its device is no longer there, and what is left of it has been cleared away.
std::optional<std::string> Daemon::take_over(const SavedBondFile &file) {
    const auto &name = file.bond.core.name;
    auto controller = BondController::adopt(*host_, file);
    if (controller) {
        spdlog::info("{}: adopted with {} slaves", name, (*controller)->core().slaves.size());
        if (!is_whole(host_->links, (*controller)->ifindex())) {
            (void)(*controller)->device().mark_whole(*netlink_, name);
        }
        bonds_[name] = std::move(*controller);
        return std::nullopt;
    }
    const auto pin_dir = host_->pin_root / name;
    const auto pinned = loader::pinned_devices(pin_dir);
    if (file.netns != host_->netns_cookie && pinned.bond == 0 && pinned.peer == 0 && pinned.slaves.empty() &&
        !is_marked(host_->links, name)) { // an earlier revision's, of whichever namespace had this inode
        const auto aside = set_aside(bond_file(settings_.state_dir, name));
        spdlog::warn("{}: its state fits nothing that is here ({}): not used{}", name, controller.error().message,
                     aside ? ", kept as " + aside->string() : "");
        return std::nullopt;
    }
    if (controller.error().code != ENODEV || !has_gone(host_->links, file.bond, pinned)) {
        return controller.error().message;
    }
    spdlog::warn("{}: {}; restoring its slaves", name, controller.error().message);
    // What is saved counts only for this very namespace; of an earlier revision's file nobody knows.
    const auto saved = file.netns == host_->netns_cookie ? file.bond.originals : std::vector<SlaveOriginal>();
    if (auto done = dissolve(*netlink_, pin_dir, name, saved); !done) {
        spdlog::error("{}: {}", name, done.error().message);
    }
    files_->remove(bond_file(settings_.state_dir, name));
    return std::nullopt;
}

// Of a bond of which nothing is here, an unreadable file must not keep the name.
std::optional<std::string> Daemon::look_at(const SavedBonds::Unreadable &file) {
    const auto pinned = loader::pinned_devices(host_->pin_root / file.name);
    if (pinned.bond != 0 || pinned.peer != 0 || !pinned.slaves.empty() || is_marked(host_->links, file.name)) {
        return file.why.message;
    }
    const auto aside = set_aside(bond_file(settings_.state_dir, file.name));
    spdlog::error("{}; the bond is not here: {}", file.why.message,
                  aside ? "the file is now " + aside->string() : aside.error().message);
    return std::nullopt;
}

Task<Result<void>> Daemon::try_again() {
    if (left_alone_.empty()) {
        co_return Result<void>();
    }
    host_->catch_up();
    const auto before = bonds_.size();
    take_over(Of::left_alone);
    if (bonds_.size() != before) {
        pause_ = {};
        for (auto &[name, controller] : bonds_) {
            (void)co_await controller->persist();
        }
        if (settings_.config) {
            (void)co_await apply_file();
        }
    }
    try_again_later();
    co_return Result<void>();
}

void Daemon::try_again_later() {
    again_ = {};
    if (left_alone_.empty()) {
        return;
    }
    pause_ = std::clamp(2 * pause_, first_pause, longest_pause);
    again_ = loop_->at(
        sys::now() + pause_, [this] { changes_.add([this] { return try_again(); }); }, "bonds left alone");
}

Result<void> Daemon::refuse_left_alone(const std::string &name) const {
    if (const auto it = left_alone_.find(name); it != left_alone_.end()) {
        return fail(EBUSY, name + " is not under control of this xbondd: " + it->second);
    }
    return {};
}

Result<void> Daemon::may_be_slave(std::uint32_t bond, std::uint32_t ifindex) const {
    const auto *device = host_->links.find(ifindex);
    const std::string who = "interface " + (device == nullptr ? std::to_string(ifindex) : device->name);
    const auto slaves_of = [this](std::uint32_t top) {
        std::vector<std::uint32_t> slaves;
        for (const auto &[name, controller] : bonds_) {
            if (controller->ifindex() == top) {
                std::ranges::transform(controller->core().slaves, std::back_inserter(slaves), &core::Slave::ifindex);
            }
        }
        return slaves;
    };
    if (host_->links.stands_on(ifindex, bond, slaves_of)) {
        return fail(ELOOP, who + " stands on the bond itself: what it sends would come back to it");
    }
    for (const auto &[name, why] : left_alone_) {
        const auto pinned = loader::pinned_devices(host_->pin_root / name);
        if (ifindex == pinned.bond || ifindex == pinned.peer ||
            std::ranges::find(pinned.slaves, ifindex) != pinned.slaves.end()) {
            return fail(EBUSY, who + " belongs to " + name + ", which is not under control: " + why);
        }
    }
    return {};
}

// By its pins and devices. A file that could not be read is kept.
Task<Result<void>> Daemon::end_left_alone(std::string name) {
    const auto saved = load_bonds(settings_.state_dir, host_->netns_cookie);
    std::vector<SlaveOriginal> originals;
    for (const auto &file : saved.bonds) {
        if (file.bond.core.name == name && file.netns == host_->netns_cookie) {
            originals = file.bond.originals;
        }
    }
    auto job = [name, originals, pin_dir = host_->pin_root / name](Hands::Tools &tools) {
        return dissolve(tools.netlink, pin_dir, name, originals);
    };
    XB_CO_TRY_VOID(co_await hands_->call("remove a bond", std::move(job)));
    const auto path = bond_file(settings_.state_dir, name);
    if (std::ranges::find(saved.unreadable, name, &SavedBonds::Unreadable::name) != saved.unreadable.end()) {
        XB_CO_TRY(aside, set_aside(path));
        spdlog::warn("{}: its state could not be read and is kept as {}", name, aside->string());
    } else {
        files_->remove(path);
    }
    left_alone_.erase(name);
    co_return Result<void>();
}

// What was pinned with another --bpffs: by its mark it is of this very namespace, or is not touched.
void Daemon::tear_down_elsewhere() {
    for (const auto &bpffs : sys::bpffs_mounts()) {
        const auto root = bpffs / "xbond" / std::to_string(settings_.netns);
        std::error_code ignored;
        if (std::filesystem::equivalent(root, host_->pin_root, ignored) || !sys::check_private(root.parent_path()) ||
            !sys::check_private(root)) { // anybody may have put marks there
            continue;
        }
        for (const auto &name : loader::pinned_bonds(root)) {
            if (loader::owner_of(root / name) != loader::Owner::this_netns) {
                continue;
            }
            spdlog::warn("{}: its pins are in {}: removed from there", name, (root / name).string());
            if (auto done = dissolve(*netlink_, root / name, name, {}); !done) {
                spdlog::error("{}: {}", name, done.error().message);
            }
        }
    }
    if (auto synced = list_links(); !synced) {
        spdlog::error("{}", synced.error().message);
    }
}

Result<void> Daemon::teardown() {
    XB_TRY_VOID(open());
    tear_down_elsewhere();
    XB_TRY_VOID(recover());
    changes_.add([this] { return destroy_all(); });
    loop_->run();
    if (failed_) {
        return tl::unexpected(*failed_);
    }
    remove_leftovers();
    return {};
}

Task<Result<void>> Daemon::destroy_all() {
    while (!bonds_.empty()) {
        (void)co_await forget(bonds_.begin()->first);
    }
    while (!left_alone_.empty()) {
        const auto name = left_alone_.begin()->first;
        if (auto done = co_await end_left_alone(name); !done) {
            failed_ = done.error();
            left_alone_.erase(name);
        }
    }
    loop_->stop();
    co_return Result<void>();
}

// With no bond there is nothing to come back to. Only directories that xbond makes by itself go, when they are empty.
void Daemon::remove_leftovers() {
    server_.reset();
    forget_files(settings_.state_dir);
    const auto own = lock_path().parent_path();
    std::error_code ec;
    std::filesystem::remove(lock_path(), ec); // still held: who waits for it finds no file, or one of its own
    for (const auto &empty : {host_->pin_root, host_->pin_root.parent_path(), own, own.parent_path()}) {
        std::filesystem::remove(empty, ec);
    }
}

} // namespace xbond::daemon
