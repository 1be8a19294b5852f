// SPDX-License-Identifier: MIT
// How a data path comes to be: created, adopted, reprogrammed.
#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <future>
#include <net/if.h>
#include <utility>

#include "loader/bpf_calls.h"
#include "loader/datapath_impl.h"
#include "loader/pins.h"
#include "loader/xdp/attach.h"
#include "xbond/view.h"

namespace xbond::loader {

namespace fs = std::filesystem;

namespace {

std::string carrier_mark(CarrierCheck check) { return "carrier_" + std::string(name(check)); }

// User space copies whole values out of pinned maps: their size must be what abi.h says.
Result<void> expect_shape(int map_fd, std::string_view map, std::size_t value_size, std::uint32_t entries) {
    bpf_map_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(map_fd, &info, &size) != 0) {
        return kernel_error(errno, "cannot read map " + std::string(map));
    }
    if (info.value_size != value_size || info.max_entries != entries) {
        return fail(EPROTO, "pinned map " + std::string(map) + " has " + std::to_string(info.max_entries) +
                                " values of " + std::to_string(info.value_size) + " bytes, expected " +
                                std::to_string(entries) + " of " + std::to_string(value_size) +
                                ": tear the bond down and create it anew");
    }
    return {};
}

// xb_tx first.
std::vector<ObjectKind> every_kind(CarrierCheck carrier) {
    if (carrier == CarrierCheck::none) {
        return {ObjectKind::tx, ObjectKind::rx};
    }
    return {ObjectKind::tx, ObjectKind::rx, ObjectKind::watch};
}

bool device_exists(std::uint32_t ifindex) {
    char ifname[IF_NAMESIZE];
    return if_indextoname(ifindex, ifname) != nullptr;
}

// A pin that is missing beside others makes them useless; what else fails may pass.
Error to_proto(Error error) {
    error.code = error.code == ENOENT ? EPROTO : error.code;
    return error;
}

} // namespace

HookPlace DataPath::Impl::tx_bond_place() const {
    return {{config.bond_ifindex, Direction::egress}, config.pin_dir, "tx_bond"};
}

HookPlace DataPath::Impl::tx_peer_place() const {
    return {{config.peer_ifindex, Direction::ingress}, config.pin_dir, "tx_peer"};
}

HookPlace DataPath::Impl::rx_place(SlotId slot, std::uint32_t ifindex) const {
    return {{ifindex, Direction::ingress}, config.pin_dir, "rx_" + std::to_string(slot)};
}

// In another network namespace our program would redirect by the numbers that devices have there.
std::vector<std::pair<std::unique_ptr<Hook> *, HookPlace>> DataPath::Impl::bond_hooks() {
    std::vector<std::pair<std::unique_ptr<Hook> *, HookPlace>> hooks;
    if (bond_is_here()) {
        hooks.emplace_back(&tx_bond, tx_bond_place());
    }
    hooks.emplace_back(&tx_peer, tx_peer_place());
    return hooks;
}

bool DataPath::Impl::uses(std::uint32_t prog_id, std::string_view map) const {
    const auto info = program_info_by_id(prog_id);
    const std::uint32_t id = maps.fd(map) < 0 ? 0 : map_id(maps.fd(map));
    return info && id != 0 && std::ranges::find(info->map_ids, id) != info->map_ids.end();
}

Result<void> DataPath::Impl::make_missing(ObjectKind kind) {
    XB_TRY_VOID(make_maps(std::array{kind}, kind == ObjectKind::xdp ? CarrierCheck::none : features.carrier, maps));
    return maps.pin_all(config.pin_dir);
}

Result<void> DataPath::Impl::open_maps() {
    XB_TRY(mapped, Table::map(maps.fd(XB_MAP_TABLE)));
    table = std::move(*mapped);
    XB_TRY(seen, Mapped<xb_stamps>::map(maps.fd(XB_MAP_STAMPS), XB_MAP_STAMPS));
    stamps = std::move(*seen);
    XB_TRY(balance, Mapped<xb_lb>::map(maps.fd(XB_MAP_LB), XB_MAP_LB));
    lb = std::move(*balance);
    XB_TRY(devices, Mapped<xb_ports>::map(maps.fd(XB_MAP_PORTS), XB_MAP_PORTS));
    port_table = std::move(*devices);
    XB_TRY(reader, EventReader::open(maps.fd(XB_MAP_EVENTS)));
    events = std::move(*reader);
    const int possible = libbpf_num_possible_cpus(); // reads a file, the first time: not once descriptors have run out
    if (possible <= 0) {
        return kernel_error(-possible, "cannot count the processors");
    }
    cpus = static_cast<std::size_t>(possible);
    return {};
}

Result<void> DataPath::Impl::pin_programs(const Programs &which) const {
    for (const auto &[program, place] : Programs::all) {
        if (which.*place) {
            XB_TRY_VOID(replace_pin((which.*place).get(), config.pin_dir / program));
        }
    }
    return {};
}

Result<void> DataPath::Impl::create() {
    XB_TRY_VOID(make_pin_dir(config.pin_dir));
    XB_TRY_VOID(mark_owner(config.pin_dir));
    const auto kinds = every_kind(features.carrier);
    XB_TRY_VOID(make_maps(kinds, features.carrier, maps));
    if (features.af_xdp) { // for its map, which the XDP programs of all slaves share
        XB_TRY_VOID(make_maps(std::array{ObjectKind::xdp}, CarrierCheck::none, maps));
    }
    XB_TRY_VOID(open_maps());
    table.initialise(with_entry(empty_bank()));
    XB_TRY_VOID(maps.pin_all(config.pin_dir));
    XB_TRY_VOID(load_and_attach(kinds));
    XB_TRY_VOID(pin_programs(programs));
    for (const auto &mark : {carrier_mark(features.carrier), build_mark(programs)}) {
        XB_TRY_VOID(make_pin_dir(config.pin_dir / mark));
    }
    return {};
}

// The bond's hooks wait for grace periods of the kernel, two of some 13 ms. The verifier goes through the other
// programs in the meantime; the blueprints have been made with the maps and are only read here.
Result<void> DataPath::Impl::load_and_attach(std::span<const ObjectKind> kinds) {
    const auto load = [this](std::span<const ObjectKind> which) {
        return load_programs(which, make_config(config, set), features.carrier, maps);
    };
    // Without a thread to be had: after the hooks.
    auto others = std::async(std::launch::async | std::launch::deferred, load, kinds.subspan(1));
    XB_TRY(tx, load(kinds.first(1)));
    programs.tx = std::move(tx->tx);
    auto attached = attach_bond();
    XB_TRY(rest, others.get());
    rest->tx = std::move(programs.tx);
    programs = std::move(*rest);
    return attached;
}

Result<void> DataPath::Impl::attach_bond() {
    for (const auto &[hook, place] : bond_hooks()) {
        XB_TRY(attached, features.hook->attach(place, programs.tx.get()));
        *hook = std::move(*attached);
    }
    return {};
}

Result<void> DataPath::Impl::adopt() {
    if (owner_of(config.pin_dir) == Owner::another_netns) {
        return fail(ESTALE, config.pin_dir.string() + " holds pins of another network namespace, which has gone");
    }
    XB_TRY(opened, Maps::open_pins(config.pin_dir));
    maps = std::move(*opened);
    for (const auto &[map, size, entries] :
         {std::tuple{XB_MAP_TABLE, sizeof(xb_table), 1U}, std::tuple{XB_MAP_STAMPS, sizeof(xb_stamps), 1U},
          std::tuple{XB_MAP_LB, sizeof(xb_lb), 1U},
          std::tuple{XB_MAP_STATS, sizeof(xb_counters), unsigned{XB_STATS_ENTRIES}},
          std::tuple{XB_MAP_WATCH, sizeof(xb_watch), 1U}, std::tuple{XB_MAP_VIEW, sizeof(xb_view), 1U},
          std::tuple{XB_MAP_XSK_RULES, sizeof(xb_xsk_rules), 1U}, std::tuple{XB_MAP_PORTS, sizeof(xb_ports), 1U},
          std::tuple{XB_MAP_PORT_MACS, sizeof(xb_port_at), unsigned{XB_PORT_MACS}},
          std::tuple{XB_MAP_PORT_STATS, sizeof(xb_port_counters), unsigned{XB_PORTS}}}) {
        if (maps.fd(map) >= 0) {
            XB_TRY_VOID(expect_shape(maps.fd(map), map, size, entries));
        }
    }
    XB_TRY_VOID(add_missing_maps());
    XB_TRY_VOID(open_maps());
    if (table.layout() != XB_LAYOUT_VERSION) {
        return fail(EPROTO, "the pinned data path has layout version " + std::to_string(table.layout()) +
                                ", expected " + std::to_string(XB_LAYOUT_VERSION) +
                                ": tear the bond down and create it anew");
    }
    free_clients();
    if (auto adopted = adopt_programs(); !adopted) {
        return tl::unexpected(to_proto(adopted.error()));
    }
    if (auto adopted = adopt_bond(); !adopted) {
        return tl::unexpected(to_proto(adopted.error()));
    }
    XB_TRY_VOID(adopt_slaves());
    adopt_ports();
    adopt_chained();
    compare_build();
    return finish_swap();
}

// Those that the pins of an earlier revision lack. Without AF_XDP no program needs those of XDP.
Result<void> DataPath::Impl::add_missing_maps() {
    if (maps.fd(XB_MAP_PORTS) < 0) {
        XB_TRY_VOID(make_missing(ObjectKind::rx));
    }
    if (!features.af_xdp || (maps.fd(XB_MAP_PORT_OUT) >= 0 && maps.fd(XB_MAP_ENTER) >= 0)) {
        return {};
    }
    return make_missing(ObjectKind::xdp);
}

// The hook on the pair's other end tells the kind in use, for all others too.
Result<void> DataPath::Impl::adopt_bond() {
    const std::uint32_t table_id = map_id(maps.fd(XB_MAP_TABLE));
    XB_TRY(kind, find_hook_kind(tx_peer_place(), table_id));
    features.hook = *kind;
    for (const auto &[hook, place] : bond_hooks()) {
        XB_TRY(adopted, features.hook->adopt(place, table_id));
        if ((*adopted)->where().ifindex != place.where.ifindex) {
            return fail(EPROTO, place.name + " is attached to ifindex " + std::to_string((*adopted)->where().ifindex) +
                                    ", expected " + std::to_string(place.where.ifindex));
        }
        *hook = std::move(*adopted);
    }
    if (!bond_is_here()) { // of a controller that died while it moved the device
        remove_pin(config.pin_dir / tx_bond_place().name);
    }
    return {};
}

Result<void> DataPath::Impl::adopt_programs() {
    std::error_code ignored;
    for (const CarrierCheck check : {CarrierCheck::kfunc, CarrierCheck::probe_read, CarrierCheck::none}) {
        if (fs::exists(config.pin_dir / carrier_mark(check), ignored)) {
            features.carrier = check;
        }
    }
    for (const auto &[program, place] : Programs::all) {
        auto fd = open_pin(config.pin_dir / program);
        if (fd) {
            programs.*place = std::move(*fd);
        } else if (place != &Programs::look && place != &Programs::view && place != &Programs::port &&
                   (features.carrier != CarrierCheck::none || place == &Programs::tx || place == &Programs::rx)) {
            return tl::unexpected(fd.error());
        }
    }
    const std::uint32_t key = 0;
    xb_view_timer timer{};
    if (programs.view && bpf_map_lookup_elem(maps.fd(XB_MAP_VIEW_TIMER), &key, &timer) == 0) {
        view_interval_us = static_cast<std::uint32_t>(timer.interval_ns / 1000);
        view = programs.view.get();
    }
    XB_TRY(frozen, read_config(programs.tx.get()));
    if (frozen->bond_ifindex != config.bond_ifindex || frozen->peer_ifindex != config.peer_ifindex) {
        return fail(EPROTO, "the pinned programs serve ifindexes " + std::to_string(frozen->bond_ifindex) + " and " +
                                std::to_string(frozen->peer_ifindex) + ", the bond has " +
                                std::to_string(config.bond_ifindex) + " and " + std::to_string(config.peer_ifindex));
    }
    set = {static_cast<Mode>(frozen->mode), static_cast<HashPolicy>(frozen->policy), frozen->packets_per_slave,
           frozen->tlb_dynamic_lb != 0};
    return {};
}

Result<void> DataPath::Impl::adopt_slaves() {
    for (unsigned slot = 0; slot < XB_MAX_SLAVES; ++slot) {
        const auto id = static_cast<SlotId>(slot);
        auto hook = features.hook->adopt(rx_place(id, table.slot_ifindex(id)), map_id(maps.fd(XB_MAP_TABLE)));
        if (!hook && hook.error().code != ENOENT) {
            return tl::unexpected(hook.error());
        }
        if (!hook) {
            continue;
        }
        if ((*hook)->where().ifindex == 0) {
            (*hook)->detach(); // the device has gone while nobody looked
        } else {
            rx[slot] = std::move(*hook);
        }
    }
    return {};
}

// Whether the programs that run are of another build than this one: loading them anew only to compare would take some
// 50 ms a bond, before the first LACPDU after a restart.
void DataPath::Impl::compare_build() {
    std::error_code ignored;
    outdated = !fs::exists(config.pin_dir / build_mark(programs), ignored);
}

// The mark goes before other programs come and is made when they are all there: a crash in between means "outdated".
void DataPath::Impl::forget_build() const {
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator(config.pin_dir, ignored)) {
        if (entry.path().filename().string().starts_with(build_prefix)) {
            fs::remove(entry.path(), ignored);
        }
    }
}

// A controller may have died in the middle of use_programs(): pins first, hooks after, so the pins say what is meant.
Result<void> DataPath::Impl::finish_swap() {
    const auto rx_config = read_config(programs.rx.get());
    const auto wanted = make_config(config, set);
    if (rx_config && rx_config->mode == wanted.mode && rx_config->policy == wanted.policy &&
        rx_config->packets_per_slave == wanted.packets_per_slave &&
        rx_config->tlb_dynamic_lb == wanted.tlb_dynamic_lb) {
        return swap_hooks(programs);
    }
    outdated = true; // xb_tx and xb_rx of two sets: load a whole one
    return reprogram(set);
}

Result<void> DataPath::Impl::reprogram(const ProgramSet &next) {
    return next == set && !outdated ? Result<void>{} : load_anew(next);
}

Result<void> DataPath::Impl::load_anew(const ProgramSet &next) {
    auto kinds = outdated ? every_kind(features.carrier) : std::vector{ObjectKind::tx, ObjectKind::rx};
    if (programs.view) {
        kinds.push_back(ObjectKind::view);
    }
    if (outdated && programs.port) {
        kinds.push_back(ObjectKind::port);
    }
    XB_TRY(loaded, load_programs(kinds, make_config(config, next), features.carrier, maps));
    if (outdated) {
        forget_build();
    }
    XB_TRY_VOID(use_programs(std::move(*loaded)));
    set = next;
    if (outdated) {
        XB_TRY_VOID(make_pin_dir(config.pin_dir / build_mark(programs)));
    }
    outdated = false;
    return {};
}

// Without the hook on the bond what it sends comes out at the other end and is sent there.
Result<void> DataPath::Impl::set_bond(std::uint32_t ifindex) {
    if (ifindex == config.bond_ifindex) {
        return {};
    }
    const std::uint32_t before = std::exchange(config.bond_ifindex, ifindex);
    here = here_of(config);
    if (auto loaded = load_anew(set); !loaded) {
        config.bond_ifindex = before;
        here = here_of(config);
        return loaded;
    }
    if (tx_bond) {
        tx_bond->detach();
        tx_bond.reset();
    }
    if (bond_is_here()) {
        XB_TRY(attached, features.hook->attach(tx_bond_place(), programs.tx.get()));
        tx_bond = std::move(*attached);
    }
    return {};
}

Result<void> DataPath::Impl::use_programs(Programs next) {
    auto swapped = pin_programs(next);
    if (swapped) {
        swapped = swap_hooks(next);
    }
    if (!swapped) { // both were possible a moment ago
        (void)swap_hooks(programs);
        (void)pin_programs(programs);
        return swapped;
    }
    const bool new_watch = static_cast<bool>(next.watch_arm), new_view = static_cast<bool>(next.view);
    if (new_view) {
        view = next.view.get();
        retired_view = std::move(programs.view);
    }
    for (const auto &[program, place] : Programs::all) {
        if (next.*place) {
            programs.*place = std::move(next.*place);
        }
    }
    if (new_view) {
        XB_TRY_VOID(arm_view(programs.view.get(), device_here(),
                             std::chrono::duration_cast<Ms>(std::chrono::microseconds(view_interval_us))));
    }
    if (!new_watch) {
        return {};
    }
    const std::uint32_t key = 0;
    xb_watch watch{};
    if (bpf_map_lookup_elem(maps.fd(XB_MAP_WATCH), &key, &watch) != 0) {
        return kernel_error(errno, "cannot read " XB_MAP_WATCH);
    }
    // The timer that runs goes on with the new callback.
    return arm_watch(programs.watch_arm.get(), device_here(),
                     std::chrono::duration_cast<Ms>(std::chrono::nanoseconds(watch.interval_ns)));
}

Result<void> DataPath::Impl::swap_hooks(const Programs &which) {
    const auto swap = [](const std::unique_ptr<Hook> &hook, const Fd &program) -> Result<void> {
        const auto info = program_info(program.get());
        if (!hook || (info && hook->prog_id() == info->id)) {
            return {};
        }
        auto updated = hook->update_last(program.get());
        // A device that has just gone took its hook along; the controller hears of it and detaches.
        if (!updated && !device_exists(hook->where().ifindex)) {
            return {};
        }
        return updated;
    };
    for (auto *const hook : {&tx_bond, &tx_peer}) {
        XB_TRY_VOID(swap(*hook, which.tx));
    }
    for (auto &hook : rx) {
        XB_TRY_VOID(swap(hook, which.rx));
    }
    for (auto &hook : port_hooks) { // it knows all modes: only another build brings another program
        if (which.port) {
            XB_TRY_VOID(swap(hook, which.port));
        }
    }
    return {};
}

Result<DataPath> DataPath::create(const Config &config, const Features &features) {
    capture_library_log();
    prepare_libxdp(features.freplace);
    std::error_code ignored;
    if (fs::exists(config.pin_dir, ignored) && !fs::is_empty(config.pin_dir, ignored)) {
        return fail(EEXIST, config.pin_dir.string() + " holds pins of a data path: adopt it, or remove it first");
    }
    auto impl = std::make_unique<Impl>(config, features);
    if (auto created = impl->create(); !created) {
        const std::uint32_t device = impl->device_here();
        impl.reset();
        remove_pins(config.pin_dir, std::array{device, config.peer_ifindex});
        return tl::unexpected(created.error());
    }
    return DataPath(std::move(impl));
}

Result<DataPath> DataPath::adopt(const Config &config, const Features &features) {
    capture_library_log();
    prepare_libxdp(features.freplace);
    auto impl = std::make_unique<Impl>(config, features);
    XB_TRY_VOID(impl->adopt());
    return DataPath(std::move(impl));
}

} // namespace xbond::loader
