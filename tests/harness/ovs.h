// SPDX-License-Identifier: MIT
// Open vSwitch with its userspace data path in a namespace of the test: an LACP peer that is not ours. Database,
// sockets and logs lie in the sandbox's /run and the two daemons are the test's children: nothing stays, however the
// test ends.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/harness/netns.h"
#include "tests/harness/process.h"
#include "tests/harness/sandbox.h"

namespace xbond::harness {

// `lacp/show` of one bond: what OVS says, by the names it uses.
struct OvsLacp {
    using Fields = std::map<std::string, std::string>; // "actor state" -> "activity timeout ..."
    struct Member {
        std::string name;
        std::string status; // "current attached", "defaulted detached", ...
        Fields fields;
    };
    Fields fields; // "status" -> "active negotiated"
    std::vector<Member> members;

    const Member &member(const std::string &name) const; // throws when absent
};
OvsLacp parse_lacp_show(const std::string &text);

class OvsSwitch {
public:
    static bool installed();

    // Starts it, with an empty bridge br0 that forwards like a learning switch. Ports are interfaces of `ns`.
    explicit OvsSwitch(const NetNs &ns);
    ~OvsSwitch();
    OvsSwitch(const OvsSwitch &) = delete;
    OvsSwitch &operator=(const OvsSwitch &) = delete;

    void add_port(const std::string &ifname) const;
    // `settings` in the words of ovs-vsctl: "lacp=active other_config:lacp-time=fast bond_mode=balance-tcp". A name for
    // a bond is no interface's.
    void add_bond(const std::string &bond, const std::vector<std::string> &ports, const std::string &settings) const;
    void set_port(const std::string &port_or_bond, const std::string &settings) const;
    void del_port(const std::string &port_or_bond) const;

    OvsLacp lacp_show(const std::string &bond) const;
    std::string vsctl(const Argv &arguments) const;  // stdout; throws with ovs-vsctl's message
    std::string appctl(const Argv &arguments) const; // of ovs-vswitchd
    std::string log() const;

private:
    std::string file(const std::string &name) const { return (dir_.path() / name).string(); }
    std::string call(const Argv &command) const;

    const NetNs &ns_;
    TempDir dir_;
    std::optional<Process> database_, daemon_; // the daemon is ended first
};

} // namespace xbond::harness
