// SPDX-License-Identifier: MIT
#include "user/daemon/bond/bond_device.h"

#include <algorithm>
#include <array>
#include <span>

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

Result<BondDevice> BondDevice::create(Host &host, const std::string &name, MacAddr mac, std::uint32_t mtu) {
    Result<BondDevice> device = fail(EOPNOTSUPP, "no kind of device for " + name);
    for (const DeviceKind *kind : kinds()) {
        const auto ends = kind->create(host, name, mac, mtu);
        if (ends) {
            device = BondDevice(host, *kind, *ends);
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
    if (auto off = device->set_carrier(false); !off) {
        (void)device->destroy();
        return tl::unexpected(off.error());
    }
    return device;
}

Result<BondDevice> BondDevice::adopt(Host &host, const std::string &name, std::uint32_t ifindex, std::uint32_t peer) {
    const auto *near = host.links.find(ifindex);
    const auto *far = host.links.find(peer);
    if (near != nullptr && far != nullptr) {
        for (const DeviceKind *kind : kinds()) {
            if (kind->is_pair(*near, *far)) {
                BondDevice device(host, *kind, {ifindex, peer});
                *device.carrier_ = kind->carrier(*near, *far);
                return device;
            }
        }
    }
    return fail(ENODEV, "the device of " + name + " (interface " + std::to_string(ifindex) +
                            " and its peer) is no longer there");
}

bool BondDevice::is_ours(const sys::LinkInfo &link) {
    return std::ranges::any_of(kinds(), [&link](const DeviceKind *kind) { return kind->is_ours(link); });
}

Result<void> BondDevice::set_carrier(bool on) {
    if (*carrier_ == on) {
        return {};
    }
    auto done = kind_->set_carrier(host_->netlink, ends_, on);
    if (done) {
        *carrier_ = on;
    }
    return done;
}

void BondDevice::set_carrier_soon(bool on, std::function<void(const Error &)> failed) {
    if (*carrier_ == on) {
        return;
    }
    *carrier_ = on;
    host_->hands.run(
        [kind = kind_, ends = ends_, on, state = carrier_,
         failed = std::move(failed)](Hands::Tools &tools) -> Hands::Then {
            auto done = kind->set_carrier(tools.netlink, ends, on);
            if (done) {
                return {};
            }
            return [state, failed, error = done.error()] {
                state->reset(); // tried again at the next occasion
                failed(error);
            };
        },
        "carrier of the bond");
}

Result<void> BondDevice::set_mac(MacAddr mac) { return host_->netlink.set_mac(ends_.ifindex, mac); }

Result<void> BondDevice::set_mtu(std::uint32_t mtu) {
    return host_->netlink.set_mtu(ends_.ifindex, mtu).and_then([&] { return set_peer_mtu(mtu); });
}

Result<void> BondDevice::set_peer_mtu(std::uint32_t mtu) { return host_->netlink.set_mtu(ends_.peer, mtu); }

Result<void> BondDevice::set_up(bool up) { return host_->netlink.set_up(ends_.ifindex, up); }

Result<void> BondDevice::destroy() { return host_->netlink.delete_link(ends_.ifindex); }

} // namespace xbond::daemon
