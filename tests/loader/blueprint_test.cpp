// SPDX-License-Identifier: MIT
#include "loader/blueprint.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/loader/lab.h"

using namespace xbond;
using namespace xbond::loader;
using Catch::Matchers::Contains;

TEST_CASE("a blueprint is made once, and each load has maps and read-only data of its own") {
    const Blueprint *const blueprint = test::need(Blueprint::of(ObjectKind::tx, CarrierCheck::none));
    CHECK(test::need(Blueprint::of(ObjectKind::tx, CarrierCheck::none)) == blueprint);
    CHECK(test::need(Blueprint::of(ObjectKind::rx, CarrierCheck::none)) != blueprint);

    for (const Mode mode : {Mode::active_backup, Mode::balance_xor}) {
        Maps maps;
        Programs programs;
        xb_config config{};
        config.bond_ifindex = 7;
        config.mode = static_cast<std::uint32_t>(mode);
        test::need(blueprint->make_maps(maps));
        test::need(blueprint->load(config, maps, programs));
        CHECK_FALSE(programs.rx);
        const xb_config frozen = test::need(read_config(programs.tx.get()));
        CHECK(frozen.bond_ifindex == 7);
        CHECK(frozen.mode == config.mode);
        const auto used = test::need(program_info(programs.tx.get())).map_ids;
        CHECK(std::ranges::count(used, map_id(maps.fd(XB_MAP_TABLE))) == 1);
    }
}

TEST_CASE("the blueprint of the XDP programs makes their map and loads none") {
    const Blueprint *const blueprint = test::need(Blueprint::of(ObjectKind::xdp, CarrierCheck::none));
    Maps maps;
    Programs programs;
    test::need(blueprint->make_maps(maps));
    test::need(blueprint->load({}, maps, programs));
    CHECK(maps.fd(XB_MAP_XSK) >= 0);
    CHECK_FALSE(programs.tx);
}

TEST_CASE("a program that the kernel refuses is told with the verifier's reasons") {
    const Blueprint *const blueprint = test::need(Blueprint::of(ObjectKind::rx, CarrierCheck::none));
    Programs programs;
    const auto loaded = blueprint->load({}, Maps{}, programs); // without maps
    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error().code == EBADF);
    CHECK_THAT(loaded.error().message, Contains("cannot load BPF object xb_rx: Bad file descriptor"));
    CHECK_THAT(loaded.error().message, Contains("xb_rx: fd -1 is not pointing to valid bpf_map"));
}
