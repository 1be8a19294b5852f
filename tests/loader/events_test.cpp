// SPDX-License-Identifier: MIT
// Words from the data path: the first packet without carrier, and the carrier watch.
#include <algorithm>
#include <bpf/bpf.h>
#include <catch2/catch.hpp>
#include <iostream>
#include <optional>
#include <poll.h>
#include <vector>

#include "loader/pins.h"
#include "tests/harness/wait.h"
#include "tests/loader/lab.h"

using namespace xbond;
using namespace xbond::loader;
using harness::ifindex;
using harness::wait_until;
using test::need;
using test::Wire;

namespace {

bool readable(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    return poll(&waiting, 1, 0) == 1;
}

std::vector<xb_event> drain(DataPath &path) {
    std::vector<xb_event> events;
    path.drain_events([&events](const xb_event &event) { events.push_back(event); });
    return events;
}

// Waits until the watch tells this carrier of slot 0.
bool told(DataPath &path, std::uint32_t carrier) {
    return wait_until([&] {
        for (const xb_event &event : drain(path)) {
            if (event.type == XB_EVENT_CARRIER && event.slot == 0 && event.carrier == carrier) {
                return event.ifindex == ifindex("s0");
            }
        }
        return false;
    });
}

xb_watch read_watch(const test::Lab &lab) {
    const Fd map = need(open_pin(lab.config().pin_dir / XB_MAP_WATCH));
    const std::uint32_t key = 0;
    xb_watch watch{};
    REQUIRE(bpf_map_lookup_elem(map.get(), &key, &watch) == 0);
    return watch;
}

std::uint64_t watch_runs(const test::Lab &lab) { return read_watch(lab).runs; }

bool skip_without_carrier(const Features &features) {
    if (features.carrier == CarrierCheck::none) {
        std::cout << "SKIPPED: no carrier check on this kernel\n";
    }
    return features.carrier == CarrierCheck::none;
}

} // namespace

TEST_CASE("a packet that meets a dead slave takes the fallback and tells once, until rearmed") {
    for (const CarrierCheck check : {CarrierCheck::kfunc, CarrierCheck::probe_read}) {
        Features features = test::features();
        if (skip_without_carrier(features)) {
            return;
        }
        if (features.carrier > check) {
            continue; // the kernel has only the later one
        }
        features.carrier = check;
        CAPTURE(name(check));
        const test::Lab lab;
        DataPath path = test::make_path(lab, features);
        CHECK(path.carrier_check() == check);
        Bank bank = test::bank_on(0);
        bank.slot[0].fallback = 1;
        path.publish(bank);
        harness::ip("link set s0p down");
        Wire fallback("s1p");
        const Wire bond("xb0");
        bond.send(test::bond_mac);
        bond.send(test::bond_mac);
        CHECK(wait_until([&] { return fallback.received() == 2; }));
        CHECK(path.counters().slot[1].failover_tx == 2);
        CHECK(readable(path.events_fd()));
        const auto events = drain(path);
        REQUIRE(events.size() == 1);
        CHECK(events[0].type == XB_EVENT_TX_NO_CARRIER);
        CHECK(events[0].slot == 0);
        CHECK(events[0].ifindex == ifindex("s0"));
        CHECK_FALSE(readable(path.events_fd()));
        path.clear_latch(0);
        bond.send(test::bond_mac);
        CHECK(wait_until([&] { return drain(path).size() == 1; }));
    }
}

TEST_CASE("without a carrier check the data path works and says so") {
    const test::Lab lab;
    Features features = test::features();
    features.carrier = CarrierCheck::none;
    DataPath path = test::make_path(lab, features);
    CHECK(path.carrier_check() == CarrierCheck::none);
    CHECK(path.set_watch(Ms(1)).error().code == EOPNOTSUPP);
    need(path.set_watch(Ms(0)));
    Bank bank = test::bank_on(0);
    bank.slot[0].fallback = 1;
    path.publish(bank);
    Wire s0("s0p");
    Wire("xb0").send(test::bond_mac);
    CHECK(wait_until([&] { return s0.received() == 1; }));
    path = need(DataPath::adopt(lab.config(), test::features()));
    CHECK(path.carrier_check() == CarrierCheck::none);
}

TEST_CASE("the carrier watch tells a change without traffic, survives the controller, stops") {
    const test::Lab lab;
    const Features features = test::features();
    if (skip_without_carrier(features)) {
        return;
    }
    std::optional<DataPath> path = test::make_path(lab, features);
    need(path->set_watch(Ms(1)));
    CHECK(told(*path, 1));
    harness::ip("link set s0p down");
    CHECK(told(*path, 0));
    need(path->set_watch(Ms(2)));
    harness::ip("link set s0p up");
    CHECK(told(*path, 1));

    SECTION("a controller that comes later reads what happened before") {
        path.reset();
        harness::ip("link set s0p down");
        const std::uint64_t runs = watch_runs(lab);
        CHECK(wait_until([&] { return watch_runs(lab) > runs + 2; }));
        path = need(DataPath::adopt(lab.config(), features));
        CHECK(readable(path->events_fd()));
        CHECK(told(*path, 0));
    }
    SECTION("a new program set takes the timer over") {
        need(path->reprogram({Mode::balance_xor, HashPolicy::layer34, 1}));
        harness::ip("link set s0p down");
        CHECK(told(*path, 0));
    }
    SECTION("programs of a newer build take the timer and its interval over") {
        path.reset();
        const auto dir = lab.config().pin_dir;
        need(replace_pin(need(open_pin(dir / "xb_rx")).get(), dir / "xb_watch_arm")); // some other instructions
        path = need(DataPath::adopt(lab.config(), features));
        need(path->reprogram(path->programs()));
        CHECK(read_watch(lab).interval_ns == 2'000'000);
        harness::ip("link set s0p down");
        CHECK(told(*path, 0));
    }
    SECTION("it tells of a group that is joined on the bond, and of one that is left") {
        const auto told_of_groups = [&] {
            return wait_until([&] {
                const auto events = drain(*path);
                return std::any_of(events.begin(), events.end(), [](const xb_event &event) {
                    return event.type == XB_EVENT_GROUPS && event.slot == XB_NO_SLOT && event.ifindex == ifindex("xb0");
                });
            });
        };
        harness::ip("maddr add 01:00:5e:01:02:03 dev xb0");
        CHECK(told_of_groups());
        need(path->reprogram({Mode::balance_xor, HashPolicy::layer34, 1}));
        harness::ip("maddr del 01:00:5e:01:02:03 dev xb0");
        CHECK(told_of_groups());
        poll(nullptr, 0, 30); // fifteen intervals
        CHECK(drain(*path).empty());
    }
    SECTION("stopped, it does not run") {
        need(path->set_watch(Ms(0)));
        const std::uint64_t runs = watch_runs(lab);
        poll(nullptr, 0, 30); // fifteen intervals
        CHECK(watch_runs(lab) == runs);
        need(path->set_watch(Ms(1)));
        CHECK(wait_until([&] { return watch_runs(lab) > runs; }));
        CHECK(path->set_watch(Ms(-1)).error().code == EINVAL);
    }
}
