// SPDX-License-Identifier: MIT
// Mode 802.3ad in the bond: LACP's verdict per slave, and its options.
#include <catch2/catch.hpp>

#include <cerrno>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;
using Names = std::vector<std::string>;

namespace {

constexpr MacAddr partner{{2, 0, 0, 0, 0x99, 1}};

struct Port {
    const char *name;
    bool collecting, distributing;
};

// The partner says this on a port.
void hear(Lab &lab, SlotId slot, std::uint8_t state) {
    const auto *port = lab.bond.lacp->port(slot);
    const auto own = port == nullptr ? lacp::PortInfo{} : port->actor;
    const lacp::PortInfo other{32768, partner, 10, 1, static_cast<std::uint16_t>(slot + 1), state};
    lab.handle(core::SlowFrames{{{slot, lacp::encode({1, other, own, 0}, partner), lab.now}}});
}

// Lets LACP come to this, by what the partner says.
void verdict(Lab &lab, std::initializer_list<Port> ports) {
    using namespace lacp::flag;
    for (const Port &port : ports) {
        if (lab.bond.lacp->port(lab.slot(port.name))->partner.system != partner) {
            hear(lab, lab.slot(port.name), activity | aggregation);
        }
    }
    lab.walk(lab.now + Ms(2100));
    for (const Port &port : ports) {
        const unsigned in_sync = port.collecting ? synchronization : 0;
        const unsigned both = port.distributing ? collecting | distributing : 0;
        hear(lab, lab.slot(port.name), static_cast<std::uint8_t>(activity | aggregation | in_sync | both));
    }
}

Lab two_slaves(OptionList options = {}, bool up = true) {
    options.insert(options.begin(), {"mode", "802.3ad"});
    Lab lab(options, true, up);
    lab.enslave("e0");
    lab.enslave("e1");
    return lab;
}

int bond_option(const std::string &name, const std::string &value) {
    Lab lab(OptionList{{"mode", "802.3ad"}}, true, false);
    return lab.set_fails(name, value);
}

} // namespace

TEST_CASE("802.3ad slaves neither send nor receive, and there is no carrier, until LACP says so") {
    Lab lab = two_slaves({}, false);
    CHECK(lab.picks().empty());
    CHECK(lab.suppressed("e0"));
    CHECK_FALSE(lab.bond.carrier);
    CHECK(lab.active().empty());
    lab.handle(core::BondAdmin{true});
    verdict(lab, {{"e0", true, true}, {"e1", false, false}});
    CHECK(lab.picks() == Names{"e0"});
    CHECK_FALSE(lab.suppressed("e0"));
    CHECK(lab.suppressed("e1"));
    CHECK(lab.bond.carrier);
    verdict(lab, {{"e0", true, true}, {"e1", true, true}});
    CHECK(lab.picks() == Names{"e0"}); // one that comes beside another is not at once ready
    lab.walk(lab.now + Ms(50));
    CHECK(lab.picks() == Names{"e0", "e1"});
    CHECK(lab.fallback("e0") == "e1");
    CHECK(lab.fallback("e1") == "e0");
}

TEST_CASE("802.3ad independent control: a port that only collects receives and does not send") {
    Lab lab = two_slaves({{"coupled_control", "off"}});
    verdict(lab, {{"e0", true, false}, {"e1", true, true}});
    CHECK(lab.picks() == Names{"e1"});
    CHECK_FALSE(lab.suppressed("e0"));
}

TEST_CASE("802.3ad all_slaves_active delivers what comes on ports that do not collect") {
    Lab lab = two_slaves({{"all_slaves_active", "1"}});
    verdict(lab, {{"e0", true, true}, {"e1", false, false}});
    CHECK_FALSE(lab.suppressed("e1"));
    CHECK(lab.picks() == Names{"e0"});
}

TEST_CASE("802.3ad a port without link is not used whatever LACP said last, and comes back with its link") {
    Lab lab = two_slaves({{"downdelay", "200"}});
    verdict(lab, {{"e0", true, true}, {"e1", true, true}});
    lab.carrier("e0", false);
    lab.tell();
    CHECK(lab.picks() == Names{"e1"});
    lab.carrier("e0", true); // within downdelay: LACP hears nothing of it
    lab.ticks(2);
    CHECK(lab.picks() == Names{"e0", "e1"});
}

TEST_CASE("802.3ad the bond's carrier is LACP's, and goes with the last link") {
    Lab lab = two_slaves({{"min_links", "3"}});
    verdict(lab, {{"e0", true, true}, {"e1", true, true}});
    CHECK_FALSE(lab.bond.carrier);
    lab.set("min_links", "2");
    CHECK(lab.bond.carrier);
    lab.carrier("e0", false);
    lab.carrier("e1", false);
    lab.tell();
    CHECK_FALSE(lab.bond.carrier);
}

TEST_CASE("802.3ad a verdict on a slot that holds no slave is ignored") {
    Lab lab = two_slaves({}, false);
    hear(lab, 7, 0x3d);
    CHECK(lab.picks().empty());
}

TEST_CASE("802.3ad restore keeps flags and carrier") {
    Lab lab = two_slaves();
    verdict(lab, {{"e0", true, true}, {"e1", false, false}});
    const auto restored = core::restore(core::save(lab.bond), 1500, lab.now);
    CHECK(restored.carrier);
    CHECK(core::desired(restored).pick == core::desired(lab.bond).pick);
    CHECK(core::uses_lacp(restored));
}

TEST_CASE(
    "802.3ad a port that comes beside another one is used 50 ms after its last PDU, however seldom miimon looks") {
    for (const char *const miimon : {"0", "100", "60000"}) {
        INFO(miimon);
        Lab lab = two_slaves({{"miimon", miimon}});
        verdict(lab, {{"e0", true, true}, {"e1", true, true}});
        const auto last = lab.bond.lacp->port(lab.slot("e1"))->last_tx;
        REQUIRE(last);
        REQUIRE(lab.picks() == Names{"e0"});
        lab.walk(*last + Ms(49));
        CHECK(lab.picks() == Names{"e0"});
        lab.walk(*last + Ms(50));
        CHECK(lab.picks() == Names{"e0", "e1"});
    }
}

TEST_CASE("802.3ad broadcast_neighbor: each port that joins lets every distributing port announce") {
    Lab lab = two_slaves({{"broadcast_neighbor", "on"}});
    CHECK(core::desired(lab.bond).broadcast_neighbor);
    lab.forget(); // before there was a partner the first one was a link of its own
    verdict(lab, {{"e0", true, true}, {"e1", false, false}});
    CHECK(lab.seen<core::Announce>().size() == 1);
    verdict(lab, {{"e0", true, true}, {"e1", true, true}});
    lab.walk(lab.now + Ms(50));
    CHECK(lab.seen<core::Announce>().size() == 3);
    verdict(lab, {{"e0", true, true}, {"e1", false, false}});
    CHECK(lab.seen<core::Announce>().size() == 3);
}

TEST_CASE("802.3ad without broadcast_neighbor nothing is announced") {
    Lab lab = two_slaves();
    verdict(lab, {{"e0", true, true}, {"e1", true, true}});
    CHECK(lab.seen<core::Announce>().empty());
    CHECK_FALSE(core::desired(lab.bond).broadcast_neighbor);
}

TEST_CASE("802.3ad the options: values and errnos (6.2)") {
    for (const auto &[name, value] : {std::pair{"lacp_rate", "fast"},
                                      {"lacp_rate", "1"},
                                      {"lacp_active", "off"},
                                      {"ad_select", "count"},
                                      {"ad_select", "3"},
                                      {"ad_actor_sys_prio", "1"},
                                      {"ad_actor_system", "02:00:00:00:00:01"},
                                      {"ad_user_port_key", "1023"},
                                      {"coupled_control", "off"},
                                      {"broadcast_neighbor", "on"},
                                      {"lacp_strict", "on"},
                                      {"min_links", "2"},
                                      {"max_ports", "32"},
                                      {"controller_lease", "100"},
                                      {"controller_lease", "hold"},
                                      {"controller_lease", "0"}}) {
        CAPTURE(name, value);
        CHECK(bond_option(name, value) == 0);
    }
    for (const auto &[name, value] : {std::pair{"lacp_rate", "2"},
                                      {"lacp_active", "2"},
                                      {"ad_select", "4"},
                                      {"ad_actor_sys_prio", "0"},
                                      {"ad_actor_sys_prio", "65536"},
                                      {"ad_actor_system", "01:00:00:00:00:01"},
                                      {"ad_actor_system", "x"},
                                      {"ad_user_port_key", "1024"},
                                      {"coupled_control", "2"},
                                      {"lacp_strict", "maybe"},
                                      {"max_ports", "33"},
                                      {"controller_lease", "99"},
                                      {"arp_validate", "8"}}) {
        CAPTURE(name, value);
        CHECK(bond_option(name, value) == (std::string(name) == "arp_validate" ? EACCES : EINVAL));
    }
    CHECK(bond_option("arp_interval", "100") == EACCES);
    Lab up = two_slaves();
    CHECK(up.set_fails("lacp_rate", "fast") == 0);
    CHECK(up.set_fails("lacp_active", "off") == 0);
    CHECK(up.set_fails("ad_select", "count") == EBUSY);
    CHECK(up.set_fails("ad_user_port_key", "1") == EBUSY);
    CHECK(up.set_fails("coupled_control", "off") == EBUSY);
}

TEST_CASE("802.3ad miimon 0 becomes 100 with the mode, and broadcast_neighbor goes with it") {
    Lab lab(OptionList{{"mode", "balance-rr"}, {"miimon", "0"}}, true, false);
    lab.set("mode", "802.3ad");
    CHECK(lab.bond.options.miimon_ms == 100);
    lab.set("broadcast_neighbor", "on");
    lab.set("mode", "balance-rr");
    CHECK_FALSE(lab.bond.options.broadcast_neighbor);
    CHECK(lab.set_fails("lacp_rate", "fast") == EACCES);
}

TEST_CASE("802.3ad actor_port_prio of a slave") {
    Lab lab = two_slaves();
    const auto set = [&](const std::string &value) {
        auto done = core::set_slave_options(lab.bond, lab.slot("e0"), OptionList{{"actor_port_prio", value}}, lab.now);
        return done ? 0 : done.error().code;
    };
    CHECK(lab.slave("e0").actor_port_prio == 255);
    CHECK(set("0") == 0);
    CHECK(set("65535") == 0);
    CHECK(lab.slave("e0").actor_port_prio == 65535);
    CHECK(set("65536") == EINVAL);
    CHECK(set("-1") == EINVAL);
    Lab other(OptionList{{"mode", "balance-xor"}});
    other.enslave("e0");
    const auto refused =
        core::set_slave_options(other.bond, other.slot("e0"), OptionList{{"actor_port_prio", "1"}}, other.now);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == EACCES);
}
