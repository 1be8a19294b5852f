// SPDX-License-Identifier: MIT
// How a data path comes to be: created, adopted, reprogrammed.
#include <algorithm>
#include <bpf/bpf.h>
#include <net/if.h>
#include <utility>

#include "loader/bpf_calls.h"
#include "loader/datapath_impl.h"
#include "loader/pins.h"
#include "loader/xdp_attach.h"

namespace xbond::loader {

namespace fs = std::filesystem;

namespace {

std::string carrier_mark(CarrierCheck check) { return "carrier_" + std::string(name(check)); }

// User space copies whole values out of pinned maps: their size must be what abi.h says.
Result<void> expect_shape(int map_fd, std::string_view map, std::size_t value_size, std::uint32_t entries) {
    bpf_map_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(map_fd, &info, &size) != 0)
        return kernel_error(errno, "cannot read map " + std::string(map));
    if (info.value_size != value_size || info.max_entries != entries)
        return fail(EPROTO, "pinned map " + std::string(map) + " has " + std::to_string(info.max_entries) +
                                " values of " + std::to_string(info.value_size) + " bytes, expected " +
                                std::to_string(entries) + " of " + std::to_string(value_size) +
                                ": tear the bond down and create it anew");
    return {};
}

std::vector<ObjectKind> every_kind(CarrierCheck carrier) {
    if (carrier == CarrierCheck::none)
        return {ObjectKind::tx, ObjectKind::rx};
    return {ObjectKind::tx, ObjectKind::rx, ObjectKind::watch};
}

bool device_exists(std::uint32_t ifindex) {
    char ifname[IF_NAMESIZE];
    return if_indextoname(ifindex, ifname) != nullptr;
}

Error to_proto(Error error) {
    error.code = EPROTO;
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

bool DataPath::Impl::is_ours(std::uint32_t prog_id) const {
    const auto info = program_info_by_id(prog_id);
    return info && std::ranges::find(info->map_ids, map_id(maps.fd(XB_MAP_TABLE))) != info->map_ids.end();
}

Result<void> DataPath::Impl::open_maps() {
    auto mapped = Table::map(maps.fd(XB_MAP_TABLE));
    if (!mapped)
        return tl::unexpected(mapped.error());
    table = std::move(*mapped);
    auto seen = Mapped<xb_stamps>::map(maps.fd(XB_MAP_STAMPS), XB_MAP_STAMPS);
    if (!seen)
        return tl::unexpected(seen.error());
    stamps = std::move(*seen);
    auto balance = Mapped<xb_lb>::map(maps.fd(XB_MAP_LB), XB_MAP_LB);
    if (!balance)
        return tl::unexpected(balance.error());
    lb = std::move(*balance);
    auto reader = EventReader::open(maps.fd(XB_MAP_EVENTS));
    if (!reader)
        return tl::unexpected(reader.error());
    events = std::move(*reader);
    return {};
}

Result<void> DataPath::Impl::pin_programs(const Programs &which) const {
    for (const auto &[program, place] : Programs::all)
        if (which.*place)
            if (auto pinned = replace_pin((which.*place).get(), config.pin_dir / program); !pinned)
                return pinned;
    return {};
}

Result<void> DataPath::Impl::create() {
    if (auto made = make_pin_dir(config.pin_dir); !made)
        return made;
    auto loaded = load_programs(every_kind(features.carrier), make_config(config, set), features.carrier, maps);
    if (!loaded)
        return tl::unexpected(loaded.error());
    programs = std::move(*loaded);
    if (features.af_xdp) { // for its map, which the XDP programs of all slaves share
        auto xdp = Object::open(ObjectKind::xdp, CarrierCheck::none, make_config(config, set));
        auto ready = xdp ? xdp->load(maps) : tl::unexpected(xdp.error());
        if (!ready)
            return ready;
    }
    if (auto opened = open_maps(); !opened)
        return opened;
    table.initialise(with_entry(empty_bank()));
    if (auto pinned = maps.pin_all(config.pin_dir); !pinned)
        return pinned;
    if (auto pinned = pin_programs(programs); !pinned)
        return pinned;
    if (auto marked = make_pin_dir(config.pin_dir / carrier_mark(features.carrier)); !marked)
        return marked;
    return attach_bond();
}

Result<void> DataPath::Impl::attach_bond() {
    for (const auto &[hook, place] : {std::pair{&tx_bond, tx_bond_place()}, std::pair{&tx_peer, tx_peer_place()}}) {
        auto attached = features.hook->attach(place, programs.tx.get());
        if (!attached) {
            return tl::unexpected(attached.error());
        }
        *hook = std::move(*attached);
    }
    return {};
}

Result<void> DataPath::Impl::adopt() {
    auto opened = Maps::open_pins(config.pin_dir);
    if (!opened)
        return tl::unexpected(opened.error());
    maps = std::move(*opened);
    for (const auto &[map, size, entries] :
         {std::tuple{XB_MAP_TABLE, sizeof(xb_table), 1U}, std::tuple{XB_MAP_STAMPS, sizeof(xb_stamps), 1U},
          std::tuple{XB_MAP_LB, sizeof(xb_lb), 1U},
          std::tuple{XB_MAP_STATS, sizeof(xb_counters), unsigned{XB_STATS_ENTRIES}},
          std::tuple{XB_MAP_WATCH, sizeof(xb_watch), 1U}})
        if (maps.fd(map) >= 0)
            if (auto shape = expect_shape(maps.fd(map), map, size, entries); !shape)
                return shape;
    if (auto ready = open_maps(); !ready)
        return ready;
    if (table.layout() != XB_LAYOUT_VERSION)
        return fail(EPROTO, "the pinned data path has layout version " + std::to_string(table.layout()) +
                                ", expected " + std::to_string(XB_LAYOUT_VERSION) +
                                ": tear the bond down and create it anew");
    free_clients();
    if (auto adopted = adopt_programs(); !adopted)
        return tl::unexpected(to_proto(adopted.error()));
    if (auto adopted = adopt_bond(); !adopted) {
        return tl::unexpected(to_proto(adopted.error()));
    }
    if (auto adopted = adopt_slaves(); !adopted)
        return adopted;
    judge_age();
    return finish_swap();
}

// The hook on the bond tells the kind in use, for the slaves' hooks too.
Result<void> DataPath::Impl::adopt_bond() {
    const std::uint32_t table_id = map_id(maps.fd(XB_MAP_TABLE));
    auto kind = find_hook_kind(tx_bond_place(), table_id);
    if (!kind) {
        return tl::unexpected(kind.error());
    }
    features.hook = *kind;
    for (const auto &[hook, place] : {std::pair{&tx_bond, tx_bond_place()}, std::pair{&tx_peer, tx_peer_place()}}) {
        auto adopted = features.hook->adopt(place, table_id);
        if (!adopted) {
            return tl::unexpected(adopted.error());
        }
        if ((*adopted)->where().ifindex != place.where.ifindex) {
            return fail(EPROTO, place.name + " is attached to ifindex " + std::to_string((*adopted)->where().ifindex) +
                                    ", expected " + std::to_string(place.where.ifindex));
        }
        *hook = std::move(*adopted);
    }
    return {};
}

Result<void> DataPath::Impl::adopt_programs() {
    std::error_code ignored;
    for (const CarrierCheck check : {CarrierCheck::kfunc, CarrierCheck::probe_read, CarrierCheck::none})
        if (fs::exists(config.pin_dir / carrier_mark(check), ignored))
            features.carrier = check;
    for (const auto &[program, place] : Programs::all) {
        auto fd = open_pin(config.pin_dir / program);
        if (fd)
            programs.*place = std::move(*fd);
        else if (features.carrier != CarrierCheck::none || place == &Programs::tx || place == &Programs::rx)
            return tl::unexpected(fd.error());
    }
    auto frozen = read_config(programs.tx.get());
    if (!frozen)
        return tl::unexpected(frozen.error());
    if (frozen->bond_ifindex != config.bond_ifindex || frozen->peer_ifindex != config.peer_ifindex)
        return fail(EPROTO, "the pinned programs serve ifindexes " + std::to_string(frozen->bond_ifindex) + " and " +
                                std::to_string(frozen->peer_ifindex) + ", the bond has " +
                                std::to_string(config.bond_ifindex) + " and " + std::to_string(config.peer_ifindex));
    set = {static_cast<Mode>(frozen->mode), static_cast<HashPolicy>(frozen->policy), frozen->packets_per_slave,
           frozen->tlb_dynamic_lb != 0};
    return {};
}

Result<void> DataPath::Impl::adopt_slaves() {
    for (unsigned slot = 0; slot < XB_MAX_SLAVES; ++slot) {
        const auto id = static_cast<SlotId>(slot);
        auto hook = features.hook->adopt(rx_place(id, table.slot_ifindex(id)), map_id(maps.fd(XB_MAP_TABLE)));
        if (!hook && hook.error().code != ENOENT)
            return tl::unexpected(hook.error());
        if (!hook)
            continue;
        if ((*hook)->where().ifindex == 0)
            (*hook)->detach(); // the device has gone while nobody looked
        else
            rx[slot] = std::move(*hook);
    }
    return {};
}

// Whether this build would load other instructions than those that run. Loading is the only way to know: the tag is
// taken after relocation against the running kernel.
void DataPath::Impl::judge_age() {
    const auto fresh = load_programs(every_kind(features.carrier), make_config(config, set), features.carrier, maps);
    outdated = !fresh || std::ranges::any_of(Programs::all, [&](const auto &named) {
        if (!(programs.*named.place) || !((*fresh).*named.place))
            return false;
        const auto running = program_info((programs.*named.place).get());
        const auto built = program_info(((*fresh).*named.place).get());
        return !running || !built || running->tag != built->tag;
    });
}

// A controller may have died in the middle of use_programs(): pins first, hooks after, so the pins say what is meant.
Result<void> DataPath::Impl::finish_swap() {
    const auto rx_config = read_config(programs.rx.get());
    const auto wanted = make_config(config, set);
    if (rx_config && rx_config->mode == wanted.mode && rx_config->policy == wanted.policy &&
        rx_config->packets_per_slave == wanted.packets_per_slave && rx_config->tlb_dynamic_lb == wanted.tlb_dynamic_lb)
        return swap_hooks(programs);
    outdated = true; // xb_tx and xb_rx of two sets: load a whole one
    return reprogram(set);
}

Result<void> DataPath::Impl::reprogram(const ProgramSet &next) {
    if (next == set && !outdated)
        return {};
    const std::vector<ObjectKind> kinds =
        outdated ? every_kind(features.carrier) : std::vector{ObjectKind::tx, ObjectKind::rx};
    auto loaded = load_programs(kinds, make_config(config, next), features.carrier, maps);
    if (!loaded)
        return tl::unexpected(loaded.error());
    if (auto used = use_programs(std::move(*loaded)); !used)
        return used;
    set = next;
    outdated = false;
    return {};
}

Result<void> DataPath::Impl::use_programs(Programs next) {
    auto swapped = pin_programs(next);
    if (swapped)
        swapped = swap_hooks(next);
    if (!swapped) { // both were possible a moment ago
        (void)swap_hooks(programs);
        (void)pin_programs(programs);
        return swapped;
    }
    const bool new_watch = static_cast<bool>(next.watch_arm);
    for (const auto &[program, place] : Programs::all)
        if (next.*place)
            programs.*place = std::move(next.*place);
    if (!new_watch)
        return {};
    const std::uint32_t key = 0;
    xb_watch watch{};
    if (bpf_map_lookup_elem(maps.fd(XB_MAP_WATCH), &key, &watch) != 0)
        return kernel_error(errno, "cannot read " XB_MAP_WATCH);
    // The timer that runs goes on with the new callback.
    return arm_watch(programs.watch_arm.get(),
                     std::chrono::duration_cast<Ms>(std::chrono::nanoseconds(watch.interval_ns)));
}

Result<void> DataPath::Impl::swap_hooks(const Programs &which) {
    const auto swap = [](const std::unique_ptr<Hook> &hook, const Fd &program) -> Result<void> {
        const auto info = program_info(program.get());
        if (!hook || (info && hook->prog_id() == info->id))
            return {};
        auto updated = hook->update(program.get());
        // A device that has just gone took its hook along; the controller hears of it and detaches.
        if (!updated && !device_exists(hook->where().ifindex))
            return {};
        return updated;
    };
    for (auto *const hook : {&tx_bond, &tx_peer})
        if (auto swapped = swap(*hook, which.tx); !swapped)
            return swapped;
    for (auto &hook : rx)
        if (auto swapped = swap(hook, which.rx); !swapped)
            return swapped;
    return {};
}

Result<DataPath> DataPath::create(const Config &config, const Features &features) {
    capture_library_log();
    prepare_libxdp(features.freplace);
    std::error_code ignored;
    if (fs::exists(config.pin_dir, ignored) && !fs::is_empty(config.pin_dir, ignored))
        return fail(EEXIST, config.pin_dir.string() + " holds pins of a data path: adopt it, or remove it first");
    auto impl = std::make_unique<Impl>(config, features);
    if (auto created = impl->create(); !created) {
        impl.reset();
        remove_pins(config.pin_dir);
        return tl::unexpected(created.error());
    }
    return DataPath(std::move(impl));
}

Result<DataPath> DataPath::adopt(const Config &config, const Features &features) {
    capture_library_log();
    prepare_libxdp(features.freplace);
    auto impl = std::make_unique<Impl>(config, features);
    if (auto adopted = impl->adopt(); !adopted)
        return tl::unexpected(adopted.error());
    return DataPath(std::move(impl));
}

} // namespace xbond::loader
