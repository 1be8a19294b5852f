// SPDX-License-Identifier: MIT
// Network devices of the namespace that the calling thread is in.
#pragma once

#include <cstdint>
#include <string>

#include "common/fd.h"
#include "xbond/types.h"

namespace xbond::harness {

bool shell(const std::string &command); // whether it succeeded
void ip(const std::string &arguments);  // runs ip(8), throws when it fails

// By ioctl, which is quick; throws with the kernel's errno. Stays with the namespace in which it was made.
class Devices {
public:
    Devices();
    bool exists(const std::string &ifname) const;
    std::uint32_t ifindex(const std::string &ifname) const;
    MacAddr mac(const std::string &ifname) const;
    int mtu(const std::string &ifname) const;
    bool is_up(const std::string &ifname) const; // administratively
    void set_up(const std::string &ifname, bool up) const;

private:
    unsigned flags(const std::string &ifname) const;
    Fd control_;
};

std::uint32_t ifindex(const std::string &ifname);
MacAddr mac_of(const std::string &ifname);

std::uint32_t add_veth(const std::string &name, const std::string &peer); // both up; name's ifindex
inline std::uint32_t add_veth(const std::string &name) { return add_veth(name, name + "_p"); }

// Takes the carrier of `name` from it, or gives it back, by NAME_p.
void set_carrier(const std::string &name, bool on);

} // namespace xbond::harness
