// SPDX-License-Identifier: MIT
// Lists that the documents have of things in the code.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "tests/docs/pages.h"
#include "tests/docs/tree.h"
#include "user/api/protocol.h"
#include "user/cli/command.h"
#include "user/files/attributes.h"
#include "user/import/export.h"
#include "user/import/machine.h"

using namespace xbond;
using namespace xbond::test;
namespace fs = std::filesystem;
using docs::all_code;
using docs::file_text;
using docs::identifiers;
using docs::matches;
using docs::root;
using docs::sources;
using docs::words;

TEST_CASE("docs/terms.md: what a term is called in the code is there") {
    const auto names = identifiers(all_code());
    const auto page = docs::read("docs/terms.md");
    const std::regex row(R"(\n\| [^|]+ \| ([^|]+) \|)"), name(R"(`(?:[\w ]+::|struct )*(\w+)`)");
    std::size_t found = 0;
    for (const auto &m : matches(page, row)) {
        const auto meaning = m[1].str();
        for (const auto &called : matches(meaning, name)) {
            INFO(called.str());
            CHECK(names.contains(called[1].str()));
            ++found;
        }
    }
    CHECK(found > 20);
}

TEST_CASE("docs/command-line.md and the help: every command, every exit code") {
    const auto page = docs::read("docs/command-line.md"), help = cli::help_text({});
    const std::vector<std::string> nonsense{"nonsense"};
    const auto message = cli::parse_command(nonsense).error().message;
    const auto known =
        words(message.substr(message.find("known: ") + 7, message.find(". See") - message.find("known: ") - 7));
    CHECK(known.size() >= 16);
    for (const auto &command : known) {
        INFO(command);
        CHECK((page.find("| `" + command) != std::string::npos || page.find("xbond " + command) != std::string::npos));
        CHECK(help.find("  " + command + " ") != std::string::npos);
    }
    const std::map<int, std::string> codes{{cli::exit_ok, "done"},
                                           {cli::exit_refused, "refused"},
                                           {cli::exit_usage, "usage"},
                                           {cli::exit_no_daemon, "no daemon"},
                                           {cli::exit_denied, "permission denied"}};
    std::size_t rows = 0;
    for (const auto &m : matches(page, std::regex(R"(\n\| (\d) \| ([^|\n]+))"))) {
        const auto code = codes.find(std::stoi(m[1]));
        REQUIRE(code != codes.end());
        CHECK(m[2].str().starts_with(code->second));
        CHECK(help.find(m[1].str() + " " + code->second) != std::string::npos);
        ++rows;
    }
    CHECK(rows == codes.size());
}

TEST_CASE("docs/command-line.md: the formats of import and export") {
    const auto page = docs::read("docs/command-line.md");
    for (const auto format : import::format_names()) {
        INFO(format);
        CHECK(page.find("| `" + std::string(format) + "` |") != std::string::npos);
    }
    for (const auto format : import::export_names()) {
        INFO(format);
        CHECK(page.find("`" + std::string(format) + "`") != std::string::npos);
    }
}

TEST_CASE("docs/control-protocol.md: every request") {
    const auto page = docs::read("docs/control-protocol.md");
    const auto named = [&]<std::size_t... I>(std::index_sequence<I...>) {
        for (const auto &request : {api::Request(std::in_place_index<I>)...}) {
            INFO(api::command(request));
            CHECK(page.find("| `" + std::string(api::command(request)) + "` |") != std::string::npos);
        }
    };
    named(std::make_index_sequence<std::variant_size_v<api::Request>>());
}

TEST_CASE("docs/status-schema.md: the machines of transitions are those that the program names") {
    std::string code;
    for (const auto *directory : {"user/core", "user/daemon/bond"}) {
        for (const auto &path : sources(directory, ".cpp")) {
            code += file_text(path);
        }
    }
    std::set<std::string> named;
    const std::regex reported(
        R"re((?:step\.report\((?:searching \? "(\w+)" : )?|run\.change\(|run\.now, |return \{|Transition \w+\{[^"]*)"(\w+)",\s)re");
    for (const auto &m : matches(code, reported)) {
        for (const auto &name : {m[1].str(), m[2].str()}) {
            if (!name.empty()) {
                named.insert(name);
            }
        }
    }
    named.erase("search"); // of the ARP monitor: for the log alone
    CHECK(named == words(docs::section("docs/status-schema.md", "machines")));
}

TEST_CASE("docs/monitoring.md: metrics that are named are there, and units") {
    const auto code = file_text(root / "user/show/metrics.cpp");
    const std::regex metric(R"((xbond|node_bonding)_\w+(\*?)(\{[\w,]*\})?)"), unit(R"([\w-]+@?\.(service|network))");
    std::size_t found = 0;
    for (const auto &page : docs::pages()) {
        for (const auto &word : docs::inline_code(page)) {
            if (page == "docs/monitoring.md" && std::regex_match(word, metric)) {
                INFO(word);
                const auto name = word.substr(0, word.find_first_of("*{"));
                const auto kind = name.substr(name.find('_') + 1, name.size() - name.find('_') - 2); // "turns"
                CHECK((code.find("\"" + name) != std::string::npos ||
                       code.find("\"" + kind + "\"") != std::string::npos));
                ++found;
            }
            if (std::regex_match(word, unit) && word.starts_with("xbond")) {
                INFO(page << ": " << word);
                CHECK(fs::exists(root / "packaging" / word));
            }
        }
    }
    CHECK(found >= 6);
}

TEST_CASE("docs: samples have the version of this build") {
    CHECK(docs::read("README.md").find("\nxbond " XBOND_VERSION ", kernel ") != std::string::npos);
    CHECK(docs::read("docs/status-schema.md").find("\"xbond\": \"" XBOND_VERSION "\"") != std::string::npos);
    CHECK(docs::read("CHANGELOG.md").find(XBOND_VERSION) != std::string::npos);
}

TEST_CASE("docs/monitoring.md: as many files as there are") {
    const auto page = docs::read("docs/monitoring.md");
    const auto says = [&](std::size_t count, const std::string &what) {
        return page.find("the " + std::to_string(count) + " files of " + what) != std::string::npos;
    };
    CHECK(says(files::bond_attributes().size(), "the driver"));
    CHECK(says(files::slave_attributes().size(), "a slave"));
}

TEST_CASE("HACKING.md: each version number is the one in the code") {
    const auto table = docs::section("HACKING.md", "versions");
    std::size_t rows = 0;
    for (const auto &m : matches(table, std::regex(R"(\n\| [^|]+ \| ([\d.]+) \| `([^`]+)` in `([^`]+)` \|)"))) {
        const auto text = file_text(root / m[3].str());
        const auto name = std::regex_replace(m[2].str(), std::regex("\\("), "\\(");
        std::smatch found;
        INFO(m.str());
        REQUIRE(std::regex_search(text, found, std::regex("\\b" + name + R"("?[ ,=]+([\d.]+))")));
        CHECK(found[1].str() == m[1].str());
        ++rows;
    }
    CHECK(rows >= 7);
}

TEST_CASE("HACKING.md: every preset of the build") {
    const auto page = docs::read("HACKING.md"), presets = file_text(root / "CMakePresets.json");
    for (const auto &m : matches(presets, std::regex(R"re("name": "(\w+)")re"))) {
        INFO(m[1].str());
        CHECK(page.find("| `" + m[1].str() + "` |") != std::string::npos);
    }
}

TEST_CASE("docs/architecture.md: the layers are those of the check") {
    auto page = docs::read("docs/architecture.md");
    page = page.substr(page.find("### Layers"));
    page = page.substr(0, page.find("\n#", 1));
    std::vector<std::string> rows;
    for (const auto &m : matches(page, std::regex("\n\\| (`[^|]+) \\|"))) {
        const auto cell = m[1].str();
        for (const auto &name : matches(cell, std::regex("`([^`]+)`"))) {
            rows.push_back(name[1].str());
        }
    }
    const auto check = file_text(root / "tests/check/layers.py");
    std::vector<std::string> layers;
    for (const auto &m : matches(check, std::regex(R"re(\n    "([\w/]+)": Layer\()re"))) {
        layers.push_back(m[1].str());
    }
    CHECK(layers.size() > 15);
    const auto within = [](const std::string &path, const std::string &directory) {
        return path == directory || path.starts_with(directory + "/");
    };
    for (const auto &layer : layers) {
        INFO(layer);
        CHECK(std::ranges::any_of(rows, [&](const auto &row) { return within(layer, row); }));
    }
    for (const auto &row : rows) {
        INFO(row);
        CHECK(std::ranges::any_of(layers, [&](const auto &layer) { return within(layer, row); }));
    }
}

namespace {

// Of all tests; a macro that stands in front is none of the title.
std::set<std::string> all_titles() {
    const std::regex title(R"re(TEST_CASE\(\s*(?:\w+\s+)?((?:"(?:[^"\\]|\\.)*"\s*)+))re");
    const std::regex part(R"re("((?:[^"\\]|\\.)*)")re");
    std::set<std::string> titles;
    for (const auto &path : sources("tests", "_test.cpp")) {
        const auto text = file_text(path);
        for (const auto &m : matches(text, title)) {
            const auto parts = m[1].str();
            std::string whole;
            for (const auto &p : matches(parts, part)) {
                whole += p[1].str();
            }
            titles.insert(whole.substr(whole.find_first_not_of(' ')));
        }
    }
    for (const auto &path : sources("tests/core/scenarios", ".txt")) {
        titles.insert("scenario " + path.parent_path().filename().string() + "/" + path.stem().string());
    }
    return titles;
}

} // namespace

TEST_CASE("docs/tested-faults.md: each fault has a test of its own and a sibling, which are there") {
    const auto titles = all_titles();
    const auto page = docs::read("docs/tested-faults.md");
    std::set<std::string> held;
    for (const auto &m : matches(page, std::regex(R"(\n\| [^|\n]+ \| `([^`|\n]+)` \| `([^`|\n]+)` \|)"))) {
        for (const auto &name : {m[1].str(), m[2].str()}) {
            INFO(name);
            CHECK(titles.contains(name));
        }
        CHECK(m[1].str() != m[2].str());
        held.insert(m[1].str());
    }
    CHECK(held.size() >= 30);
    CHECK(held.size() + 1 == matches(page, std::regex(R"(\n\| )")).size()); // and the head of the table
}

TEST_CASE("docs/threat-model.md: the tests that it names are there") {
    std::string titles;
    for (const auto &path : sources("tests", "_test.cpp")) {
        const auto text = file_text(path);
        for (const auto &m : matches(text, std::regex(R"re(TEST_CASE\((?:\w+\s)?\s*"([^"]*))re"))) {
            titles += "\n" + m[1].str();
        }
    }
    const std::regex named(R"(^([\w ]+: ?[^`]*?) ?\.\.\.$)");
    std::size_t found = 0;
    for (const auto &code : docs::inline_code("docs/threat-model.md")) {
        std::smatch m;
        if (std::regex_match(code, m, named)) {
            INFO(code);
            auto wanted = m[1].str(); // "an application: what ... it cannot write": only up to the first gap
            wanted = wanted.substr(0, wanted.find(" ..."));
            CHECK(titles.find("\n" + wanted) != std::string::npos);
            ++found;
        }
    }
    CHECK(found > 10);
}
