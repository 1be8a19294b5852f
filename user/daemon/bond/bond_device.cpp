// SPDX-License-Identifier: MIT
#include "user/daemon/bond/bond_device.h"

#include <algorithm>
#include <array>
#include <span>

#include "common/netns_cookie.h"
#include "user/sys/netns.h"

// The one list of the kinds of device, best first. Row `x` is defined in x_device.cpp, as the function `x_device`.
#define XB_DEVICE_KINDS(ROW) ROW(veth)

namespace xbond::daemon {

#define XB_DECLARE(kind) const DeviceKind &kind##_device();
XB_DEVICE_KINDS(XB_DECLARE)
#undef XB_DECLARE

namespace {

std::span<const DeviceKind *const> kinds() {
#define XB_ADDRESS(kind) &kind##_device(),
    static const std::array all{XB_DEVICE_KINDS(XB_ADDRESS)};
#undef XB_ADDRESS
    return all;
}

} // namespace

Result<BondDevice> BondDevice::create(sys::Netlink &netlink, const std::string &name, MacAddr mac, std::uint32_t mtu) {
    Result<BondDevice> device = fail(EOPNOTSUPP, "no kind of device for " + name);
    for (const DeviceKind *kind : kinds()) {
        const auto ends = kind->create(netlink, name, mac, mtu);
        if (ends) {
            device = BondDevice(*kind, *ends);
            break;
        }
        device = tl::unexpected(ends.error());
        if (ends.error().code != EOPNOTSUPP) {
            break;
        }
    }
    if (!device) {
        return device;
    }
    if (auto off = device->set_carrier(netlink, false); !off) {
        (void)device->destroy(netlink);
        return tl::unexpected(off.error());
    }
    *device->carrier_ = false;
    return device;
}

Result<BondDevice> BondDevice::adopt(const LinkTable &links, const std::string &name, std::uint32_t ifindex,
                                     std::uint32_t peer) {
    const auto *near = links.find(ifindex);
    const auto *far = links.find(peer);
    if (near != nullptr && far != nullptr) {
        if (auto device = of_pair(*near, *far)) {
            return device;
        }
    }
    const bool half = (near != nullptr && near->link_in_other_netns) || (far != nullptr && far->link_in_other_netns);
    return fail(
        ENODEV,
        "the device of " + name + " (interface " + std::to_string(ifindex) + " and its peer) is " +
            (half ? "half in another network namespace: move it back, or remove it by 'xbond link del " + name + "'"
                  : "no longer there"));
}

Result<BondDevice> BondDevice::of_pair(const sys::LinkInfo &bond, const sys::LinkInfo &peer) {
    for (const DeviceKind *kind : kinds()) {
        if (kind->is_pair(bond, peer)) {
            BondDevice device(*kind, {bond.ifindex, peer.ifindex});
            *device.carrier_ = kind->carrier(bond, peer);
            return device;
        }
    }
    return fail(ENODEV, bond.name + " and " + peer.name + " are not the ends of a bond's device");
}

std::vector<BondDevice::Marked> BondDevice::find_marked(const std::map<std::uint32_t, sys::LinkInfo> &links) {
    std::vector<Marked> found;
    for (const auto &[ifindex, far] : links) {
        for (const DeviceKind *kind : kinds()) {
            const auto mark = kind->mark(far);
            if (mark == DeviceKind::Mark::none) {
                continue;
            }
            const auto near = links.find(far.link);
            if (far.link_in_other_netns) {
                found.push_back({kind->bond_of(far), {0, ifindex}, mark == DeviceKind::Mark::whole});
            } else if (near != links.end() && kind->is_pair(near->second, far)) {
                found.push_back({near->second.name, {near->first, ifindex}, mark == DeviceKind::Mark::whole});
            }
        }
    }
    return found;
}

bool BondDevice::are_pair(const sys::LinkInfo &bond, const sys::LinkInfo &peer) {
    return std::ranges::any_of(kinds(), [&](const DeviceKind *kind) { return kind->is_pair(bond, peer); });
}

bool BondDevice::bring_home(sys::Netlink &netlink, DeviceEnds ends, const std::string &bond) {
    const auto near = netlink.link(ends.ifindex), far = netlink.link(ends.peer);
    if (near && far) {
        return are_pair(*near, *far);
    }
    if (!near && !far) {
        return false;
    }
    const sys::LinkInfo &here = near ? *near : *far;
    const auto kind = std::ranges::find_if(kinds(), [&](const DeviceKind *one) { return one->is_ours(here); });
    if (kind == kinds().end() || !here.link_in_other_netns) {
        return false;
    }
    const auto home = sys::own_netns();
    const auto there = sys::find_netns([&](int netns) {
        const auto id = netlink.nsid_of(netns);
        return id && *id == here.link_netnsid;
    });
    if (!home || !there) {
        return false;
    }
    const auto number = near ? ends.peer : ends.ifindex;
    const auto name = near ? (*kind)->peer_name(bond) : bond;
    const auto moved = sys::within_netns(there->get(), [&]() -> Result<void> {
        XB_TRY(inside, sys::Netlink::open());
        XB_TRY(device, inside->link(here.link));
        if (!(*kind)->is_ours(*device) || device->link != here.ifindex) {
            return fail(ENODEV, "another device");
        }
        return inside->move(device->ifindex, home->get(), name, number);
    });
    const auto back = netlink.link(number);
    return moved && back && (*kind)->is_ours(*back);
}

Result<BondDevice> BondDevice::find_elsewhere(sys::Netlink &home, const std::string &bond, std::uint32_t peer,
                                              Abode abode) {
    XB_TRY(far, home.link(peer));
    const auto kind = std::ranges::find_if(
        kinds(), [&](const DeviceKind *one) { return one->mark(*far) == DeviceKind::Mark::whole; });
    if (kind == kinds().end() || !far->link_in_other_netns) {
        return fail(ENODEV, "the other end of " + bond + "'s device is not that of one in another network namespace");
    }
    const OtherNetns seen(far->link_netnsid, {abode.name, 0, false});
    XB_TRY_VOID(seen.within(home, [&](sys::Netlink &inside) -> Result<void> {
        XB_TRY(near, inside.link(far->link));
        if (!(*kind)->is_ours(*near) || near->link != peer) {
            return fail(ENODEV, "interface " + std::to_string(far->link) + " in the network namespace of " + bond +
                                    "'s device is another one");
        }
        const auto cookie = netns_cookie();
        const bool same = abode.cookie == 0 || abode.cookie == cookie; // else somebody has moved it on
        abode = {same ? abode.name : "", cookie, false};
        return {};
    }));
    BondDevice device(**kind, {far->link, peer});
    device.elsewhere_ = std::make_shared<OtherNetns>(far->link_netnsid, std::move(abode));
    *device.carrier_ = (*kind)->carrier({}, *far);
    return device;
}

Result<void> BondDevice::at_device(sys::Netlink &home, const std::function<Result<void>(sys::Netlink &)> &body) const {
    return elsewhere_ ? elsewhere_->within(home, body) : body(home);
}

Result<sys::LinkInfo> BondDevice::look(sys::Netlink &home) const {
    sys::LinkInfo seen;
    XB_TRY_VOID(at_device(home, [&](sys::Netlink &netlink) {
        return netlink.link(ends_.ifindex).map([&](sys::LinkInfo &&link) { seen = std::move(link); });
    }));
    return seen;
}

void BondDevice::take_redirected_soon(Hands &hands) const {
    hands.run(
        [kind = kind_, ends = ends_](Hands::Tools &tools) -> Hands::Then {
            (void)kind->take_redirected(tools.ethtool, ends);
            return {};
        },
        "redirected frames");
}

Result<void> BondDevice::take_received(const sys::Ethtool &ethtool) const {
    return kind_->take_received(ethtool, ends_);
}

void BondDevice::set_carrier_soon(Hands &hands, bool on, std::function<void(const Error &)> failed) {
    if (*carrier_ == on) {
        return;
    }
    *carrier_ = on;
    hands.run(
        [device = *this, on, failed = std::move(failed)](Hands::Tools &tools) -> Hands::Then {
            auto done = device.set_carrier(tools.netlink, on);
            if (done) {
                return {};
            }
            return [state = device.carrier_, failed, error = done.error()] {
                state->reset(); // tried again at the next occasion
                failed(error);
            };
        },
        "carrier of the bond");
}

Result<void> BondDevice::set_carrier(sys::Netlink &netlink, bool on) const {
    return kind_->set_carrier(netlink, ends_, on);
}

Result<void> BondDevice::set_mac(sys::Netlink &netlink, MacAddr mac) const {
    return at_device(netlink, [&](sys::Netlink &there) { return there.set_mac(ends_.ifindex, mac); });
}

Result<void> BondDevice::set_mtu(sys::Netlink &netlink, std::uint32_t mtu) const {
    return at_device(netlink, [&](sys::Netlink &there) { return there.set_mtu(ends_.ifindex, mtu); }).and_then([&] {
        return set_peer_mtu(netlink, mtu);
    });
}

Result<void> BondDevice::set_peer_mtu(sys::Netlink &netlink, std::uint32_t mtu) const {
    return netlink.set_mtu(ends_.peer, mtu);
}

Result<void> BondDevice::set_up(sys::Netlink &netlink, bool up) const {
    return at_device(netlink, [&](sys::Netlink &there) { return there.set_up(ends_.ifindex, up); });
}

Result<void> BondDevice::mark_whole(sys::Netlink &netlink, const std::string &bond) const {
    return kind_->mark_whole(netlink, ends_, bond);
}

Result<void> BondDevice::rename_peer(sys::Netlink &netlink, const std::string &bond) const {
    return netlink.set_name(ends_.peer, kind_->peer_name(bond));
}

Result<void> BondDevice::end_stray(sys::Netlink &there) const {
    XB_TRY(link, there.link(ends_.ifindex));
    return kind_->is_ours(*link) && link->link == ends_.peer ? there.delete_link(ends_.ifindex) : Result<void>{};
}

// By its other end, where it is in another network namespace.
Result<void> BondDevice::destroy(sys::Netlink &netlink) const {
    if (elsewhere_) {
        return netlink.delete_link(ends_.peer);
    }
    auto done = netlink.delete_link(ends_.ifindex);
    if (!done) { // once more: nobody comes back to it
        done = netlink.delete_link(ends_.ifindex);
    }
    if (!done && done.error().code == ENODEV) {
        const auto far = netlink.link(ends_.peer);
        if (far && kind_->mark(*far) != DeviceKind::Mark::none) {
            return netlink.delete_link(ends_.peer);
        }
    }
    return done;
}

} // namespace xbond::daemon
