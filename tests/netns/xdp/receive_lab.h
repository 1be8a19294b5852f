// SPDX-License-Identifier: MIT
// A bond with `receive xdp` on veth slaves whose other ends hide no VLAN tags.
#pragma once

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/netns/lab.h"

namespace xbond::harness {

inline void show_tags(const NetNs &ns, const std::string &ifname, bool on = true) {
    const auto word = on ? "off" : "on";
    const auto set = ns.run({"ethtool", "-K", ifname, "tx-vlan-hw-insert", word, "tx-vlan-stag-hw-insert", word});
    INFO(set.err);
    REQUIRE(set.ok());
}

class ReceiveLab : public Lab {
public:
    ReceiveLab(Switch::Kind kind, int slaves) : Lab(kind, slaves), slaves_(slaves) {
        for (int n = 0; n < slaves; ++n) {
            show_tags(switch_ns(), "s" + std::to_string(n));
        }
    }

    void make_bond(const std::string &options) {
        Lab::make_bond(options + " receive xdp");
        for (int n = 0; n < slaves_; ++n) {
            expect("e" + std::to_string(n), "xdp");
        }
    }
    nlohmann::json receive(const std::string &slave) const {
        const auto status = cli().json("status bond0");
        for (const auto &s : status.at("bonds").at(0).at("slaves")) {
            if (s.at("name") == slave) {
                return s.at("receive");
            }
        }
        return {{"by", "no slave"}, {"why", ""}};
    }
    // Returns why.
    std::string expect(const std::string &slave, const std::string &by) const {
        CHECK(wait_until([&] { return receive(slave).at("by") == by; }));
        const auto now = receive(slave);
        INFO(slave << ": " << now.dump());
        REQUIRE(now.at("by") == by);
        return now.at("why");
    }

private:
    int slaves_;
};

} // namespace xbond::harness
