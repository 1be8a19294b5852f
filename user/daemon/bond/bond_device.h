// SPDX-License-Identifier: MIT
// The bond's network device, of one of the kinds of device_kind.h. What creates, recognises, feeds and reads the device
// goes through here. A value: hands work on a copy.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "user/daemon/bond/device_kind.h"
#include "user/daemon/elsewhere/other_netns.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

class BondDevice {
public:
    BondDevice() = default; // none yet
    // Of the best kind that the kernel has. Down, without carrier. EEXIST if a name is taken.
    static Result<BondDevice> create(sys::Netlink &, const std::string &name, MacAddr, std::uint32_t mtu);
    // Finds a device made earlier, of whichever kind; ENODEV when it is not (or no longer) ours.
    static Result<BondDevice> adopt(const LinkTable &, const std::string &name, std::uint32_t ifindex,
                                    std::uint32_t peer);
    static Result<BondDevice> of_pair(const sys::LinkInfo &bond, const sys::LinkInfo &peer); // ENODEV: they are none
    // The bonds' devices in a namespace, by their marks.
    struct Marked {
        std::string name;
        DeviceEnds ends;    // without an ifindex: that end is in another network namespace
        bool whole = false; // else whoever made it died meanwhile
    };
    static std::vector<Marked> find_marked(const std::map<std::uint32_t, sys::LinkInfo> &links);
    // Whether two links are the ends of one device of a kind that create() makes.
    static bool are_pair(const sys::LinkInfo &bond, const sys::LinkInfo &peer);

    // Of one whose bond's end is in another network namespace on purpose: looks for that, and into it. Waits for RTNL.
    static Result<BondDevice> find_elsewhere(sys::Netlink &home, const std::string &bond, std::uint32_t peer, Abode);

    std::uint32_t ifindex() const { return ends_.ifindex; } // in the network namespace that it is in
    std::uint32_t peer() const { return ends_.peer; }       // always in this one
    std::uint32_t here() const { return elsewhere_ || leaving_ ? 0 : ends_.ifindex; }
    const std::shared_ptr<OtherNetns> &elsewhere() const { return elsewhere_; } // none: in this one
    // What stands on it, and its addresses: where it is.
    const LinkTable &links(const Host &host) const { return elsewhere_ ? elsewhere_->links : host.links; }
    // It is about to be moved: neither here nor there.
    void leaving(bool is) { leaving_ = is; }
    bool is_here() const { return here() != 0; }

    // What somebody has moved into another network namespace comes back under its number: true, the device is whole.
    // Waits for RTNL, and looks for that namespace.
    static bool bring_home(sys::Netlink &, DeviceEnds, const std::string &bond);

    // Somebody else may have set it; what is wanted is set again.
    void carrier_is(bool on) { *carrier_ = on; }
    // By hands. A kernel that cannot (before 5.13) drops those frames.
    void take_redirected_soon(Hands &) const;
    // By hands; what it is now set to counts at once.
    void set_carrier_soon(Hands &, bool on, std::function<void(const Error &)> failed);

    // -- for hands, with their netlink --
    Result<void> set_carrier(sys::Netlink &, bool on) const;
    Result<void> take_received(const sys::Ethtool &) const; // see DeviceKind; only while it is here
    // By a netlink socket where the device is.
    Result<void> at_device(sys::Netlink &home, const std::function<Result<void>(sys::Netlink &)> &) const;
    Result<sys::LinkInfo> look(sys::Netlink &home) const;
    Result<void> set_mac(sys::Netlink &, MacAddr) const;
    Result<void> set_mtu(sys::Netlink &, std::uint32_t) const;      // both ends
    Result<void> set_peer_mtu(sys::Netlink &, std::uint32_t) const; // bond0 was already changed by somebody
    Result<void> set_up(sys::Netlink &, bool up) const;
    Result<void> mark_whole(sys::Netlink &, const std::string &bond) const;  // when a state file names it
    Result<void> rename_peer(sys::Netlink &, const std::string &bond) const; // after the device itself
    Result<void> destroy(sys::Netlink &) const;
    Result<void> end_stray(sys::Netlink &there) const; // whose other end was taken away

private:
    BondDevice(const DeviceKind &kind, DeviceEnds ends) : kind_(&kind), ends_(ends) {}

    const DeviceKind *kind_ = nullptr;
    DeviceEnds ends_;
    std::shared_ptr<OtherNetns> elsewhere_;
    bool leaving_ = false;
    std::shared_ptr<std::optional<bool>> carrier_ = std::make_shared<std::optional<bool>>(); // as last set
};

} // namespace xbond::daemon
