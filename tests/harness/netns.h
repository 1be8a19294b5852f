// SPDX-License-Identifier: MIT
// An anonymous network namespace, held by a descriptor: it goes away with the object or with the process.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/fd.h"
#include "tests/harness/process.h"
#include "xbond/types.h"

namespace xbond::harness {

class NetNs {
public:
    NetNs(); // loopback up, IPv6 off by default (no stray frames), quiet
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
    void set_up(const std::string &ifname, bool up) const; // by ioctl: quick
    bool exists(const std::string &ifname) const;
    std::uint32_t ifindex(const std::string &ifname) const; // throws when absent
    MacAddr mac(const std::string &ifname) const;
    int mtu(const std::string &ifname) const;
    bool is_up(const std::string &ifname) const;   // administratively
    bool carrier(const std::string &ifname) const; // IFF_RUNNING's own truth: IFF_LOWER_UP
    std::string sysctl(const std::string &key) const;
    void set_sysctl(const std::string &key, const std::string &value) const;

private:
    unsigned flags(const std::string &ifname) const;
    Fd fd_;
    Fd control_; // a socket inside, for ioctls
};

} // namespace xbond::harness
