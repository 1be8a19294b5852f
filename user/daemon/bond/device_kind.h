// SPDX-License-Identifier: MIT
// The kinds of network device that can be a bond's, behind one interface. A new kind is a file beside veth_device.cpp,
// a row in bond_device.cpp and the file's name in CMakeLists.txt: nothing else asks which kind it is. What takes a
// Netlink waits for RTNL: for hands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "user/sys/device/ethtool.h"
#include "user/sys/netlink.h"

namespace xbond::daemon {

// The two interfaces of a bond: the one the host uses, and the one whose ingress takes what skips the first one's
// egress hook.
struct DeviceEnds {
    std::uint32_t ifindex = 0;
    std::uint32_t peer = 0;
};

class DeviceKind {
public:
    virtual ~DeviceKind() = default;

    virtual std::string_view name() const = 0;

    // Makes both ends, the peer silent; nothing is left on error. EEXIST: a name is taken.
    // EOPNOTSUPP: this kernel has no such device, and the next kind is tried.
    virtual Result<DeviceEnds> create(sys::Netlink &, const std::string &name, MacAddr, std::uint32_t mtu) const = 0;

    // Whether a link is of the kind that create() makes for the host to use. It may still be somebody else's: only the
    // saved interface numbers tell that.
    virtual bool is_ours(const sys::LinkInfo &) const = 0;
    // Whether two links are the ends of one device of this kind.
    virtual bool is_pair(const sys::LinkInfo &bond, const sys::LinkInfo &peer) const = 0;

    // What tells the other end of a bond's device from anybody's: it is there from the request on that makes the
    // device, and changes when the bond is whole, that is in a state file.
    virtual Result<void> mark_whole(sys::Netlink &, DeviceEnds, const std::string &bond) const = 0;
    enum class Mark { none, being_made, whole };
    virtual Mark mark(const sys::LinkInfo &peer) const = 0;
    virtual std::string bond_of(const sys::LinkInfo &marked_peer) const = 0; // its name
    virtual std::string peer_name(const std::string &bond) const = 0;

    // Frames that other devices' XDP programs redirect to the bond come out at the peer, too.
    virtual Result<void> take_redirected(const sys::Ethtool &, DeviceEnds) const = 0;

    // What xb_xdp on a slave redirects to the peer comes out at the bond's device. It stays so: to end it would lose
    // frames that are on their way.
    virtual Result<void> take_received(const sys::Ethtool &, DeviceEnds) const = 0;

    virtual bool carrier(const sys::LinkInfo &bond, const sys::LinkInfo &peer) const = 0;
    virtual Result<void> set_carrier(sys::Netlink &, DeviceEnds, bool on) const = 0;
};

} // namespace xbond::daemon
