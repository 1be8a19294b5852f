// SPDX-License-Identifier: MIT
// A host with a running xbondd and slaves, on wires or behind a bridge: what every netns test starts from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/harness/daemon.h"
#include "tests/harness/topology.h"
#include "tests/harness/traffic/sniffer.h"
#include "xbond/types.h"

namespace xbond::harness {

struct SlaveStatus {
    std::string name, state, link, fallback, xdp;
    MacAddr mac, perm_mac;
    bool active = false, primary = false, suppressed = false, carrier = false;
    std::uint32_t failures = 0;
    std::uint64_t tx_packets = 0, rx_packets = 0, rx_suppressed = 0, failover_tx = 0;
};

struct BondStatus {                                                     // what the tests look at in `xbond status -j`
    std::string active_slave, primary, visibility, hook, carrier_check; // "" for null
    MacAddr mac;
    bool carrier = false;
    std::uint64_t tx_dropped = 0;
    std::vector<std::string> pick; // "" where a position may not send
    std::vector<SlaveStatus> slaves;
    const SlaveStatus &slave(const std::string &name) const; // throws when it is none
};

class Lab {
public:
    Lab(Switch::Kind kind, int slaves); // the daemon serves; no bond yet
    const NetNs &ns() const { return host_.ns(); }
    const NetNs &switch_ns() const { return switch_.ns(); }
    const Switch &network() const { return switch_; }
    const Host &host() const { return host_; }
    Daemon &daemon() { return daemon_; }
    Cli cli() const { return daemon_.cli(); }

    // `xbond link add bond0 type bond OPTIONS`, up, e0.. enslaved in order; waits until every slave's link is up.
    void make_bond(const std::string &options);
    void enslave(int n) const;
    BondStatus status() const;
    std::string status_without_times() const; // the whole status JSON without times, counters and history
    // Sends one control request and gives the errno name it is refused with; "" when it succeeded.
    std::string refusal(const std::string &request_json) const;
    bool wait_active(const std::string &slave, std::chrono::milliseconds limit = 5s) const;
    bool wait_link(const std::string &slave, const std::string &link, std::chrono::milliseconds limit = 5s) const;

private:
    Switch switch_;
    Host host_;
    int slaves_;
    Daemon daemon_;
};

// What comes in on s0, s1, ...: the frames that the bond put onto each wire.
class Wires {
public:
    Wires(const Lab &lab, int slaves);
    std::size_t count(int slave, const FrameMatch &match) const { return sniffers_.at(slave)->count(match); }
    std::size_t total(const FrameMatch &match) const;
    bool wait_total(const FrameMatch &match, std::size_t wanted) const;
    std::vector<int> path(std::size_t frames) const; // on which wire udp_frame 0, 1, ... left; -1: on none
    const Sniffer &wire(int slave) const { return *sniffers_.at(slave); }
    void clear();

private:
    std::vector<std::unique_ptr<Sniffer>> sniffers_;
};

} // namespace xbond::harness
