// SPDX-License-Identifier: MIT
// Ports: xb_port on a device's ingress and xb_fwd in its XDP, both pinned or held by the device, and the table that
// makes it a port. A device that has the programs and is not in the table is an ordinary one.
#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cstring>
#include <linux/if_link.h>

#include "loader/bpf_calls.h"
#include "loader/datapath_impl.h"
#include "loader/pins.h"
#include "loader/xdp/attach.h"
#include "loader/xdp/takes.h"

namespace xbond::loader {
namespace {

using Attached = XdpState::Attached;

template <typename T> T load(const T &value) { return __atomic_load_n(&value, __ATOMIC_ACQUIRE); }
template <typename T> void store(T &place, T value) { __atomic_store_n(&place, value, __ATOMIC_RELEASE); }

std::vector<XdpState> wanted_on_port(XdpPolicy policy) {
    switch (policy) {
    case XdpPolicy::native:
        return {{Attached::native, "xdp native"}};
    case XdpPolicy::generic:
        return {{Attached::generic, "xdp generic"}};
    case XdpPolicy::off:
        return {{Attached::none, "xdp off"}};
    case XdpPolicy::automatic:
        break;
    }
    return {{Attached::native, "xdp auto"}, {Attached::generic, "xdp auto, the driver takes no native XDP"}};
}

} // namespace

HookPlace DataPath::Impl::port_place(std::uint32_t number, std::uint32_t ifindex) const {
    return {{ifindex, Direction::ingress}, config.pin_dir, "port_" + std::to_string(number)};
}

// As the programs look for it: from the place that the index names on.
Result<std::uint32_t> DataPath::Impl::number_for(std::uint32_t ifindex) const {
    std::optional<std::uint32_t> free;
    for (std::uint32_t i = 0; i < XB_PORTS; ++i) {
        const std::uint32_t number = (ifindex + i) % XB_PORTS;
        const std::uint32_t there = load(port_table->port[number].ifindex);
        if (there == ifindex) {
            return number;
        }
        if (there == 0 && !free) {
            free = number;
        }
    }
    if (!free) {
        return fail(ENOSPC, "a bond has at most " + std::to_string(XB_PORTS) + " ports");
    }
    return *free;
}

void DataPath::Impl::adopt_ports() {
    for (std::uint32_t number = 0; number < XB_PORTS; ++number) {
        const std::uint32_t ifindex = load(port_table->port[number].ifindex);
        if (ifindex == 0) {
            remove_pin(config.pin_dir / port_place(number, 0).name); // its controller ended before it was one
            continue;
        }
        if (auto hook = features.hook->adopt(port_place(number, ifindex), map_id(maps.fd(XB_MAP_TABLE)))) {
            port_hooks.at(number) = std::move(*hook);
        }
    }
    drop_complaints();
}

Result<void> DataPath::Impl::load_port_program() {
    if (programs.port) {
        return {};
    }
    XB_TRY(loaded, load_programs(std::array{ObjectKind::port}, make_config(config, set), features.carrier, maps));
    XB_TRY_VOID(replace_pin(loaded->port.get(), config.pin_dir / "xb_port"));
    programs.port = std::move(loaded->port);
    return {};
}

Result<XdpState> DataPath::Impl::set_port_xdp(const Port &port) {
    const IsOurs ours = [this](std::uint32_t id) { return is_ours(id); };
    OnDevice there = find_xdp(port.ifindex, ours);
    if (!features.af_xdp) {
        return XdpState{Attached::none, "this kernel has no AF_XDP"};
    }
    if (port.xdp == XdpPolicy::automatic && there.attached != Attached::none) { // what was possible then still runs
        return wanted_on_port(port.xdp).at(there.attached == Attached::native ? 0 : 1);
    }
    Error refused;
    std::string why;
    for (const XdpState &wanted : wanted_on_port(port.xdp)) {
        if (there.attached == wanted.attached) {
            return wanted;
        }
        XB_TRY_VOID(detach_xdp(port.ifindex, ours));
        there = {};
        if (wanted.attached == Attached::none) {
            return wanted;
        }
        auto attached = attach_xdp(port.ifindex, wanted.attached, ObjectKind::fwd, make_config(config, set), maps,
                                   features.carrier);
        if (attached) {
            return XdpState{wanted.attached, wanted.why + (why.empty() ? "" : ": " + why)};
        }
        refused = std::move(attached.error());
        why = refused.message;
        if (refused.code == EBUSY) { // somebody else's program is there, whatever the mode
            return tl::unexpected(std::move(refused));
        }
    }
    if (port.xdp != XdpPolicy::automatic) {
        return tl::unexpected(std::move(refused));
    }
    return XdpState{Attached::none, "xdp auto; refused: " + why};
}

// All that was learned, or said, of the port.
void DataPath::Impl::forget_addresses(std::uint32_t number) {
    const int map = maps.fd(XB_MAP_PORT_MACS);
    std::vector<xb_port_key> gone;
    xb_port_key key{}, next{};
    const xb_port_key *from = nullptr;
    for (unsigned i = 0; i < 2 * XB_PORT_MACS && bpf_map_get_next_key(map, from, &next) == 0; ++i) {
        xb_port_at at{};
        if (bpf_map_lookup_elem(map, &next, &at) == 0 && at.port == number) {
            gone.push_back(next);
        }
        key = next;
        from = &key;
    }
    for (const auto &address : gone) {
        (void)bpf_map_delete_elem(map, &address);
    }
    store(port_table->port[number].heard, std::uint16_t{0});
}

// The interface index last: that makes it a port.
void DataPath::Impl::write_port(std::uint32_t number, const Port &port, bool unsummed) {
    xb_port &place = port_table->port[number];
    xb_port wanted{};
    wanted.ifindex = port.ifindex;
    wanted.vlan = port.vlan;
    wanted.flags = (port.mac ? std::uint32_t{XB_PORT_MAC} : 0U) | (unsummed ? std::uint32_t{XB_PORT_UNSUMMED} : 0U);
    if (port.mac) {
        std::ranges::copy(port.mac->bytes, wanted.mac);
    }
    std::ranges::copy(port.own.bytes, wanted.own);
    wanted.heard = load(place.heard);
    if (std::memcmp(&place, &wanted, sizeof(wanted)) == 0) {
        return;
    }
    store(place.ifindex, std::uint32_t{0});
    forget_addresses(number);
    const std::vector<xb_port_counters> nothing(cpus);
    (void)bpf_map_update_elem(maps.fd(XB_MAP_PORT_STATS), &number, nothing.data(), BPF_ANY);
    wanted.ifindex = 0;
    wanted.heard = 0;
    place = wanted;
    if (port.mac) {
        xb_port_key key{};
        std::ranges::copy(port.mac->bytes, key.mac);
        key.vlan = port.vlan;
        const xb_port_at at{number, 1};
        (void)bpf_map_update_elem(maps.fd(XB_MAP_PORT_MACS), &key, &at, BPF_ANY);
    }
    store(place.ifindex, port.ifindex);
    store(port_table->n, std::max(load(port_table->n), number + 1));
}

Result<XdpState> DataPath::set_port(const Port &port) {
    Impl &impl = *impl_;
    drop_complaints();
    XB_TRY(number, impl.number_for(port.ifindex));
    XB_TRY_VOID(impl.load_port_program());
    XB_TRY(xdp, impl.set_port_xdp(port));
    auto &hook = impl.port_hooks.at(*number);
    if (!hook || hook->where().ifindex != port.ifindex || hook->prog_id() == 0) {
        if (hook) {
            hook->detach();
        }
        hook.reset();
        auto attached = impl.features.hook->attach(impl.port_place(*number, port.ifindex), impl.programs.port.get());
        if (!attached) {
            (void)detach_xdp(port.ifindex, [&impl](std::uint32_t id) { return impl.is_ours(id); });
            return tl::unexpected(attached.error());
        }
        hook = std::move(*attached);
    }
    impl.port_xdp.at(*number) = port.xdp;
    impl.had_xdp.at(*number) = xdp->attached != Attached::none;
    impl.look_at_capabilities();
    impl.write_port(*number, port, xdp->attached == Attached::native && is_veth(port.ifindex));
    impl.look_at_capabilities();
    return *xdp;
}

void DataPath::forget_port(std::uint32_t ifindex) {
    const auto number = impl_->number_for(ifindex);
    if (!number || load(impl_->port_table->port[*number].ifindex) != ifindex) {
        return;
    }
    store(impl_->port_table->port[*number].ifindex, std::uint32_t{0});
    impl_->forget_addresses(*number);
    if (const int out = impl_->maps.fd(XB_MAP_PORT_OUT); out >= 0) {
        (void)bpf_map_delete_elem(out, &*number);
    }
}

void DataPath::end_port(std::uint32_t ifindex) {
    forget_port(ifindex);
    (void)detach_xdp(ifindex, [this](std::uint32_t id) { return impl_->is_ours(id); });
    for (auto &hook : impl_->port_hooks) {
        if (hook && (hook->where().ifindex == ifindex || hook->where().ifindex == 0)) {
            hook->detach();
            hook.reset();
        }
    }
    drop_complaints();
}

void DataPath::end_moved_port(std::uint32_t before, std::uint32_t now) {
    (void)detach_xdp(now, [this](std::uint32_t id) { return impl_->is_ours(id); });
    for (auto &hook : impl_->port_hooks) {
        if (before == now && hook && hook->where().ifindex == now) {
            hook->detach();
            hook.reset();
        }
    }
    drop_complaints();
}

std::vector<std::uint32_t> DataPath::port_devices() const {
    std::vector<std::uint32_t> devices;
    for (const auto &port : impl_->port_table->port) {
        if (const std::uint32_t ifindex = load(port.ifindex); ifindex != 0) {
            devices.push_back(ifindex);
        }
    }
    return devices;
}

std::vector<PortState> DataPath::port_states() const {
    std::vector<PortState> states;
    std::vector<xb_port_counters> values(impl_->cpus);
    for (std::uint32_t number = 0; number < XB_PORTS; ++number) {
        const xb_port &port = impl_->port_table->port[number];
        PortState state{.ifindex = load(port.ifindex), .heard = load(port.heard)};
        if (state.ifindex == 0) {
            continue;
        }
        if (bpf_map_lookup_elem(impl_->maps.fd(XB_MAP_PORT_STATS), &number, values.data()) == 0) {
            for (const auto &value : values) {
                state.counters.rx_packets += value.rx_packets;
                state.counters.rx_bytes += value.rx_bytes;
                state.counters.tx_packets += value.tx_packets;
                state.counters.tx_bytes += value.tx_bytes;
                state.counters.dropped += value.dropped;
            }
        }
        std::uint32_t taken = 0;
        const int out = impl_->maps.fd(XB_MAP_PORT_OUT);
        state.takes_xdp = out >= 0 && bpf_map_lookup_elem(out, &number, &taken) == 0 && taken == state.ifindex;
        states.push_back(state);
    }
    return states;
}

std::vector<DataPath::PortAddress> DataPath::port_addresses() const {
    std::vector<PortAddress> all;
    xb_port_key key{}, next{};
    const xb_port_key *from = nullptr;
    for (unsigned i = 0; i < XB_PORT_MACS && bpf_map_get_next_key(impl_->maps.fd(XB_MAP_PORT_MACS), from, &next) == 0;
         ++i) {
        PortAddress &address = all.emplace_back();
        std::ranges::copy(next.mac, address.mac.bytes.begin());
        address.vlan = next.vlan;
        key = next;
        from = &key;
    }
    return all;
}

bool DataPath::forwards_by_xdp() const { return (load(impl_->port_table->flags) & XB_PORTS_XDP) != 0; }

// A port with too many addresses to learn forgets them: those at work come back with their next frame.
void DataPath::Impl::look_at_capabilities() {
    const auto count =
        std::ranges::count_if(port_table->port, [](const xb_port &port) { return load(port.ifindex) != 0; });
    bool everyone = true, any = false;
    std::uint32_t unsummed = 0;
    for (unsigned slot = 0; slot < XB_MAX_SLAVES; ++slot) {
        if (const auto ifindex = table.slot_ifindex(static_cast<SlotId>(slot)); ifindex != 0) {
            any = true;
            everyone = everyone && takes_redirected(ifindex);
            LIBBPF_OPTS(bpf_xdp_query_opts, there);
            if (is_veth(ifindex) && bpf_xdp_query(static_cast<int>(ifindex), 0, &there) == 0 &&
                there.attach_mode == XDP_ATTACHED_DRV) {
                unsummed |= 1U << slot;
            }
        }
    }
    store(port_table->unsummed, unsummed);
    store(port_table->flags,
          (any && everyone ? std::uint32_t{XB_PORTS_XDP} : 0U) | (count > 1 ? std::uint32_t{XB_PORTS_SEVERAL} : 0U));
    const int devmap = maps.fd(XB_MAP_PORT_OUT);
    for (std::uint32_t number = 0; number < XB_PORTS; ++number) {
        const std::uint32_t ifindex = load(port_table->port[number].ifindex);
        if (ifindex != 0 && load(port_table->port[number].heard) >= XB_PORT_HEARD) {
            forget_addresses(number);
        }
        if (devmap < 0) {
            continue;
        }
        std::uint32_t now = 0;
        (void)bpf_map_lookup_elem(devmap, &number, &now);
        const std::uint32_t wanted = ifindex != 0 && takes_redirected(ifindex) ? ifindex : 0;
        if (now != wanted) {
            (void)(wanted != 0 ? bpf_map_update_elem(devmap, &number, &wanted, BPF_ANY)
                               : bpf_map_delete_elem(devmap, &number));
        }
    }
}

std::vector<std::string> DataPath::look_at_ports() {
    std::vector<std::string> told;
    if (port_devices().empty()) {
        return told;
    }
    impl_->look_at_capabilities();
    for (std::uint32_t number = 0; number < XB_PORTS; ++number) {
        const std::uint32_t ifindex = load(impl_->port_table->port[number].ifindex);
        std::uint32_t there = 0;
        if (ifindex == 0 || impl_->port_xdp.at(number) == XdpPolicy::off || !impl_->had_xdp.at(number) ||
            bpf_xdp_query_id(static_cast<int>(ifindex), 0, &there) != 0 || there != 0) {
            continue;
        }
        const auto put_back = impl_->set_port_xdp({.ifindex = ifindex, .xdp = impl_->port_xdp.at(number)});
        const auto where = describe({ifindex, Direction::ingress});
        told.push_back(put_back ? "somebody took xb_fwd away from " + where + ": put back"
                                : "xb_fwd does not run on " + where + ": " + put_back.error().message);
    }
    drop_complaints();
    return told;
}

} // namespace xbond::loader
