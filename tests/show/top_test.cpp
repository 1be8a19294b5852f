// SPDX-License-Identifier: MIT
// xbond top: rates between two looks, trouble first, never more than fits.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/show/view_builder.h"
#include "user/show/render.h"
#include "user/show/top.h"

using namespace xbond;
using nlohmann::ordered_json;
using show::top_text;

namespace {

ordered_json status() {
    auto out = show::status_json(test::snapshot_of(test::bond_view(Mode::active_backup)));
    for (auto &slave : out["bonds"][0]["slaves"]) {
        slave["link"] = "up";
    }
    out["bonds"][0]["carrier"] = true;
    return out;
}

std::vector<std::string> lines(const std::string &text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        out.push_back(line);
    }
    return out;
}

} // namespace

TEST_CASE("top: rates are what was counted between two looks, and unknown where counters began anew") {
    const auto before = status();
    auto now = before;
    now["now_ns"] = before["now_ns"].get<std::int64_t>() + 2'000'000'000;
    auto &counters = now["bonds"][0]["slaves"][0]["counters"];
    counters["tx_packets"] = before["bonds"][0]["slaves"][0]["counters"]["tx_packets"].get<int>() + 3000;
    counters["tx_bytes"] = before["bonds"][0]["slaves"][0]["counters"]["tx_bytes"].get<int>() + 2'000'000;
    const auto name = now["bonds"][0]["slaves"][0]["name"].get<std::string>();
    const auto row_of = [&](const ordered_json &earlier, const ordered_json &later) {
        const auto all = lines(top_text(earlier, later, {200, 50}));
        return *std::ranges::find_if(all, [&](const auto &line) { return line.starts_with("  " + name); });
    };
    CHECK(row_of(before, now).find("1.50k") != std::string::npos);
    CHECK(row_of(before, now).find("8.00M") != std::string::npos);
    CHECK(row_of(now, before).find("1.50k") == std::string::npos);
    CHECK(row_of(ordered_json::object(), now).find(" - ") != std::string::npos);
}

TEST_CASE("top: 64 bonds fit into any window, those with trouble first, and what is left out is said") {
    auto now = status();
    const auto bond = now["bonds"][0];
    for (int n = 1; n < 64; ++n) {
        now["bonds"].push_back(bond);
        now["bonds"].back()["name"] = "b" + std::to_string(n);
    }
    now["bonds"][40]["carrier"] = false;
    for (const auto &[width, height] : {std::pair<std::size_t, std::size_t>{80, 24}, {200, 60}, {20, 5}, {1, 1}}) {
        const auto all = lines(top_text(ordered_json::object(), now, {width, height}));
        INFO(width << "x" << height);
        CHECK(all.size() < std::max<std::size_t>(height, 4));
        CHECK(std::ranges::all_of(all, [w = width](const auto &line) { return line.size() <= w; }));
    }
    const auto small = lines(top_text(ordered_json::object(), now, {80, 24}));
    CHECK(small[2].starts_with("b40 "));
    CHECK(small.back().starts_with("... "));
    const auto large = lines(top_text(ordered_json::object(), now, {80, 1000}));
    CHECK(large.size() >= 2 + 64 * 3);
    CHECK(large[0].find("64 bonds, 128 slaves, 0 not up") != std::string::npos);
}
