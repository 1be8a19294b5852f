// SPDX-License-Identifier: MIT
#include "tests/harness/netns.h"

#include "tests/harness/sandbox.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <linux/if.h>
#include <linux/sockios.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace xbond::harness {
namespace {

[[noreturn]] void throw_errno(const std::string &what) {
    throw std::system_error(errno, std::generic_category(), what);
}

void in_thread(const std::function<void()> &body) {
    std::exception_ptr failure;
    std::thread([&] {
        try {
            body();
        } catch (...) {
            failure = std::current_exception();
        }
    }).join();
    if (failure) {
        std::rethrow_exception(failure);
    }
}

ifreq request(const std::string &ifname) {
    ifreq req{};
    std::strncpy(req.ifr_name, ifname.c_str(), IFNAMSIZ - 1);
    return req;
}

std::string sysctl_path(std::string key) {
    std::replace(key.begin(), key.end(), '.', '/');
    return "/proc/sys/" + key;
}

} // namespace

NetNs::NetNs() {
    enter_sandbox();
    in_thread([&] {
        if (unshare(CLONE_NEWNET) != 0) {
            throw_errno("unshare(CLONE_NEWNET)");
        }
        fd_ = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
        control_ = Fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (!fd_ || !control_) {
            throw_errno("open the new network namespace");
        }
    });
    set_up("lo", true);
    set_sysctl("net.ipv6.conf.all.disable_ipv6", "1");
    set_sysctl("net.ipv6.conf.default.disable_ipv6", "1");
}

std::string NetNs::path() const { return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_.get()); }

std::uint64_t NetNs::inode() const {
    struct stat st {};
    if (fstat(fd_.get(), &st) != 0) {
        throw_errno("fstat of the network namespace");
    }
    return st.st_ino;
}

CommandResult NetNs::run(const Argv &argv, const std::string &input) const {
    return harness::run(argv, fd_.get(), input);
}

void NetNs::ip(const std::string &lines) const {
    const auto result = run({"ip", "-batch", "-"}, lines + "\n");
    if (!result.ok()) {
        throw std::runtime_error("ip: " + result.err + "in:\n" + lines);
    }
}

nlohmann::json NetNs::ip_json(const std::string &arguments) const {
    const auto result = run(split("ip -d -s -j " + arguments));
    if (!result.ok()) {
        throw std::runtime_error("ip " + arguments + ": " + result.err);
    }
    return nlohmann::json::parse(result.out);
}

nlohmann::json NetNs::link(const std::string &ifname) const { return ip_json("link show dev " + ifname).at(0); }

void NetNs::inside(const std::function<void()> &body) const {
    in_thread([&] {
        if (setns(fd_.get(), CLONE_NEWNET) != 0) {
            throw_errno("setns");
        }
        body();
    });
}

void NetNs::veth(const std::string &name, const NetNs &peer_ns, const std::string &peer_name) const {
    ip("link add " + name + " type veth peer name " + peer_name + " netns " + peer_ns.path());
}

unsigned NetNs::flags(const std::string &ifname) const {
    ifreq req = request(ifname);
    if (ioctl(control_.get(), SIOCGIFFLAGS, &req) != 0) {
        throw_errno("flags of " + ifname);
    }
    return static_cast<unsigned short>(req.ifr_flags);
}

void NetNs::set_up(const std::string &ifname, bool up) const {
    ifreq req = request(ifname);
    const unsigned old = flags(ifname);
    req.ifr_flags = static_cast<short>(up ? old | IFF_UP : old & ~unsigned{IFF_UP});
    if (ioctl(control_.get(), SIOCSIFFLAGS, &req) != 0) {
        throw_errno("set " + ifname + (up ? " up" : " down"));
    }
}

bool NetNs::exists(const std::string &ifname) const {
    ifreq req = request(ifname);
    return ioctl(control_.get(), SIOCGIFINDEX, &req) == 0;
}

std::uint32_t NetNs::ifindex(const std::string &ifname) const {
    ifreq req = request(ifname);
    if (ioctl(control_.get(), SIOCGIFINDEX, &req) != 0) {
        throw_errno("ifindex of " + ifname);
    }
    return static_cast<std::uint32_t>(req.ifr_ifindex);
}

MacAddr NetNs::mac(const std::string &ifname) const {
    ifreq req = request(ifname);
    if (ioctl(control_.get(), SIOCGIFHWADDR, &req) != 0) {
        throw_errno("MAC of " + ifname);
    }
    MacAddr mac;
    std::memcpy(mac.bytes.data(), req.ifr_hwaddr.sa_data, mac.bytes.size());
    return mac;
}

int NetNs::mtu(const std::string &ifname) const {
    ifreq req = request(ifname);
    if (ioctl(control_.get(), SIOCGIFMTU, &req) != 0) {
        throw_errno("MTU of " + ifname);
    }
    return req.ifr_mtu;
}

bool NetNs::is_up(const std::string &ifname) const { return (flags(ifname) & IFF_UP) != 0; }

bool NetNs::carrier(const std::string &ifname) const {
    const auto all = link(ifname).at("flags");
    return std::find(all.begin(), all.end(), "LOWER_UP") != all.end();
}

std::string NetNs::sysctl(const std::string &key) const {
    std::string value;
    inside([&] {
        std::ifstream file(sysctl_path(key));
        if (!std::getline(file, value)) {
            throw std::runtime_error("cannot read sysctl " + key);
        }
    });
    return value;
}

void NetNs::set_sysctl(const std::string &key, const std::string &value) const {
    inside([&] {
        std::ofstream file(sysctl_path(key));
        file << value << std::flush;
        if (!file) {
            throw std::runtime_error("cannot write sysctl " + key);
        }
    });
}

} // namespace xbond::harness
