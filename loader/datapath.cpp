// SPDX-License-Identifier: MIT
// What is done with a data path while it runs. Coming to be: datapath_setup.cpp; going: remove_pins.cpp.
#include "loader/datapath.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <chrono>
#include <linux/bpf.h>
#include <net/if.h>
#include <tuple>

#include "loader/bpf_calls.h"
#include "loader/datapath_impl.h"
#include "loader/xdp/applications.h"
#include "xbond/counters.h"

namespace xbond::loader {
namespace {

Result<void> check_slot(SlotId slot) {
    if (slot >= XB_MAX_SLAVES) {
        return fail(EINVAL,
                    "slot " + std::to_string(slot) + " is out of range (0.." + std::to_string(XB_MAX_SLAVES - 1) + ")");
    }
    return {};
}

} // namespace

DataPath::DataPath(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DataPath::DataPath(DataPath &&) noexcept = default;
DataPath &DataPath::operator=(DataPath &&) noexcept = default;
DataPath::~DataPath() = default;

Result<void> DataPath::set_slot(SlotId slot, std::uint32_t ifindex) {
    XB_TRY_VOID(check_slot(slot));
    char ifname[IF_NAMESIZE];
    if (if_indextoname(ifindex, ifname) == nullptr) {
        return fail(ENODEV, "cannot give slot " + std::to_string(slot) + " to ifindex " + std::to_string(ifindex) +
                                ": no such device in this network namespace");
    }
    Table &table = impl_->table;
    if (table.slot_ifindex(slot) != ifindex) {
        table.clear_slot(slot);
        const std::uint32_t key = slot;
        if (bpf_map_update_elem(impl_->maps.fd(XB_MAP_STATS), &key, std::vector<xb_counters>(impl_->cpus).data(),
                                BPF_ANY) != 0) {
            return kernel_error(errno, "cannot reset the counters of slot " + std::to_string(slot));
        }
        impl_->forget_stamps(slot);
    }
    if (impl_->programs.learn) {
        XB_TRY(learned, run_once(impl_->programs.learn.get(), ifindex, slot));
        if (*learned != 0 || !table.slot_has_device(slot)) {
            return fail(EIO, std::string("xb_learn found no device behind ") + ifname);
        }
    }
    table.name_slot(slot, ifindex);
    return {};
}

void DataPath::clear_slot(SlotId slot) {
    if (check_slot(slot)) {
        impl_->table.clear_slot(slot);
    }
}

Result<void> DataPath::attach_slave(SlotId slot, std::uint32_t ifindex) {
    XB_TRY_VOID(check_slot(slot));
    auto &hook = impl_->rx[slot];
    if (hook && hook->where().ifindex == ifindex && hook->prog_id() != 0) {
        return {};
    }
    if (hook) {
        hook->detach();
    }
    hook.reset();
    XB_TRY(attached, impl_->features.hook->attach(impl_->rx_place(slot, ifindex), impl_->programs.rx.get()));
    hook = std::move(*attached);
    return {};
}

Result<void> DataPath::note_original(const Original &original) {
    unmark_original(impl_->config.pin_dir, original.ifindex);
    return mark_original(impl_->config.pin_dir, original);
}

void DataPath::evict_others(std::span<const Place> slaves) {
    const auto owned = [slaves](unsigned slot, std::uint32_t ifindex) {
        return std::ranges::any_of(slaves, [&](Place at) { return at.slot == slot && at.ifindex == ifindex; });
    };
    for (unsigned slot = 0; slot < XB_MAX_SLAVES; ++slot) {
        auto &hook = impl_->rx.at(slot);
        if (hook && !owned(slot, hook->where().ifindex)) {
            hook->detach();
            hook.reset();
        }
        if (const auto ifindex = impl_->table.slot_ifindex(static_cast<SlotId>(slot));
            ifindex != 0 && !owned(slot, ifindex)) {
            impl_->table.clear_slot(static_cast<SlotId>(slot));
        }
    }
}

void DataPath::end_rivals() {
    for (auto *const hook : {impl_->tx_bond.get(), impl_->tx_peer.get()}) {
        if (hook != nullptr) {
            hook->end_rivals();
        }
    }
    for (const auto &hook : impl_->rx) {
        if (hook) {
            hook->end_rivals();
        }
    }
}

void DataPath::detach_slave(SlotId slot, std::uint32_t ifindex) {
    unmark_original(impl_->config.pin_dir, ifindex);
    if (!check_slot(slot) || !impl_->rx[slot] || impl_->rx[slot]->where().ifindex != ifindex) {
        return;
    }
    impl_->rx[slot]->detach();
    impl_->rx[slot].reset();
}

Result<XdpState> DataPath::set_xdp(const XdpSlave &slave) {
    XB_TRY_VOID(check_slot(slave.slot));
    return impl_->set_xdp(slave);
}

Result<XdpState> DataPath::set_xdp(SlotId slot, std::uint32_t ifindex, XdpPolicy policy, std::string_view driver,
                                   bool needed) {
    return set_xdp({slot, ifindex, policy, std::string(driver), needed});
}

Result<void> DataPath::set_xsk(SlotId slot, unsigned queue, int xsk_fd) {
    XB_TRY_VOID(check_slot(slot));
    if (queue >= XB_XSK_QUEUES) {
        return fail(EINVAL, "queue " + std::to_string(queue) + " is out of range (0.." +
                                std::to_string(XB_XSK_QUEUES - 1) + ")");
    }
    const int map = impl_->maps.fd(XB_MAP_XSK);
    if (map < 0) {
        return fail(ENOTSUP, "this kernel has no AF_XDP");
    }
    const std::uint32_t key = slot * XB_XSK_QUEUES + queue;
    if (bpf_map_update_elem(map, &key, &xsk_fd, BPF_ANY) != 0) {
        return kernel_error(errno, "cannot give an AF_XDP socket to xb_xdp");
    }
    return {};
}

void DataPath::clear_xsk(SlotId slot, unsigned queue) {
    const std::uint32_t key = slot * XB_XSK_QUEUES + queue;
    if (check_slot(slot) && queue < XB_XSK_QUEUES) {
        bpf_map_delete_elem(impl_->maps.fd(XB_MAP_XSK), &key);
    }
}

// Pins of earlier revisions have no maps for rules.
Result<void> DataPath::set_xsk_rules(std::span<const xb_xsk_rule> rules) {
    if (impl_->maps.fd(XB_MAP_XSK_RULES) < 0 && rules.empty()) {
        return {};
    }
    if (!impl_->features.af_xdp) {
        return fail(ENOTSUP, "this kernel has no AF_XDP");
    }
    XB_TRY_VOID(impl_->make_missing(ObjectKind::xdp));
    return write_rules(impl_->maps.fd(XB_MAP_XSK_RULES), impl_->maps.fd(XB_MAP_XSK_APPS), rules);
}

Result<Fd> DataPath::rule_sockets(const xb_xsk_rule &rule) const {
    if (impl_->maps.fd(XB_MAP_XSK_RULES) < 0) {
        return fail(ENOENT, "the data path has no rules");
    }
    return sockets_of_rule(impl_->maps.fd(XB_MAP_XSK_RULES), impl_->maps.fd(XB_MAP_XSK_APPS), rule);
}

Result<void> DataPath::open_view(Ms interval) {
    if (!impl_->programs.view) {
        XB_TRY_VOID(impl_->make_missing(ObjectKind::view));
        XB_TRY(loaded, load_programs(std::array{ObjectKind::view}, make_config(impl_->config, impl_->set),
                                     impl_->features.carrier, impl_->maps));
        XB_TRY_VOID(replace_pin(loaded->view.get(), impl_->config.pin_dir / "xb_view_run"));
        impl_->programs.view = std::move(loaded->view);
        impl_->view = impl_->programs.view.get();
    }
    return set_view(interval);
}

Result<void> DataPath::set_view(Ms interval) {
    impl_->view_interval_us = static_cast<std::uint32_t>(std::chrono::microseconds(interval).count());
    return impl_->programs.view ? arm_view(impl_->programs.view.get(), impl_->device_here(), interval) : Result<void>{};
}

int DataPath::view_fd() const { return impl_->programs.view ? impl_->maps.fd(XB_MAP_VIEW) : -1; }

Bank DataPath::Impl::with_entry(Bank bank) const {
    const bool full = (bank.flags & XB_BANK_FULL_VISIBILITY) != 0;
    bank.entry_ifindex = full ? config.peer_ifindex : device_here();
    bank.entry_flags = full ? 0 : static_cast<std::uint32_t>(BPF_F_INGRESS);
    return bank;
}

void DataPath::publish(const Bank &bank) {
    const xb_monitor before = published().monitor;
    impl_->table.publish(impl_->with_entry(bank));
    impl_->set_targets(published());
    if (const int view = impl_->view; view >= 0) {
        (void)run_once(view, impl_->device_here(), impl_->view_interval_us);
    }
    // After the flip, or an answer of the old target could still stamp the new one.
    impl_->forget_replaced_targets(before, bank.monitor);
}

// A device takes its entries along when it goes.
void DataPath::Impl::set_targets(const Bank &bank) {
    std::array<std::uint32_t, XB_MAX_SLAVES> members{};
    for (std::uint32_t i = 0; i < bank.n_pick; ++i) {
        if (const SlotId slot = bank.pick[i]; slot < XB_MAX_SLAVES) {
            members.at(slot) = table.slot_ifindex(slot);
        }
    }
    for (std::uint32_t slot = 0; slot < XB_MAX_SLAVES; ++slot) {
        const std::uint32_t device = table.slot_ifindex(static_cast<SlotId>(slot));
        for (const auto &[name, now, wanted] :
             {std::tuple{XB_MAP_OUT, &out, device}, std::tuple{XB_MAP_ALL, &all, members.at(slot)}}) {
            if (now->at(slot) == wanted || maps.fd(name) < 0) {
                continue;
            }
            now->at(slot) = wanted;
            (void)(wanted != 0 ? bpf_map_update_elem(maps.fd(name), &slot, &wanted, BPF_ANY)
                               : bpf_map_delete_elem(maps.fd(name), &slot));
        }
    }
}

const Bank &DataPath::published() const { return impl_->table.published(); }

Result<void> DataPath::reprogram(const ProgramSet &next) { return impl_->reprogram(next); }

const ProgramSet &DataPath::programs() const { return impl_->set; }

Result<void> DataPath::set_bond(std::uint32_t ifindex) { return impl_->set_bond(ifindex); }

bool DataPath::programs_outdated() const { return impl_->outdated; }

Result<void> DataPath::set_watch(Ms interval) {
    if (interval < Ms(0)) {
        return fail(EINVAL, "carrier_watch " + std::to_string(interval.count()) + " is below 0");
    }
    if (!impl_->programs.watch_arm) {
        return interval == Ms(0) ? Result<void>{}
                                 : fail(EOPNOTSUPP, "this kernel offers no carrier watch: set carrier_watch 0");
    }
    return arm_watch(impl_->programs.watch_arm.get(), impl_->device_here(), interval);
}

Result<std::uint32_t> DataPath::carriers() const {
    if (!impl_->programs.look) {
        return fail(ENOTSUP, "this kernel offers no carrier check");
    }
    return run_once(impl_->programs.look.get(), 0, 0);
}

std::uint64_t DataPath::watch_runs() const {
    const std::uint32_t key = 0;
    xb_watch watch{};
    return bpf_map_lookup_elem(impl_->maps.fd(XB_MAP_WATCH), &key, &watch) == 0 ? watch.runs : 0;
}

void DataPath::set_lease(Time until) { impl_->table.set_lease(static_cast<std::uint64_t>(until.count())); }

bool DataPath::latched(SlotId slot) const { return check_slot(slot) && impl_->table.latched(slot); }

void DataPath::clear_latch(SlotId slot) {
    if (check_slot(slot)) {
        impl_->table.clear_latch(slot);
    }
}

int DataPath::events_fd() const { return impl_->events.fd(); }

void DataPath::drain_events(const std::function<void(const xb_event &)> &handle,
                            const std::function<void(const xb_client &)> &displaced) {
    impl_->events.drain({handle, displaced});
}

Counters DataPath::counters() const {
    Counters counters{};
    std::vector<xb_counters> values(impl_->cpus);
    for (std::uint32_t entry = 0; entry < XB_STATS_ENTRIES; ++entry) {
        if (bpf_map_lookup_elem(impl_->maps.fd(XB_MAP_STATS), &entry, values.data()) != 0) {
            continue;
        }
        for (const xb_counters &value : values) {
            add(entry == XB_STATS_BOND ? counters.bond : counters.slot[entry], value);
        }
    }
    return counters;
}

CarrierCheck DataPath::carrier_check() const { return impl_->features.carrier; }

std::string_view DataPath::hook() const { return impl_->features.hook->name(); }

void DataPath::teardown() {
    const std::filesystem::path pin_dir = impl_->config.pin_dir;
    std::vector<std::uint32_t> devices{impl_->device_here(), impl_->config.peer_ifindex};
    for (unsigned slot = 0; slot < XB_MAX_SLAVES; ++slot) {
        if (const auto ifindex = impl_->table.slot_ifindex(static_cast<SlotId>(slot)); ifindex != 0) {
            devices.push_back(ifindex);
        }
        if (impl_->rx.at(slot)) {
            devices.push_back(impl_->rx.at(slot)->where().ifindex);
        }
    }
    for (const auto &port : impl_->port_table->port) {
        if (port.ifindex != 0) {
            devices.push_back(port.ifindex);
        }
    }
    impl_.reset();
    remove_pins(pin_dir, devices);
}

} // namespace xbond::loader
