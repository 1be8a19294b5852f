// SPDX-License-Identifier: MIT
#include "user/sys/device_filter.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <net/if.h>
#include <sstream>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace xbond::sys {
namespace {

Result<void> failed(std::string_view what, std::string_view ifname) {
    const int code = errno;
    return fail(code, std::string(what) + " on " + std::string(ifname) + ": " + std::strerror(code));
}

ifreq request_for(std::string_view ifname) {
    ifreq request{};
    ifname.copy(request.ifr_name, IFNAMSIZ - 1);
    return request;
}

std::optional<MacAddr> mac_of_hex(std::string_view hex) {
    MacAddr mac;
    if (hex.size() != 12) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < 6; ++i) {
        const std::string byte(hex.substr(2 * i, 2));
        char *end = nullptr;
        mac.bytes[i] = static_cast<std::uint8_t>(std::strtoul(byte.c_str(), &end, 16));
        if (end != byte.c_str() + 2) {
            return std::nullopt;
        }
    }
    return mac;
}

} // namespace

Result<DeviceFilter> DeviceFilter::open() {
    DeviceFilter filter;
    filter.fd_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!filter.fd_) {
        return fail(errno, std::string("socket: ") + std::strerror(errno));
    }
    return filter;
}

Result<void> DeviceFilter::set_flag(std::string_view ifname, short flag, bool on) const {
    auto request = request_for(ifname);
    if (::ioctl(fd_.get(), SIOCGIFFLAGS, &request) != 0) {
        return failed("reading flags", ifname);
    }
    if (((request.ifr_flags & flag) != 0) == on) {
        return {};
    }
    request.ifr_flags = static_cast<short>(on ? request.ifr_flags | flag : request.ifr_flags & ~flag);
    if (::ioctl(fd_.get(), SIOCSIFFLAGS, &request) != 0) {
        return failed("setting flags", ifname);
    }
    return {};
}

Result<void> DeviceFilter::set_promisc(std::string_view ifname, bool on) const {
    return set_flag(ifname, IFF_PROMISC, on);
}

Result<void> DeviceFilter::set_allmulti(std::string_view ifname, bool on) const {
    return set_flag(ifname, IFF_ALLMULTI, on);
}

Result<void> DeviceFilter::set_multicast(std::string_view ifname, std::span<const MacAddr> wanted) const {
    Result<void> first;
    auto change = [&](unsigned long what, const MacAddr &mac) {
        auto request = request_for(ifname);
        request.ifr_hwaddr.sa_family = AF_UNSPEC;
        std::memcpy(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
        if (::ioctl(fd_.get(), what, &request) != 0 && first) {
            first = failed("multicast address " + mac.str(), ifname);
        }
    };
    std::vector<MacAddr> present;
    for (const auto &entry : multicast_list(ifname)) {
        if (entry.administrative) {
            present.push_back(entry.mac);
        }
    }
    for (const auto &mac : wanted) {
        if (std::find(present.begin(), present.end(), mac) == present.end()) {
            change(SIOCADDMULTI, mac);
        }
    }
    for (const auto &mac : present) {
        if (std::find(wanted.begin(), wanted.end(), mac) == wanted.end()) {
            change(SIOCDELMULTI, mac);
        }
    }
    return first;
}

std::vector<MulticastEntry> multicast_list(std::string_view ifname) {
    std::vector<MulticastEntry> list;
    std::ifstream in("/proc/thread-self/net/dev_mcast"); // "ifindex name users global address"
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        int ifindex = 0, users = 0, global = 0;
        std::string name, hex;
        if (!(words >> ifindex >> name >> users >> global >> hex) || name != ifname) {
            continue;
        }
        if (auto mac = mac_of_hex(hex)) {
            list.push_back({*mac, global != 0});
        }
    }
    return list;
}

} // namespace xbond::sys
