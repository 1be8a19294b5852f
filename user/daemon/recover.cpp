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
#include "user/daemon/by.h"
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

// With the network namespace that it lived in.
bool is_lost(const LinkTable &links, const SavedController &saved) {
    const auto *far = links.find(saved.peer);
    const bool is_there =
        far != nullptr && std::ranges::any_of(BondDevice::find_marked(links.all()), [&](const auto &pair) {
            return pair.ends.peer == saved.peer && pair.name == saved.core.name;
        });
    return saved.abode && !saved.abode->gone && !is_there;
}

bool is_here(const LinkTable &links, const std::string &name, const loader::PinnedDevices &pinned) {
    return pinned.bond != 0 || pinned.peer != 0 || !pinned.slaves.empty() || is_marked(links, name);
}

Running put(Task<Result<void>> task, Result<void> &result) { result = co_await task; }

// What a task that has nothing to wait for comes to.
Result<void> at_once(Task<Result<void>> task) {
    Result<void> result;
    auto running = put(std::move(task), result);
    running.start();
    return result;
}

void move_aside(const std::filesystem::path &directory) {
    auto aside = directory.string() + "_not_ours";
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(aside, error))) {
        aside += std::to_string(sys::now().count()); // nobody has guessed it
    }
    std::filesystem::rename(directory, aside, error);
    if (!error) {
        spdlog::error("{} was not made by root, or others may write in it: it is {} now, and nothing in it was used",
                      directory.string(), aside);
    }
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
    (void)at_once(take_over(By::caller, Of::all));
    bool saved = true;
    for (auto &[name, controller] : bonds_) {
        if (auto done = controller->persist_now(); !done) { // a full disk: what it was taken over from stays
            spdlog::warn("{}: {}: the state is that of the controller before", name, done.error().message);
            saved = false;
        }
    }
    if (left_alone_.empty() && saved) {
        forget_earlier_files(settings_.state_dir);
    }
    if (left_alone_.empty()) {
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
// is believed in nothing. Who is quick may be first again: the directories are made at once, and if need be once more.
Result<void> Daemon::own_pin_root() {
    constexpr int patience = 100;
    const bool anybody_may = sys::others_may_write(settings_.bpffs);
    for (const auto &directory : {host_->pin_root.parent_path(), host_->pin_root}) {
        bool ours = !anybody_may && !std::filesystem::exists(std::filesystem::symlink_status(directory));
        for (int tries = 0; !ours; ++tries) {
            ours = sys::make_private(directory, 0700).has_value();
            if (!ours && tries == patience) {
                return fail(EPERM, directory.string() + " is not root's own, and comes back whenever it is moved");
            }
            if (!ours) {
                move_aside(directory);
            }
        }
    }
    return {};
}

void Daemon::bring_devices_home() {
    bool moved = false;
    for (const auto &file : load_bonds(settings_.state_dir, host_->netns_cookie).bonds) {
        const auto *near = host_->links.find(file.bond.ifindex), *far = host_->links.find(file.bond.peer);
        if (file.netns != host_->netns_cookie || (file.bond.abode && !file.bond.abode->gone) ||
            (near == nullptr) == (far == nullptr) || !(near != nullptr ? near : far)->link_in_other_netns) {
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

// None is touched, nor given to anybody else, until all have been looked at.
Task<Result<void>> Daemon::take_over(By by, Of which) {
    auto load = [dir = settings_.state_dir, cookie = host_->netns_cookie] { return load_bonds(dir, cookie); };
    const auto saved = co_await file_step(*host_, by, "read the bonds' state", std::move(load));
    auto list = [root = host_->pin_root](sys::Netlink &) { return loader::pinned_bonds(root); };
    auto names = co_await step(*host_, by, "list pins", std::move(list));
    for (const auto &pair : BondDevice::find_marked(host_->links.all())) {
        names.push_back(pair.name);
    }
    AllLeft left;
    const auto wanted = [&](const std::string &name) {
        return !bonds_.contains(name) && !left.contains(name) && (which == Of::all || left_alone_.contains(name));
    };
    for (const auto &file : saved.bonds) {
        const auto &name = file.bond.core.name;
        if (wanted(name)) {
            auto attempt = take_over(by, file);
            auto after = co_await outcome(by, name, std::move(attempt));
            left.merge(after);
        }
    }
    for (const auto &file : saved.unreadable) {
        if (wanted(file.name)) {
            auto attempt = look_at(by, file);
            auto after = co_await outcome(by, file.name, std::move(attempt));
            left.merge(after);
        }
    }
    const std::string why = saved.incomplete ? saved.incomplete->message : "";
    for (const auto &name : names) {
        if (wanted(name)) {
            auto attempt = nobodys(by, name, why);
            auto after = co_await outcome(by, name, std::move(attempt));
            left.merge(after);
        }
    }
    left_alone_ = std::move(left);
    co_return Result<void>();
}

// Empty, or the bond with the reason for which it is left alone.
Task<Daemon::AllLeft> Daemon::outcome(By by, std::string name, Task<std::optional<std::string>> attempt) {
    AllLeft left;
    const auto why = co_await attempt;
    if (why) {
        const auto pinned = co_await pinned_devices(by, name);
        auto devices = pinned.slaves;
        devices.insert(devices.end(), {pinned.bond, pinned.peer});
        devices.insert(devices.end(), pinned.ports.begin(), pinned.ports.end());
        if (const auto known = left_alone_.find(name); known == left_alone_.end() || known->second.why != *why) {
            spdlog::error("{}: not under control, left as it is: {}", name, *why);
        }
        left[name] = {*why, std::move(devices)};
    }
    co_return left;
}

Task<loader::PinnedDevices> Daemon::pinned_devices(By by, std::string name) {
    auto look = [pin_dir = host_->pin_root / name](sys::Netlink &) { return loader::pinned_devices(pin_dir); };
    co_return co_await step(*host_, by, "look at pins", std::move(look));
}

// At home, and down: whoever used it is not here. Killed in between, a successor finds the new one by its mark.
Task<Result<SavedBondFile>> Daemon::make_device_anew(By by, SavedBondFile file) {
    const auto name = file.bond.core.name;
    auto make = [name, mac = file.bond.core.mac, mtu = file.bond.mtu](sys::Netlink &netlink) -> Result<DeviceEnds> {
        XB_TRY(list, netlink.links());
        std::map<std::uint32_t, sys::LinkInfo> links;
        for (auto &link : *list) {
            links[link.ifindex] = std::move(link);
        }
        for (const auto &pair : BondDevice::find_marked(links)) {
            if (pair.name == name && pair.ends.ifindex != 0) {
                return pair.ends;
            }
        }
        XB_TRY(made, BondDevice::create(netlink, name, mac, mtu));
        XB_TRY_VOID(made->mark_whole(netlink, name));
        return DeviceEnds{made->ifindex(), made->peer()};
    };
    auto ends = co_await step(*host_, by, "make a bond's device anew", std::move(make));
    if (!ends) {
        co_return fail(ends.error().code, "its device went with network namespace " + file.bond.abode->text() +
                                              " and cannot be made anew: " + ends.error().message);
    }
    spdlog::warn("{}: its device went with network namespace {}, or was deleted there: made anew, at home and down",
                 name, file.bond.abode->text());
    file.bond.ifindex = ends->ifindex;
    file.bond.peer = ends->peer;
    file.bond.abode->gone = true;
    file.bond.core.admin_up = false;
    host_->catch_up();
    co_return file;
}

// None: it is under control, or its device is no longer there, and what is left of it has been cleared away.
Task<std::optional<std::string>> Daemon::take_over(By by, SavedBondFile file) {
    const auto name = file.bond.core.name;
    if (is_lost(host_->links, file.bond)) {
        auto make = make_device_anew(by, file);
        auto anew = co_await make;
        if (!anew) {
            co_return anew.error().message;
        }
        file = std::move(*anew);
    }
    auto controller = co_await BondController::adopt(*host_, by, file);
    if (controller) {
        spdlog::info("{}: adopted with {} slaves", name, (*controller)->core().slaves.size());
        const bool is_new = !is_whole(host_->links, (*controller)->ifindex());
        const auto device = (*controller)->device();
        bonds_[name] = std::move(*controller);
        left_alone_.erase(name);
        if (is_new) {
            auto mark = [device, name](sys::Netlink &netlink) { return device.mark_whole(netlink, name); };
            (void)co_await step(*host_, by, "mark a device", std::move(mark));
        }
        co_return std::nullopt;
    }
    const auto pinned = co_await pinned_devices(by, name);
    const auto path = bond_file(settings_.state_dir, name);
    if (file.netns != host_->netns_cookie && !is_here(host_->links, name, pinned)) {
        // An earlier revision's, of whichever namespace had this inode.
        auto move = [path] { return set_aside(path); };
        const auto aside = co_await file_step(*host_, by, "set a state file aside", std::move(move));
        spdlog::warn("{}: its state fits nothing that is here ({}): not used{}", name, controller.error().message,
                     aside ? ", kept as " + aside->string() : "");
        co_return std::nullopt;
    }
    if (controller.error().code != ENODEV || !has_gone(host_->links, file.bond, pinned)) {
        co_return controller.error().message;
    }
    spdlog::warn("{}: {}; restoring its slaves", name, controller.error().message);
    // What is saved counts only for this very namespace; of an earlier revision's file nobody knows.
    const auto saved =
        file.netns == host_->netns_cookie ? SavedOthers{file.bond.originals, file.bond.ports} : SavedOthers{};
    auto end = [name, saved, pin_dir = host_->pin_root / name](sys::Netlink &netlink) {
        return dissolve(netlink, pin_dir, name, saved);
    };
    if (auto done = co_await step(*host_, by, "remove a bond", std::move(end)); !done) {
        spdlog::error("{}: {}", name, done.error().message);
    }
    files_->remove(path);
    co_return std::nullopt;
}

// Of a bond of which nothing is here, an unreadable file must not keep the name.
Task<std::optional<std::string>> Daemon::look_at(By by, SavedBonds::Unreadable file) {
    const auto pinned = co_await pinned_devices(by, file.name);
    if (is_here(host_->links, file.name, pinned)) {
        co_return file.why.message;
    }
    auto move = [path = bond_file(settings_.state_dir, file.name)] { return set_aside(path); };
    const auto aside = co_await file_step(*host_, by, "set a state file aside", std::move(move));
    spdlog::error("{}; the bond is not here: {}", file.why.message,
                  aside ? "the file is now " + aside->string() : aside.error().message);
    co_return std::nullopt;
}

// What no state file names.
Task<std::optional<std::string>> Daemon::nobodys(By by, std::string name, std::string why) {
    const auto pinned = co_await pinned_devices(by, name);
    if (is_here(host_->links, name, pinned)) {
        co_return !why.empty() ? why
                               : "no state file of it in " + settings_.state_dir.string() +
                                     ": start xbondd with the --state-dir and --bpffs it was made with, or remove it "
                                     "by 'xbond link del " +
                                     name + "'";
    }
    spdlog::warn("{}: pins of a bond that is not here: removed", name);
    auto remove = [pin_dir = host_->pin_root / name](sys::Netlink &) {
        loader::remove_pins(pin_dir, {});
        return true;
    };
    (void)co_await step(*host_, by, "remove pins", std::move(remove));
    co_return std::nullopt;
}

Task<Result<void>> Daemon::try_again() {
    if (left_alone_.empty()) {
        co_return Result<void>();
    }
    host_->catch_up();
    const auto before = bonds_.size();
    (void)co_await take_over(By::hands, Of::left_alone);
    if (bonds_.size() != before) {
        pause_ = {};
        for (auto &[name, controller] : bonds_) {
            (void)co_await controller->keep();
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
        return fail(EBUSY, name + " is not under control of this xbondd: " + it->second.why);
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
    for (const auto &[name, controller] : bonds_) {
        if (controller->ports().has(ifindex)) {
            return fail(EBUSY, who + " is a port of " + name + ": 'xbond port del " + name + "' first");
        }
    }
    for (const auto &[name, left] : left_alone_) {
        if (std::ranges::find(left.devices, ifindex) != left.devices.end()) {
            return fail(EBUSY, who + " belongs to " + name + ", which is not under control: " + left.why);
        }
    }
    return {};
}

// By its pins and devices. A file that could not be read is kept.
Task<Result<void>> Daemon::end_left_alone(std::string name) {
    auto load = [dir = settings_.state_dir, cookie = host_->netns_cookie] { return load_bonds(dir, cookie); };
    const auto saved = co_await files_->call("read the bonds' state", std::move(load));
    SavedOthers others;
    for (const auto &file : saved.bonds) {
        if (file.bond.core.name == name && file.netns == host_->netns_cookie) {
            others = {file.bond.originals, file.bond.ports};
        }
    }
    auto job = [name, others, pin_dir = host_->pin_root / name](Hands::Tools &tools) {
        return dissolve(tools.netlink, pin_dir, name, others);
    };
    XB_CO_TRY_VOID(co_await hands_->call("remove a bond", std::move(job)));
    const auto path = bond_file(settings_.state_dir, name);
    if (std::ranges::find(saved.unreadable, name, &SavedBonds::Unreadable::name) != saved.unreadable.end()) {
        auto move = [path] { return set_aside(path); };
        XB_CO_TRY(aside, co_await files_->call("set a state file aside", std::move(move)));
        spdlog::warn("{}: its state could not be read and is kept as {}", name, aside->string());
    } else {
        files_->remove(path);
    }
    left_alone_.erase(name);
    co_return Result<void>();
}

} // namespace xbond::daemon
