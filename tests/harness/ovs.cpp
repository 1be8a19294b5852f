// SPDX-License-Identifier: MIT
#include "tests/harness/ovs.h"

#include <sstream>
#include <stdexcept>

#include "tests/harness/wait.h"

namespace xbond::harness {
namespace {

constexpr const char *schema = "/usr/share/openvswitch/vswitch.ovsschema";

void append(Argv &argv, const std::string &words) {
    const Argv more = split(words);
    argv.insert(argv.end(), more.begin(), more.end());
}

std::string strip(const std::string &text) {
    const auto from = text.find_first_not_of(" \t");
    return from == std::string::npos ? "" : text.substr(from);
}

} // namespace

const OvsLacp::Member &OvsLacp::member(const std::string &name) const {
    for (const Member &m : members) {
        if (m.name == name) {
            return m;
        }
    }
    throw std::runtime_error("OVS shows no LACP member " + name);
}

// "---- bond0 ----", lines "  key: value", then for each member "member: NAME: STATUS" and its own such lines.
OvsLacp parse_lacp_show(const std::string &text) {
    OvsLacp result;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(": ");
        if (colon == std::string::npos) {
            continue;
        }
        const std::string key = strip(line.substr(0, colon)), value = line.substr(colon + 2);
        if (key == "member" || key == "slave") { // the latter before OVS 2.15
            const auto second = value.find(": ");
            result.members.push_back({value.substr(0, second), value.substr(second + 2), {}});
        } else {
            auto &fields = result.members.empty() ? result.fields : result.members.back().fields;
            fields[key] = value;
        }
    }
    return result;
}

bool OvsSwitch::installed() {
    return run({"ovs-vswitchd", "--version"}).ok() && run({"ovsdb-server", "--version"}).ok();
}

OvsSwitch::OvsSwitch(const NetNs &ns) : ns_(ns), dir_("ovs") {
    // The ports stay interfaces of the namespace: without this the kernel would answer ARP with their addresses.
    ns.set_sysctl("net.ipv4.conf.all.arp_ignore", "8");
    const auto created = harness::run({"ovsdb-tool", "create", file("conf.db"), schema});
    if (!created.ok()) {
        throw std::runtime_error("ovsdb-tool: " + created.err);
    }
    database_.emplace(Argv{"ovsdb-server", file("conf.db"), "--remote=punix:" + file("db.sock"),
                           "--unixctl=" + file("db.ctl"), "--no-chdir"},
                      ns.fd());
    // ovs-vsctl waits for the socket by itself.
    vsctl({"--no-wait", "init"});
    daemon_.emplace(Argv{"ovs-vswitchd", "unix:" + file("db.sock"), "--unixctl=" + file("ovs.ctl"), "--no-chdir"},
                    ns.fd());
    vsctl({"add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"}); // waits for the daemon
}

OvsSwitch::~OvsSwitch() {
    // Removes br0 from the namespace too. What does not end in time is killed.
    const auto asked = harness::run({"ovs-appctl", "--timeout=5", "--target=" + file("ovs.ctl"), "exit", "--cleanup"});
    if (asked.ok()) {
        daemon_->wait(5s);
    }
}

std::string OvsSwitch::call(const Argv &command) const {
    const auto result = harness::run(command, ns_.fd());
    if (!result.ok()) {
        std::string words;
        for (const auto &word : command) {
            words += word + " ";
        }
        throw std::runtime_error(words + ": " + result.err + log());
    }
    return result.out;
}

std::string OvsSwitch::vsctl(const Argv &arguments) const {
    Argv command{"ovs-vsctl", "--timeout=20", "--retry", "--db=unix:" + file("db.sock")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return call(command);
}

std::string OvsSwitch::appctl(const Argv &arguments) const {
    Argv command{"ovs-appctl", "--timeout=20", "--target=" + file("ovs.ctl")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return call(command);
}

std::string OvsSwitch::log() const { return (database_ ? database_->err() : "") + (daemon_ ? daemon_->err() : ""); }

void OvsSwitch::add_port(const std::string &ifname) const {
    ns_.set_up(ifname, true);
    vsctl({"add-port", "br0", ifname});
}

void OvsSwitch::add_bond(const std::string &bond, const std::vector<std::string> &ports,
                         const std::string &settings) const {
    Argv arguments{"add-bond", "br0", bond};
    for (const std::string &port : ports) {
        ns_.set_up(port, true);
        arguments.push_back(port);
    }
    append(arguments, settings);
    vsctl(arguments);
}

void OvsSwitch::set_port(const std::string &port_or_bond, const std::string &settings) const {
    Argv arguments{"set", "port", port_or_bond};
    append(arguments, settings);
    vsctl(arguments);
}

void OvsSwitch::del_port(const std::string &port_or_bond) const { vsctl({"del-port", "br0", port_or_bond}); }

OvsLacp OvsSwitch::lacp_show(const std::string &bond) const { return parse_lacp_show(appctl({"lacp/show", bond})); }

} // namespace xbond::harness
