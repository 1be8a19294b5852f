// SPDX-License-Identifier: MIT
// Every case of tests/data/import, compared with what it expects.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "tests/import/tree.h"
#include "user/api/protocol.h"
#include "user/core/options/option_table.h"
#include "user/import/syntax/text.h"

using namespace xbond;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

std::vector<fs::path> cases() {
    std::vector<fs::path> out;
    for (const auto &entry : fs::directory_iterator(XB_TEST_DATA "/import")) {
        if (entry.path().extension() == ".case") {
            out.push_back(entry.path());
        }
    }
    std::ranges::sort(out);
    return out;
}

ordered_json as_object(const ordered_json &slave) { return slave.is_string() ? ordered_json{{"name", slave}} : slave; }

// Name and MAC that the source ties together: either, or both.
bool same_slave(const ordered_json &wanted, const ordered_json &got) {
    auto w = as_object(wanted), g = as_object(got);
    const std::set<std::string> both{"name", "mac"};
    std::set<std::string> keys;
    for (const auto &[key, value] : w.items()) {
        keys.insert(key);
    }
    const bool tied = std::ranges::includes(keys, both);
    for (const auto &[key, value] : g.items()) {
        if (!w.contains(key) || w[key] != value) {
            return false;
        }
    }
    for (const auto &key : keys) {
        if (!g.contains(key) && !(tied && both.contains(key) && (g.contains("name") || g.contains("mac")))) {
            return false;
        }
    }
    return true;
}

void check_options(const ordered_json &wanted, const ordered_json &got) {
    const std::set<std::string> others{"mode", "slaves", "mtu", "address"};
    const auto plain = [](const ordered_json &options) {
        std::map<std::string, std::string> out;
        for (const auto &[key, value] : options.items()) {
            out[std::string(core::find_option(key)->name)] = value.get<std::string>();
        }
        return out;
    };
    const auto must = plain(wanted["options"]), may = plain(wanted.value("may", ordered_json::object()));
    for (const auto &[key, value] : must) {
        INFO(key);
        REQUIRE(got.contains(key));
        CHECK(got[key] == value);
    }
    for (const auto &[key, value] : got.items()) {
        INFO(key << " = " << value);
        const auto allowed = may.find(key);
        CHECK((others.contains(key) || must.contains(key) || (allowed != may.end() && value == allowed->second)));
    }
}

void check_slaves(const ordered_json &wanted, const ordered_json &got) {
    INFO(got.dump());
    REQUIRE(got.size() == wanted["slaves"].size());
    for (std::size_t i = 0; i < got.size(); ++i) {
        const auto &one = wanted["slaves"][i];
        INFO(one.dump());
        CHECK((wanted.value("ordered", false)
                   ? same_slave(one, got[i])
                   : std::any_of(got.begin(), got.end(), [&](const auto &other) { return same_slave(one, other); })));
    }
}

void check_notes(const ordered_json &wanted, const import::Notes &notes) {
    for (const auto &one : wanted) {
        const auto first = one["line"].is_array() ? one["line"][0] : one["line"];
        const auto last = one["line"].is_array() ? one["line"][1] : one["line"];
        INFO(one.dump());
        CHECK(std::ranges::any_of(notes, [&](const import::Note &note) {
            return note.at.file == one["file"] && note.at.line >= first && note.at.line <= last &&
                   import::lower(note.text).find(import::lower(one["what"].get<std::string>())) != std::string::npos;
        }));
    }
}

void check_case(const fs::path &path) {
    const auto files = test::read_case(path);
    const auto expected = ordered_json::parse(files.at("expect.json"));
    const test::Tree tree(files);
    const auto imported = test::import_tree(tree.root());
    if (!expected["error"].is_null()) {
        REQUIRE_FALSE(imported);
        CHECK(imported.error().message.starts_with(expected["error_file"].get<std::string>()));
        return;
    }
    INFO((imported ? "" : imported.error().message));
    REQUIRE(imported);
    const auto &bonds = imported->config["bonds"];
    REQUIRE(bonds.size() == expected["bonds"].size());
    for (const auto &[name, wanted] : expected["bonds"].items()) {
        INFO(name);
        REQUIRE(bonds.contains(name));
        const auto &got = bonds[name];
        CHECK(got["mode"] == wanted["mode"]);
        CHECK(got.value("mtu", 0) == wanted.value("mtu", 0));
        CHECK(got.value("address", "") == wanted.value("address", ""));
        check_options(wanted, got);
        check_slaves(wanted, got["slaves"]);
    }
    check_notes(expected["dropped"], imported->notes);
    const auto config = api::parse_config(imported->config.dump(), "imported"); // what import prints, apply takes
    INFO((config ? "" : config.error().message));
    CHECK(config);
    CHECK_NOTHROW(import::to_json(*imported).dump()); // UTF-8
}

} // namespace

TEST_CASE("import: every case of the corpus comes out as its format's owner would have it") {
    const auto all = cases();
    REQUIRE(all.size() >= 50);
    for (const auto &path : all) {
        DYNAMIC_SECTION(path.stem().string()) { check_case(path); }
    }
}
