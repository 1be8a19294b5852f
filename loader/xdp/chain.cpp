// SPDX-License-Identifier: MIT
// xb_xdp on the slaves, and somebody's program behind it: a slot of a program array, which the kernel swaps in one step
// for all of them. The array is pinned, or the kernel would empty it with the last controller. What is in it counts:
// whatever a state file says, that is what runs.
#include <algorithm>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "loader/blueprint.h"
#include "loader/bpf_calls.h"
#include "loader/datapath_impl.h"
#include "loader/pins.h"
#include "loader/xdp/array.h"
#include "loader/xdp/attach.h"
#include "loader/xdp/drivers.h"

namespace xbond::loader {
namespace {

using Attached = XdpState::Attached;

constexpr const char *program_pin = "xb_chained";

std::string_view chain_map(bool frags) { return frags ? XB_MAP_CHAIN_FRAGS : XB_MAP_CHAIN; }
ObjectKind xdp_kind(bool frags) { return frags ? ObjectKind::xdp_frags : ObjectKind::xdp; }

// What a policy asks for on a driver, and why: the first that the driver takes.
std::vector<XdpState> wanted_xdp(const DataPath::XdpSlave &slave, bool chained) {
    switch (slave.policy) {
    case XdpPolicy::native:
        return {{Attached::native, "xdp native"}};
    case XdpPolicy::generic:
        return {{Attached::generic, "xdp generic"}};
    case XdpPolicy::off:
        return {{Attached::none, "xdp off"}};
    case XdpPolicy::automatic:
        break;
    }
    if (chained || slave.needed) {
        const std::string why = chained ? "xdp auto, a program is chained" : "xdp auto, for the rules of xsk_allow";
        return {{Attached::native, why},
                {Attached::generic, why + "; driver " + slave.driver + " takes no native XDP"}};
    }
    if (slave.ports || slave.receive) {
        const std::string what = slave.ports ? "the bond's ports" : "receive xdp";
        return {{Attached::native, "xdp auto, for " + what},
                {Attached::none, "xdp auto, driver " + slave.driver + " takes no native XDP: frames for " +
                                     (slave.ports ? "ports" : "the bond") + " pass TC"}};
    }
    const XdpDriverRule &rule = xdp_rule(slave.driver);
    return {{rule.native ? Attached::native : Attached::none,
             "xdp auto, driver " + slave.driver + ": " + std::string(rule.reason)}};
}

std::uint32_t program_in(int map) {
    const std::uint32_t key = 0;
    std::uint32_t id = 0;
    return map >= 0 && bpf_map_lookup_elem(map, &key, &id) == 0 ? id : 0;
}

// Without what the verifier said.
std::string brief(const Error &error) { return error.message.substr(0, error.message.find_first_of(";\n")); }

void empty(int map) {
    const std::uint32_t key = 0;
    if (map >= 0) {
        (void)bpf_map_delete_elem(map, &key);
    }
}

} // namespace

// A controller may have died between one kind and the other: the pin says where it came from.
void DataPath::Impl::adopt_chained() {
    const auto pinned = open_pin(config.pin_dir / program_pin);
    const auto wanted = pinned ? program_info(pinned->get()) : fail(ENOENT, "no pin");
    for (const bool frags : {true, false}) {
        const std::uint32_t id = program_in(maps.fd(chain_map(frags)));
        if (id == 0 || (chained && !(wanted && wanted->id == id))) {
            continue;
        }
        const auto info = program_info_by_id(id);
        chained =
            ChainedProgram{id, info ? info->name : "", frags, info ? info->map_ids : std::vector<std::uint32_t>{}};
    }
    table.set_chained(chained.has_value());
    drop_complaints();
}

Result<void> DataPath::Impl::make_chain_map(bool frags) {
    const std::string_view name = chain_map(frags);
    if (maps.fd(name) >= 0) {
        return {};
    }
    XB_TRY(blueprint, Blueprint::of(xdp_kind(frags), CarrierCheck::none));
    XB_TRY_VOID((*blueprint)->make_maps(maps));
    return replace_pin(maps.fd(name), config.pin_dir / name);
}

// An array that a revision before made takes nothing that is chained now. Empty, it is replaced, and so is xb_xdp on
// the slaves, which uses it.
Result<void> DataPath::Impl::renew_chain_map(bool frags) {
    const std::string_view name = chain_map(frags);
    XB_TRY_VOID(make_chain_map(frags));
    XB_TRY(type, attach_type_of(maps.fd(name), frags));
    if (*type == as_nothing) {
        return {};
    }
    if (program_in(maps.fd(name)) != 0) {
        return fail(EBUSY, "an earlier revision of xbond has chained the program that is there: detach it first");
    }
    maps.add(name, Fd());
    XB_TRY_VOID(make_chain_map(frags));
    XB_TRY_VOID(attach_type_of(maps.fd(name), frags));
    return {};
}

Result<void> DataPath::Impl::fill_chain(int prog_fd, bool frags) {
    XB_TRY_VOID(renew_chain_map(frags));
    const int map = maps.fd(chain_map(frags));
    const std::uint32_t key = 0;
    if (bpf_map_update_elem(map, &key, &prog_fd, BPF_ANY) != 0) {
        return kernel_error(errno, errno == EINVAL
                                       ? "the kernel lets xb_xdp not call this program: it has another type "
                                         "than XDP, other rules for fragments, or is bound to a device"
                                       : "cannot chain the program");
    }
    return {};
}

// A program of a revision that knows no rules, or no ports, will not do where there are some.
Result<void> DataPath::Impl::place_xdp(const XdpSlave &slave, Attached wanted) {
    const std::uint32_t ifindex = slave.ifindex;
    const IsOurs ours = [this](std::uint32_t id) { return is_ours(id); };
    const bool frags = chained && chained->frags;
    const auto serves = [&](std::uint32_t prog_id) {
        return (!chained || uses(prog_id, chain_map(frags))) && (!slave.needed || uses(prog_id, XB_MAP_XSK_RULES)) &&
               (!slave.ports || uses(prog_id, XB_MAP_PORT_OUT)) && (!slave.receive || uses(prog_id, XB_MAP_ENTER));
    };
    const OnDevice before = find_xdp(ifindex, ours);
    const bool stays = before.attached == wanted;
    if (stays && (wanted == Attached::none || serves(before.prog_id))) {
        return {};
    }
    const xb_config frozen = make_config(config, set);
    if (stays && before.alone) {
        return replace_xdp(ifindex, before, xdp_kind(frags), frozen, maps);
    }
    // The kernel refuses native and generic at once. In between, xb_rx does all of xb_xdp's work.
    XB_TRY_VOID(detach_xdp(ifindex, ours));
    if (wanted == Attached::none) {
        return {};
    }
    auto attached = attach_xdp(ifindex, wanted, xdp_kind(frags), frozen, maps);
    if (!attached && before.attached != Attached::none) {
        (void)attach_xdp(ifindex, before.attached, xdp_kind(frags), frozen, maps);
    }
    return attached;
}

Result<XdpState> DataPath::Impl::set_xdp(const XdpSlave &slave) {
    XdpSlave asked = slave;
    asked.receive = slave.receive && cannot_receive(slave).empty(); // else xb_xdp is not attached for that
    XB_TRY(state, attach_wanted(asked));
    let_receive(slave, *state);
    return *state;
}

Result<XdpState> DataPath::Impl::attach_wanted(const XdpSlave &slave) {
    const bool if_native = slave.ports || slave.receive;
    Error refused;
    const bool needed = slave.needed || chained;
    for (const XdpState &state : wanted_xdp(slave, chained.has_value())) {
        auto placed = place_xdp(slave, state.attached);
        if (placed) {
            return refused.message.empty() ? state : XdpState{state.attached, state.why + " (" + brief(refused) + ")"};
        }
        refused = std::move(placed.error());
        if (slave.policy == XdpPolicy::automatic && !needed && (!if_native || refused.code == EBUSY)) {
            return XdpState{Attached::none, state.why + "; refused: " + refused.message};
        }
        if (refused.code == EBUSY) { // somebody else's program is there, whatever the mode
            break;
        }
    }
    return tl::unexpected(std::move(refused));
}

Result<std::vector<XdpState>> DataPath::Impl::set_xdp_on_all(std::span<const XdpSlave> slaves) {
    std::vector<XdpState> states;
    for (const auto &slave : slaves) {
        XB_TRY(state, set_xdp(slave));
        states.push_back(std::move(*state));
    }
    return states;
}

Result<std::vector<XdpState>> DataPath::chain(int prog_fd, bool frags, std::span<const XdpSlave> slaves) {
    drop_complaints();
    XB_TRY(info, program_info(prog_fd));
    if (info->type != BPF_PROG_TYPE_XDP) {
        return fail(EINVAL, "'" + info->name + "' is no XDP program");
    }
    if (std::ranges::find(slaves, XdpPolicy::off, &XdpSlave::policy) != slaves.end()) {
        return fail(EBUSY, "the bond's option xdp is off: no program runs there before it is set to auto");
    }
    Impl &impl = *impl_;
    const auto before = impl.chained;
    const Fd old(before ? bpf_prog_get_fd_by_id(before->id) : -1);
    impl.table.set_chained(true);
    if (auto filled = impl.fill_chain(prog_fd, frags); !filled) {
        impl.table.set_chained(before.has_value());
        return tl::unexpected(std::move(filled.error()));
    }
    impl.chained = ChainedProgram{info->id, info->name, frags, info->map_ids};
    auto states = impl.set_xdp_on_all(slaves);
    if (!states) {
        impl.chained = before;
        if (before && before->frags == frags) {
            (void)impl.fill_chain(old.get(), frags);
        }
        for (const auto &slave : slaves) {
            (void)impl.set_xdp(slave);
        }
        if (!before || before->frags != frags) {
            empty(impl.maps.fd(chain_map(frags)));
        }
        impl.table.set_chained(before.has_value());
        return states;
    }
    (void)replace_pin(prog_fd, impl.config.pin_dir / program_pin);
    empty(impl.maps.fd(chain_map(!frags)));
    return states;
}

std::vector<Result<XdpState>> DataPath::unchain(std::span<const XdpSlave> slaves) {
    drop_complaints();
    for (const bool frags : {false, true}) {
        empty(impl_->maps.fd(chain_map(frags)));
    }
    impl_->table.set_chained(false);
    remove_pin(impl_->config.pin_dir / program_pin);
    impl_->chained.reset();
    std::vector<Result<XdpState>> states;
    for (const auto &slave : slaves) {
        states.push_back(impl_->set_xdp(slave));
    }
    return states;
}

std::vector<std::string> DataPath::mend_xdp(std::span<const XdpSlave> slaves) {
    std::vector<std::string> told;
    if (!impl_->chained) {
        return told;
    }
    drop_complaints();
    const IsOurs ours = [this](std::uint32_t id) { return impl_->is_ours(id); };
    for (const auto &slave : slaves) {
        if (find_xdp(slave.ifindex, ours).attached != Attached::none) {
            continue;
        }
        const auto put_back = impl_->set_xdp(slave);
        const auto where = describe({slave.ifindex, Direction::ingress});
        told.push_back(put_back ? "somebody took xb_xdp and the chained program away from " + where + ": put back"
                                : "the chained program does not run on " + where + ": " + put_back.error().message);
    }
    return told;
}

const std::optional<ChainedProgram> &DataPath::chained() const { return impl_->chained; }

} // namespace xbond::loader
