// SPDX-License-Identifier: MIT
// A bond on wires with ports p0, p1, ...: the other end of each, g0, g1, ..., is a guest's, in a namespace of its own.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

namespace xbond::harness {

// With it a veth takes frames from XDP.
inline void set_gro(const NetNs &ns, const std::string &ifname, bool on) {
    const auto set = ns.run({"ethtool", "-K", ifname, "gro", on ? "on" : "off"});
    INFO(set.err);
    REQUIRE(set.ok());
}

class PortLab {
public:
    // `xdp`: wires and guests take frames from XDP.
    explicit PortLab(int slaves, bool xdp = true, Switch::Kind kind = Switch::Kind::wires)
        : lab(kind, slaves), slaves_(slaves), xdp_(xdp) {}

    void make_bond(const std::string &options) {
        for (int n = 0; n < slaves_; ++n) {
            set_gro(lab.switch_ns(), "s" + std::to_string(n), xdp_);
        }
        lab.make_bond(options);
    }

    // A guest's veth, no port yet.
    const NetNs &add_guest() {
        const auto n = std::to_string(guests_.size());
        guests_.push_back(std::make_unique<NetNs>());
        const NetNs &guest = *guests_.back();
        lab.ns().veth("p" + n, guest, "g" + n);
        lab.ns().set_up("p" + n, true);
        guest.set_up("g" + n, true);
        REQUIRE(wait_until([&] { return guest.carrier("g" + n); }));
        set_gro(guest, "g" + n, xdp_);
        return guest;
    }
    const NetNs &add_port(const std::string &words = "") {
        const auto n = std::to_string(guests_.size());
        const NetNs &guest = add_guest();
        lab.cli().ok("port add bond0 p" + n + (words.empty() ? "" : " " + words));
        return guest;
    }
    const NetNs &guest(std::size_t n) const { return *guests_.at(n); }
    nlohmann::json ports() const { return lab.cli().json("port show bond0").at(0).at("ports"); }
    nlohmann::json port(const std::string &name) const {
        for (const auto &port : ports()) {
            if (port.at("name") == name) {
                return port;
            }
        }
        return {};
    }

    Lab lab;

private:
    int slaves_;
    bool xdp_;
    std::vector<std::unique_ptr<NetNs>> guests_;
};

} // namespace xbond::harness
