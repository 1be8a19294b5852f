// SPDX-License-Identifier: MIT
#include "user/sys/ethtool.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "user/sys/io.h"

namespace xbond::sys {
namespace {

constexpr std::size_t max_address_bytes = 32;                                  // MAX_ADDR_LEN
constexpr std::size_t max_mask_words = 3 * static_cast<std::size_t>(INT8_MAX); // three masks of at most 127 words

bool name_fits(std::string_view ifname) { return !ifname.empty() && ifname.size() < IFNAMSIZ; }

ifreq request_for(std::string_view ifname) {
    ifreq request{};
    std::copy(ifname.begin(), ifname.end(), request.ifr_name);
    return request;
}

// False with errno set.
template <typename Command> bool ask(int fd, std::string_view ifname, Command &command) {
    if (!name_fits(ifname)) {
        errno = ENODEV;
        return false;
    }
    ifreq request = request_for(ifname);
    request.ifr_data = reinterpret_cast<char *>(&command);
    return ::ioctl(fd, SIOCETHTOOL, &request) == 0;
}

SpeedDuplex known(std::uint32_t speed, std::uint8_t duplex) {
    const SpeedDuplex unknown;
    return {speed == 0 ? unknown.speed : speed,
            duplex == DUPLEX_HALF || duplex == DUPLEX_FULL ? duplex : unknown.duplex};
}

std::string about(std::string_view ifname, std::string_view what) {
    return "interface \"" + std::string(ifname) + "\": " + std::string(what);
}

} // namespace

Result<Ethtool> Ethtool::open() {
    Ethtool e;
    e.fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)); // any socket carries device ioctls
    if (!e.fd_) {
        return fail_errno("cannot open a socket for ethtool");
    }
    return e;
}

Result<bool> Ethtool::running(std::string_view ifname) const {
    ifreq request = name_fits(ifname) ? request_for(ifname) : ifreq{};
    if (::ioctl(fd_.get(), SIOCGIFFLAGS, &request) != 0) {
        return fail_errno(about(ifname, "cannot read the flags"));
    }
    return (request.ifr_flags & IFF_UP) != 0;
}

Result<bool> Ethtool::carrier(std::string_view ifname) const {
    ethtool_value value{};
    value.cmd = ETHTOOL_GLINK;
    if (ask(fd_.get(), ifname, value)) {
        return value.data != 0;
    }
    if (errno != EOPNOTSUPP) {
        return fail_errno(about(ifname, "cannot read the carrier"));
    }
    // A driver without the operation (dummy): the operational state, late by up to a second, is all there is.
    ifreq request = request_for(ifname);
    if (::ioctl(fd_.get(), SIOCGIFFLAGS, &request) != 0) {
        return fail_errno(about(ifname, "cannot read the flags"));
    }
    return (request.ifr_flags & IFF_RUNNING) != 0;
}

SpeedDuplex Ethtool::speed(std::string_view ifname) const {
    union { // the structure ends in an array without a size
        ethtool_link_settings settings;
        std::array<std::uint32_t, sizeof(ethtool_link_settings) / sizeof(std::uint32_t) + max_mask_words> space;
    } link{};
    link.settings.cmd = ETHTOOL_GLINKSETTINGS;
    // The first call asks for the size of the masks, answered as a negative number.
    if (ask(fd_.get(), ifname, link) && link.settings.link_mode_masks_nwords < 0) {
        link.settings.link_mode_masks_nwords = static_cast<std::int8_t>(-link.settings.link_mode_masks_nwords);
        link.settings.cmd = ETHTOOL_GLINKSETTINGS;
        if (ask(fd_.get(), ifname, link)) {
            return known(link.settings.speed, link.settings.duplex);
        }
    }
    ethtool_cmd old{};
    old.cmd = ETHTOOL_GSET;
    return ask(fd_.get(), ifname, old) ? known(ethtool_cmd_speed(&old), old.duplex) : SpeedDuplex{};
}

Result<MacAddr> Ethtool::permanent_mac(std::string_view ifname) const {
    struct {
        std::uint32_t cmd, size; // ethtool_perm_addr, whose array has no size
        std::array<std::uint8_t, max_address_bytes> data;
    } perm{ETHTOOL_GPERMADDR, max_address_bytes, {}};
    static_assert(offsetof(decltype(perm), data) == sizeof(ethtool_perm_addr));
    if (!ask(fd_.get(), ifname, perm)) {
        return fail_errno(about(ifname, "cannot read the permanent address"));
    }
    MacAddr mac;
    std::copy_n(perm.data.begin(), mac.bytes.size(), mac.bytes.begin());
    if (perm.size != mac.bytes.size() || mac.is_zero()) {
        return fail_errno(about(ifname, "no permanent Ethernet address"), ENODATA);
    }
    return mac;
}

Result<void> Ethtool::set_gro(std::string_view ifname, bool on) const {
    ethtool_value value{ETHTOOL_SGRO, on ? 1U : 0U};
    if (!ask(fd_.get(), ifname, value)) {
        return fail_errno(about(ifname, "cannot switch GRO"));
    }
    return {};
}

std::string Ethtool::driver(std::string_view ifname) const {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    if (!ask(fd_.get(), ifname, info)) {
        return {};
    }
    return {info.driver, ::strnlen(info.driver, sizeof info.driver)};
}

} // namespace xbond::sys
