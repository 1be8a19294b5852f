// SPDX-License-Identifier: MIT
// The kinds of hook side by side: each knows itself, and nobody else.
#include <algorithm>
#include <bpf/bpf.h>
#include <catch2/catch.hpp>
#include <filesystem>
#include <iostream>
#include <linux/if_link.h>
#include <set>

#include "loader/hook/hook.h"
#include "loader/pins.h"
#include "tests/loader/lab.h"

using namespace xbond;
using namespace xbond::loader;
using harness::ifindex;
using test::need;

namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t no_map = 0xffffffff; // an id that no map has

HookPlace bond_place(const test::Lab &lab) {
    return {{ifindex("xb0"), Direction::egress}, lab.config().pin_dir, "tx_bond"};
}

HookPlace slave_place(const test::Lab &lab) {
    return {{ifindex("s0"), Direction::ingress}, lab.config().pin_dir, "rx_0"};
}

std::uint32_t table_id(const test::Lab &lab) {
    return map_id(need(open_pin(lab.config().pin_dir / XB_MAP_TABLE)).get());
}

// A link of another type on the bond, under the name that our links have.
void pin_foreign_link(const fs::path &path) {
    const Fd program = test::foreign_program(true);
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_SKB_MODE);
    const Fd link(bpf_link_create(program.get(), static_cast<int>(ifindex("xb0")), BPF_XDP, &options));
    REQUIRE(link);
    need(pin(link.get(), path));
}

std::set<std::string> names_in(const fs::path &dir) {
    std::set<std::string> names;
    for (const auto &entry : fs::directory_iterator(dir)) {
        names.insert(entry.path().filename());
    }
    return names;
}

} // namespace

TEST_CASE("every kind of hook has a name and a feature of its own, and the last is everywhere") {
    std::set<std::string_view> names;
    std::set<std::string_view> features;
    for (const HookKind *kind : hook_kinds()) {
        CHECK_FALSE(kind->name().empty());
        CHECK_FALSE(kind->means().empty());
        CHECK(names.insert(kind->name()).second);
        CHECK((kind->feature().empty() || features.insert(kind->feature()).second));
    }
    const HookKind &last = *hook_kinds().back();
    CHECK(last.feature().empty());
    CHECK(last.try_out(-1).has_value());
    CHECK(names.contains("tcx")); // the status prints them: none is renamed
    CHECK(names.contains("clsact"));
}

TEST_CASE("a data path is adopted by the kind of hook that made it, whatever the kernel's best is") {
    const test::Lab lab;
    const auto *const made_by = GENERATE(from_range(test::hooks()));
    CAPTURE(made_by->name());
    {
        const DataPath left = test::make_path(lab, test::features(made_by->name()));
        CHECK(left.hook() == made_by->name());
    }
    for (const HookKind *kind : test::hooks()) {
        const DataPath path = need(DataPath::adopt(lab.config(), test::features(kind->name())));
        CHECK(path.hook() == made_by->name());
    }
}

TEST_CASE("a kind of hook recognises what it left, and nothing of another kind or another bond") {
    const test::Lab lab;
    const auto *const made_by = GENERATE(from_range(test::hooks()));
    CAPTURE(made_by->name());
    { const DataPath left = test::make_path(lab, test::features(made_by->name())); }
    const std::uint32_t id = table_id(lab);
    for (const HookPlace &place : {bond_place(lab), slave_place(lab)}) {
        for (const HookKind *kind : hook_kinds()) {
            CAPTURE(kind->name(), place.name);
            CHECK(kind->adopt(place, id).has_value() == (kind == made_by));
        }
        CHECK(need(find_hook_kind(place, id)) == made_by);
        HookPlace elsewhere = place;
        elsewhere.pin_dir = lab.bpffs() / "other";
        const auto found = find_hook_kind(elsewhere, no_map);
        REQUIRE_FALSE(found);
        CHECK(found.error().code == EPROTO);
    }
}

TEST_CASE("the pins of tcx and of clsact keep their names") {
    const test::Lab lab;
    const DataPath path = test::make_path(lab, test::features(GENERATE("tcx", "clsact")));
    CAPTURE(path.hook());
    const auto names = names_in(lab.config().pin_dir);
    const bool tcx = path.hook() == "tcx";
    for (const char *const link : {"tx_bond", "tx_peer", "rx_0", "rx_1"}) {
        CHECK(names.contains(link) == tcx);
    }
    for (const char *const device : {"xb0", "xb0p", "s0", "s1"}) {
        CHECK(names.contains("qdisc_" + std::to_string(ifindex(device))) == !tcx);
    }
}

TEST_CASE("the pins of an unknown kind of hook are refused with EPROTO and left alone") {
    const test::Lab lab;
    const fs::path dir = lab.config().pin_dir;
    const auto *const believed = GENERATE(from_range(test::hooks()));
    CAPTURE(believed->name());
    const Features features = test::features(believed->name());
    {
        const DataPath left = test::make_path(lab, test::features());
        for (const HookKind *kind : test::hooks()) { // all that holds programs goes; maps and programs stay
            for (const auto &place : {bond_place(lab), HookPlace{{ifindex("xb0p"), Direction::ingress}, dir, "tx_peer"},
                                      slave_place(lab)}) {
                if (auto hook = kind->adopt(place, table_id(lab)); hook) {
                    (*hook)->detach();
                }
            }
        }
    }
    std::string there;
    SECTION("links under the names of ours") {
        pin_foreign_link(dir / "tx_bond");
        there = "tx_bond";
    }
    SECTION("links under other names") {
        pin_foreign_link(dir / "kit_bond");
        there = "kit_bond";
    }
    const auto adopted = DataPath::adopt(lab.config(), features);
    REQUIRE_FALSE(adopted);
    CHECK(adopted.error().code == EPROTO);
    for (const HookKind *kind : hook_kinds()) { // the message says who was asked
        CHECK(adopted.error().message.find(std::string(kind->name()) + ": ") != std::string::npos);
    }
    CHECK(names_in(dir).contains(there));
    CHECK(need(link_info(need(open_pin(dir / there)).get())).ifindex == ifindex("xb0"));
}

TEST_CASE("a slave's pin of an unknown kind of hook is refused, not passed over") {
    const test::Lab lab;
    const Features features = test::features();
    if (features.hook->name() != "tcx") {
        std::cout << "SKIPPED: this kernel has no tcx\n";
        return;
    }
    { const DataPath left = test::make_path(lab, features); }
    need(features.hook->adopt(slave_place(lab), table_id(lab)))->detach();
    pin_foreign_link(lab.config().pin_dir / "rx_0");
    const auto adopted = DataPath::adopt(lab.config(), features);
    REQUIRE_FALSE(adopted);
    CHECK(adopted.error().code == EPROTO);
}

TEST_CASE("removing the pins removes the programs, whichever kind of hook holds them") {
    const test::Lab lab;
    const auto *const kind = GENERATE(from_range(test::hooks()));
    CAPTURE(kind->name());
    { const DataPath left = test::make_path(lab, test::features(kind->name())); }
    const std::uint32_t id = table_id(lab);
    remove_pins(lab.config().pin_dir);
    for (const HookPlace &place : {bond_place(lab), slave_place(lab)}) {
        const auto found = find_hook_kind(place, id);
        REQUIRE_FALSE(found);
        CHECK(found.error().code == EPROTO);
    }
    CHECK_FALSE(fs::exists(lab.config().pin_dir));
}
