// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>

#include "loader/xdp/drivers.h"
#include "tests/loader/lab.h"

using namespace xbond;
using namespace xbond::loader;

TEST_CASE("the feature probe names every feature and agrees with itself") {
    const Features features = test::need(detect_features());
    for (const Feature &feature : features.list) {
        std::cout << feature.name << ": " << (feature.available ? "yes" : "no") << ", " << feature.detail << '\n';
    }

    const auto available = [&features](std::string_view name) {
        const auto found = std::ranges::find(features.list, name, &Feature::name);
        REQUIRE(found != features.list.end());
        CHECK_FALSE(found->detail.empty());
        return found->available;
    };
    CHECK(available("tcx") == (features.hook->name() == "tcx"));
    CHECK(available("bpf_timer") == features.bpf_timer);
    CHECK(available("freplace") == features.freplace);
    CHECK(available("af_xdp") == features.af_xdp);
    const bool kfunc = available("carrier_kfunc");
    const bool probe_read = available("carrier_probe_read");
    CHECK(features.carrier == (kfunc        ? CarrierCheck::kfunc
                               : probe_read ? CarrierCheck::probe_read
                                            : CarrierCheck::none));
}

TEST_CASE("a feature that is probed as available works") {
    const test::Lab lab;
    const Features features = test::features();
    DataPath path = test::make_path(lab, features);
    CHECK(path.hook() == features.hook->name());
    CHECK(path.carrier_check() == features.carrier);
    CHECK(path.set_watch(Ms(1)).has_value() == features.bpf_timer);
}

TEST_CASE("xdp auto: native on physical drivers, off where XDP copies, off when unknown, always with a reason") {
    for (const char *const driver : {"ixgbe", "i40e", "ice", "igb", "igc", "mlx5_core", "bnxt_en", "ena"}) {
        CHECK(xdp_rule(driver).native);
    }
    for (const char *const driver : {"veth", "tun", "virtio_net", "bonding", "e1000e", ""}) {
        CHECK_FALSE(xdp_rule(driver).native);
    }
    for (const char *const driver : {"ixgbe", "veth", "e1000e"}) {
        CHECK_FALSE(xdp_rule(driver).reason.empty());
    }
    CHECK(xdp_rule("mlx5_core").driver == "mlx5_core");
    CHECK(xdp_rule("e1000e").reason.find("not in the table") != std::string_view::npos);
}
