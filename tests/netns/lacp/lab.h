// SPDX-License-Identifier: MIT
// A host with a bond in mode 802.3ad whose slaves e0, e1, ... are wired to p0, p1, ... of another namespace, where Open
// vSwitch or another xbondd is the partner.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/harness/daemon.h"
#include "tests/harness/ovs.h"
#include "tests/harness/traffic/sniffer.h"
#include "tests/harness/wait.h"

namespace xbond::harness {

class LacpHost { // one side: a namespace, a daemon, a bond
public:
    LacpHost() : daemon_(ns_) {}
    const NetNs &ns() const { return ns_; }
    Daemon &daemon() { return daemon_; }
    Cli cli() const { return daemon_.cli(); }

    // bond0 with the slaves, up; `options` without the mode.
    void make_bond(const std::string &options, const std::vector<std::string> &slaves);
    nlohmann::json show() const { return cli().json("lacp bond0"); }
    nlohmann::json status() const { return cli().json("status bond0").at("bonds").at(0); }
    nlohmann::json port(const std::string &slave) const; // of show(); throws when it is none
    std::vector<std::string> distributing() const;       // in list order
    bool wait_distributing(const std::vector<std::string> &slaves, std::chrono::milliseconds limit = 15s) const;
    // Every port: receive machine CURRENT, state 61 or 63 on both sides.
    bool wait_negotiated(std::chrono::milliseconds limit = 15s) const;

private:
    NetNs ns_;
    Daemon daemon_;
};

class OvsLab { // one bond against one of Open vSwitch, with a server behind it
public:
    // `partner`: the settings of OVS's bond; "" for none yet.
    OvsLab(int links, const std::string &partner);
    LacpHost &host() { return host_; }
    const OvsSwitch &ovs() const { return *ovs_; }
    const NetNs &lan() const { return lan_; }
    const NetNs &server() const { return server_; }
    std::vector<std::string> slaves() const { return names("e"); }
    std::vector<std::string> ports() const { return names("p"); }
    std::vector<std::string> names(const std::string &prefix) const;
    void make_bond(const std::string &options); // with addresses 10.98.0.1 here, .2 there
    bool reaches_server() const { return host_.ns().run(split("ping -c1 -W1 10.98.0.2")).ok(); }
    bool wait_reaches_server(std::chrono::milliseconds limit = 10s) const;

private:
    int links_;
    NetNs lan_, server_;
    LacpHost host_;
    std::unique_ptr<OvsSwitch> ovs_;
};

// From now on an interface sends no LACPDUs; everything else goes on.
void drop_sent_lacpdus(const NetNs &ns, const std::string &ifname);

bool is_lacpdu(const Frame &frame);

} // namespace xbond::harness
