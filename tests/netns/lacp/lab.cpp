// SPDX-License-Identifier: MIT
#include "tests/netns/lacp/lab.h"

#include <algorithm>
#include <stdexcept>

namespace xbond::harness {

using nlohmann::json;

void LacpHost::make_bond(const std::string &options, const std::vector<std::string> &slaves) {
    if (!daemon_.running()) {
        daemon_.start();
    }
    cli().ok("link add bond0 type bond mode 802.3ad miimon 50 " + options);
    cli().ok("link set bond0 up");
    for (const auto &slave : slaves) {
        cli().ok("link set " + slave + " master bond0");
    }
}

json LacpHost::port(const std::string &slave) const {
    const json shown = show();
    for (const json &port : shown.at("slaves")) {
        if (port.at("name") == slave) {
            return port;
        }
    }
    throw std::runtime_error(slave + " is no slave of the bond");
}

std::vector<std::string> LacpHost::distributing() const {
    return status().at("table").at("pick").get<std::vector<std::string>>();
}

bool LacpHost::wait_distributing(const std::vector<std::string> &slaves, std::chrono::milliseconds limit) const {
    return wait_until([&] { return distributing() == slaves; }, limit, 20ms);
}

bool LacpHost::wait_negotiated(std::chrono::milliseconds limit) const {
    const auto up = [](const json &port) {
        const auto full = [](const json &info) {
            const int state = info.at("state");
            return state == 61 || state == 63 || state == 60 || state == 62; // the passive side lacks activity
        };
        return port.at("fsm").at("rx") == "CURRENT" && full(port.at("actor")) && full(port.at("partner"));
    };
    return wait_until(
        [&] {
            const json shown = show();
            return std::ranges::all_of(shown.at("slaves"), up);
        },
        limit, 20ms);
}

OvsLab::OvsLab(int links, const std::string &partner) : links_(links) {
    for (int n = 0; n < links; ++n) {
        host_.ns().veth("e" + std::to_string(n), lan_, "p" + std::to_string(n));
    }
    ovs_ = std::make_unique<OvsSwitch>(lan_);
    if (!partner.empty()) {
        ovs_->add_bond("team", ports(), partner);
    }
    lan_.veth("srv", server_, "eth0");
    ovs_->add_port("srv");
    server_.ip("link set eth0 up\naddr add 10.98.0.2/24 dev eth0");
}

std::vector<std::string> OvsLab::names(const std::string &prefix) const {
    std::vector<std::string> names;
    names.reserve(static_cast<std::size_t>(links_));
    for (int n = 0; n < links_; ++n) {
        names.push_back(prefix + std::to_string(n));
    }
    return names;
}

void OvsLab::make_bond(const std::string &options) {
    host_.make_bond(options, slaves());
    host_.ns().ip("addr add 10.98.0.1/24 dev bond0");
}

bool OvsLab::wait_reaches_server(std::chrono::milliseconds limit) const {
    return wait_until([&] { return reaches_server(); }, limit);
}

void drop_sent_lacpdus(const NetNs &ns, const std::string &ifname) {
    constexpr const char *drop = "1,6 0 0 2,"; // one instruction of classic BPF: return TC_ACT_SHOT
    for (const Argv &command : {Argv{"tc", "qdisc", "add", "dev", ifname, "clsact"},
                                Argv{"tc", "filter", "add", "dev", ifname, "egress", "protocol", "0x8809", "prio", "1",
                                     "bpf", "direct-action", "bytecode", drop}}) {
        if (const auto done = ns.run(command); !done.ok()) {
            throw std::runtime_error(command.at(1) + ": " + done.err);
        }
    }
}

bool is_lacpdu(const Frame &frame) {
    return frame.bytes.size() == 124 && frame.bytes[12] == 0x88 && frame.bytes[13] == 0x09 && frame.bytes[14] == 1;
}

} // namespace xbond::harness
