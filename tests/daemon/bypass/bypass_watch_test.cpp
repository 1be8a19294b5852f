// SPDX-License-Identifier: MIT
// What counts as gone around on the fast path. That it is found on a device: tests/netns/bypass.
#include <catch2/catch.hpp>

#include "user/daemon/bypass/bypass_watch.h"

using namespace xbond;
using daemon::bypassed;
using daemon::DeviceHooks;
using List = std::vector<std::string>;

TEST_CASE("bypassed: nothing is where nobody put anything") {
    CHECK(bypassed({}).empty());
    CHECK(bypassed({.qdisc = "noqueue"}).empty());
}

TEST_CASE("bypassed: each thing is named, whatever comes in several entries once") {
    const DeviceHooks hooks{.qdisc = "tbf",
                            .native_xdp = true,
                            .egress = {{"matchall", 49152, 0}, {"matchall", 49152, 1}, {"bpf", 7, 1}},
                            .programs_behind = {"count", "log"}};
    CHECK(bypassed(hooks) == List{"root qdisc tbf", "egress filter matchall (priority 49152)",
                                  "egress filter bpf (priority 7)", "tcx program count", "tcx program log",
                                  "native XDP program"});
}

TEST_CASE("bypassed: in a clsact qdisc what stands before our filter sees the packets as ever") {
    const sys::FilterInfo before{"flower", 10, 1}, ours{"bpf", 0x7862, 0x7862}, behind{"matchall", 49152, 1};
    CHECK(bypassed({.egress = {before, ours}}).empty());
    CHECK(bypassed({.egress = {before, ours, behind}}) == List{"egress filter matchall (priority 49152)"});
}
