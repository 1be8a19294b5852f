// SPDX-License-Identifier: MIT
// A bond of two slaves whose device is in a network namespace `c`, behind a bridge with a station.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "tests/netns/lab.h"
#include "tests/netns/station.h"

namespace xbond::harness {

inline constexpr const char *inside_ip = "10.99.0.1";

class ElsewhereLab : public Lab {
public:
    explicit ElsewhereLab(Switch::Kind kind = Switch::Kind::bridge);
    // At home with its slaves, then moved into c(), where it gets inside_ip.
    void make_bond_elsewhere(const std::string &options);
    void move(const NetNs &to) const { cli().ok("link set bond0 netns " + to.path()); }
    const NetNs &c() const { return *c_; }
    void end_c() { c_.reset(); } // nothing else holds it
    const Station &station() const { return *station_; }
    bool reaches() const { return c_->run(split("ping -c1 -W1 " + station_->ip())).ok(); }
    nlohmann::json bond() const { return cli().json("status bond0").at("bonds").at(0); }
    // bond0 is in `where`, has carrier there and is nowhere else among those that the test knows.
    bool wait_lives_in(const NetNs &where) const;

private:
    std::unique_ptr<NetNs> c_;
    std::unique_ptr<Station> station_;
};

} // namespace xbond::harness
