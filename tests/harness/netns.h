// SPDX-License-Identifier: MIT
// Anonymous network namespaces: for the process, for the thread of one test, and held by a descriptor. They go away
// with the object or with the process.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"
#include "tests/harness/device.h"
#include "tests/harness/process.h"
#include "xbond/types.h"

namespace xbond::harness {

// The calling thread, and what it starts, moves into a fresh namespace: loopback up, no IPv6 (no stray frames).
void enter_fresh_netns();

// A fresh namespace for the thread of one test, as the kernel makes it, left again at its end.
class PrivateNetns {
public:
    PrivateNetns(); // false and "SKIPPED" when it may not be made
    PrivateNetns(const PrivateNetns &) = delete;
    PrivateNetns &operator=(const PrivateNetns &) = delete;
    ~PrivateNetns();
    explicit operator bool() const { return entered_; }

private:
    Fd home_;
    bool entered_ = false;
};

class NetNs {
public:
    NetNs(); // loopback up, no IPv6
    int fd() const { return fd_.get(); }
    std::string path() const; // for `netns PATH` of ip
    std::uint64_t inode() const;

    CommandResult run(const Argv &argv, const std::string &input = {}) const;
    // Lines for `ip -batch`; throws with ip's message when one fails.
    void ip(const std::string &lines) const;
    nlohmann::json ip_json(const std::string &arguments) const; // `ip -d -s -j ...`
    nlohmann::json link(const std::string &ifname) const;       // the one object

    // Runs `body` in a thread that has entered the namespace: sockets opened there stay in it.
    void inside(const std::function<void()> &body) const;

    void veth(const std::string &name, const NetNs &peer_ns, const std::string &peer_name) const;
    void set_up(const std::string &ifname, bool up) const { devices_->set_up(ifname, up); }
    bool exists(const std::string &ifname) const { return devices_->exists(ifname); }
    std::uint32_t ifindex(const std::string &ifname) const { return devices_->ifindex(ifname); }
    MacAddr mac(const std::string &ifname) const { return devices_->mac(ifname); }
    int mtu(const std::string &ifname) const { return devices_->mtu(ifname); }
    bool is_up(const std::string &ifname) const { return devices_->is_up(ifname); }
    bool carrier(const std::string &ifname) const; // IFF_RUNNING's own truth: IFF_LOWER_UP
    std::string sysctl(const std::string &key) const;
    void set_sysctl(const std::string &key, const std::string &value) const;

private:
    Fd fd_;
    std::optional<Devices> devices_;
};

} // namespace xbond::harness
