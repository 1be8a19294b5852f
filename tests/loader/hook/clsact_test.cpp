// SPDX-License-Identifier: MIT
// clsact is shared ground: other people's filters and qdiscs survive.
#include <bpf/libbpf.h>
#include <catch2/catch.hpp>

#include "tests/loader/lab.h"

using namespace xbond;
using namespace xbond::loader;
using harness::ifindex;
using test::need;

namespace {

constexpr const char *our_filter = "pref 30818";
constexpr const char *foreign_filter = "pref 1 ";

void add_foreign_filter(const std::string &device) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex(device)), .attach_point = BPF_TC_INGRESS);
    const Fd program = test::foreign_program(false);
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program.get(), .handle = 1, .priority = 1);
    REQUIRE(bpf_tc_attach(&hook, &options) == 0);
}

bool has_qdisc(const std::string &device) { return test::tc_shows("qdisc show dev " + device, "clsact"); }

bool has_filter(const std::string &device, const char *which) {
    return test::tc_shows("filter show dev " + device + " ingress", which);
}

} // namespace

TEST_CASE("our clsact qdisc goes with our filter, unless somebody else moved in") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features("clsact"));
    REQUIRE(has_filter("s0", our_filter));
    REQUIRE(has_filter("s1", our_filter));
    add_foreign_filter("s1");
    path.detach_slave(0, ifindex("s0"));
    path.detach_slave(1, ifindex("s1"));
    CHECK_FALSE(has_qdisc("s0"));
    CHECK(has_qdisc("s1"));
    CHECK_FALSE(has_filter("s1", our_filter));
    CHECK(has_filter("s1", foreign_filter));
    path.teardown();
    CHECK(has_filter("s1", foreign_filter));
}

TEST_CASE("a clsact qdisc or a filter that somebody takes away is put back, and its mark with it") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features("clsact"));
    REQUIRE(path.hooks_can_be_taken());
    CHECK(path.mend_hooks().empty());
    REQUIRE(harness::shell("tc qdisc del dev s0 clsact"));
    REQUIRE(harness::shell("tc filter del dev s1 ingress"));
    REQUIRE(harness::shell("tc qdisc replace dev xb0 clsact && tc filter del dev xb0 egress"));
    const auto told = path.mend_hooks();
    CHECK(told.size() == 3);
    CHECK(has_filter("s0", our_filter));
    CHECK(has_filter("s1", our_filter));
    CHECK(test::tc_shows("filter show dev xb0 egress", our_filter));
    CHECK(path.mend_hooks().empty());
    REQUIRE(harness::shell("tc qdisc del dev s0 clsact && tc qdisc add dev s0 clsact")); // theirs now
    add_foreign_filter("s0");
    CHECK(path.mend_hooks().size() == 1);
    path.teardown();
    CHECK_FALSE(has_qdisc("s1"));
    CHECK(has_filter("s0", foreign_filter));
}

TEST_CASE("a tcx link cannot be taken away unheard") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features("tcx"));
    CHECK_FALSE(path.hooks_can_be_taken());
    CHECK(path.mend_hooks().empty());
}

TEST_CASE("a clsact qdisc that was there before stays, with its filters") {
    const test::Lab lab;
    for (const char *const device : {"s0", "s1"}) {
        REQUIRE(harness::shell(std::string("tc qdisc add dev ") + device + " clsact"));
    }
    add_foreign_filter("s0");
    DataPath path = test::make_path(lab, test::features("clsact"));
    CHECK(has_filter("s0", our_filter));
    CHECK(has_filter("s0", foreign_filter));
    SECTION("by its owner") { path.teardown(); }
    SECTION("by its pins") {
        { const DataPath gone = std::move(path); }
        remove_pins(lab.config().pin_dir);
    }
    CHECK_FALSE(has_filter("s0", our_filter));
    CHECK(has_filter("s0", foreign_filter));
    CHECK(has_qdisc("s1"));
}

TEST_CASE("a bond's pins are removed without touching another bond's filters") {
    const test::Lab lab;
    const Features features = test::features("clsact");
    DataPath path = test::make_path(lab, features);
    harness::ip("link add xb1 type veth peer name xb1p");
    const std::filesystem::path other = lab.bpffs() / "xbond" / "1" / "xb1";
    DataPath second = need(DataPath::create({other, ifindex("xb1"), ifindex("xb1p"), {}}, features));
    CHECK(pinned_bonds(other.parent_path()) == std::vector<std::string>{"xb0", "xb1"});
    second.teardown();
    CHECK(has_filter("s0", our_filter));
    CHECK(has_filter("xb0p", our_filter));
    CHECK_FALSE(has_qdisc("xb1p"));
    CHECK(pinned_bonds(other.parent_path()) == std::vector<std::string>{"xb0"});
}
