// SPDX-License-Identifier: MIT
#include "tests/harness/device.h"

#include <cstdlib>
#include <cstring>
#include <net/if.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/harness/throw_errno.h"

namespace xbond::harness {
namespace {

ifreq ask(const Fd &control, unsigned long what, const std::string &ifname, const char *about) {
    ifreq request{};
    ifname.copy(request.ifr_name, IFNAMSIZ - 1);
    check(ioctl(control.get(), what, &request) == 0, about + (" of " + ifname));
    return request;
}

} // namespace

bool shell(const std::string &command) { return std::system(command.c_str()) == 0; }

void ip(const std::string &arguments) {
    if (!shell("ip " + arguments)) {
        throw std::runtime_error("failed: ip " + arguments);
    }
}

Devices::Devices() : control_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    check(bool(control_), "socket for ioctls");
}

bool Devices::exists(const std::string &ifname) const {
    ifreq request{};
    ifname.copy(request.ifr_name, IFNAMSIZ - 1);
    return ioctl(control_.get(), SIOCGIFINDEX, &request) == 0;
}

std::uint32_t Devices::ifindex(const std::string &ifname) const {
    return static_cast<std::uint32_t>(ask(control_, SIOCGIFINDEX, ifname, "ifindex").ifr_ifindex);
}

MacAddr Devices::mac(const std::string &ifname) const {
    const ifreq answer = ask(control_, SIOCGIFHWADDR, ifname, "MAC");
    MacAddr mac;
    std::memcpy(mac.bytes.data(), answer.ifr_hwaddr.sa_data, mac.bytes.size());
    return mac;
}

int Devices::mtu(const std::string &ifname) const { return ask(control_, SIOCGIFMTU, ifname, "MTU").ifr_mtu; }

unsigned Devices::flags(const std::string &ifname) const {
    return static_cast<unsigned short>(ask(control_, SIOCGIFFLAGS, ifname, "flags").ifr_flags);
}

bool Devices::is_up(const std::string &ifname) const { return (flags(ifname) & IFF_UP) != 0; }

void Devices::set_up(const std::string &ifname, bool up) const {
    ifreq request = ask(control_, SIOCGIFFLAGS, ifname, "flags");
    const auto old = static_cast<unsigned short>(request.ifr_flags);
    request.ifr_flags = static_cast<short>(up ? old | IFF_UP : old & ~unsigned{IFF_UP});
    check(ioctl(control_.get(), SIOCSIFFLAGS, &request) == 0, "set " + ifname + (up ? " up" : " down"));
}

std::uint32_t ifindex(const std::string &ifname) { return Devices().ifindex(ifname); }

MacAddr mac_of(const std::string &ifname) { return Devices().mac(ifname); }

std::uint32_t add_veth(const std::string &name, const std::string &peer) {
    ip("link add " + name + " type veth peer name " + peer);
    const Devices devices;
    devices.set_up(peer, true);
    devices.set_up(name, true);
    return devices.ifindex(name);
}

void set_carrier(const std::string &name, bool on) { Devices().set_up(name + "_p", on); }

} // namespace xbond::harness
