// SPDX-License-Identifier: MIT
// A link is left at once and taken back slowly, whichever end of it was down, in every mode: nothing is lost at the
// return. Serial: it counts packets.
#include "tests/netns/lab.h"
#include "tests/netns/links/rounds.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

class ReturnLab : public Lab {
public:
    explicit ReturnLab(const std::string &options) : Lab(Kind::bridge, 2), server_(network(), "10.99.0.2/24") {
        make_bond(options);
        ns().ip("addr add 10.99.0.1/24 dev bond0");
        REQUIRE(wait_until([&] { return ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    }

    // The link that carries the stream, so that there is something to lose.
    std::string busy() const {
        const auto before = status();
        REQUIRE(ns().run(split("ping -q -c40 -i0.01 -W1 10.99.0.2")).ok());
        const auto after = status();
        const auto sent = [&](const std::string &slave) {
            return after.slave(slave).tx_packets - before.slave(slave).tx_packets;
        };
        return sent("e0") >= sent("e1") ? "e0" : "e1";
    }

    Crossing crossing(const std::string &slave, bool own_end) const {
        return {.from = ns(),
                .to = server_.ns(),
                .address = "10.99.0.2",
                .toggle =
                    [this, slave, own_end](bool on) {
                        own_end ? ns().set_up(slave, on) : switch_ns().set_up("s" + slave.substr(1), on);
                    },
                .seen = [this, slave](bool on) { return status().slave(slave).link == (on ? "up" : "down"); }};
    }

private:
    Server server_;
};

} // namespace

TEST_CASE("return: at most two packets are lost with a link and none when it returns, whichever end was down") {
    const auto mode = GENERATE(as<std::string>{}, "balance-rr", "balance-xor", "active-backup primary e0", "802.3ad");
    const bool own_end = GENERATE(false, true);
    DYNAMIC_SECTION(mode << (own_end ? ", own device" : ", far end")) {
        const ReturnLab lab("mode " + mode + " miimon 100");
        // Without partners each port is an aggregator of its own: no packet can take another one until the controller
        // has chosen it, in a millisecond or two of its own time.
        const std::uint64_t bound = mode == "802.3ad" ? 80 : 2;
        expect_slow_return(mode + (own_end ? ", own device" : ", far end"), lab.crossing(lab.busy(), own_end), bound);
    }
}

TEST_CASE("return: the link is in use again at a tick that has seen it steady, and at once when it is the only one") {
    const ReturnLab lab("mode balance-xor miimon 400");
    lab.ns().set_up("e1", false);
    REQUIRE(lab.wait_link("e1", "down"));
    const auto set_up = Clock::now();
    lab.ns().set_up("e1", true);
    REQUIRE(lab.wait_link("e1", "up"));
    const auto waited = Clock::now() - set_up;
    CHECK(waited >= 400ms);
    CHECK(waited < 1200ms);
    lab.ns().set_up("e1", false);
    lab.ns().set_up("e0", false);
    REQUIRE(wait_until([&] { return !lab.status().carrier; }));
    const auto alone = Clock::now();
    lab.ns().set_up("e1", true);
    REQUIRE(wait_until([&] { return lab.status().carrier; }, 5s, 1ms));
    CHECK(Clock::now() - alone < 350ms);
}

TEST_CASE("return: without a controller a link that blinked is left alone while another one can send, and used else") {
    ReturnLab lab("mode balance-xor miimon 100");
    const auto works = [&] { return lab.ns().run(split("ping -c3 -i0.05 -W1 10.99.0.2")).ok(); };
    lab.daemon().kill9();
    for (const char *slave : {"e0", "e1", "e0"}) { // each of them has been lost at the end
        lab.ns().set_up(slave, false);
        CHECK(works());
        lab.ns().set_up(slave, true);
        CHECK(works());
    }
    lab.daemon().start();
    CHECK(wait_until([&] {
        const auto status = lab.status();
        return status.slave("e0").link == "up" && status.slave("e1").link == "up";
    }));
    CHECK(works());
    CHECK(lab.status().pick.size() == 2);
}
