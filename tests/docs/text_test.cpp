// SPDX-License-Identifier: MIT
// What the documents say by the way: blocks, links, paths, commands, lists.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <utility>
#include <variant>

#include "tests/docs/pages.h"
#include "user/api/protocol.h"
#include "user/cli/command.h"
#include "user/files/attributes.h"
#include "user/import/export.h"
#include "user/import/machine.h"

using namespace xbond;
using namespace xbond::test;
namespace fs = std::filesystem;

namespace {

const fs::path root = XBOND_SOURCE_DIR;

std::string file_text(const fs::path &path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> sources(const std::string &directory, const std::string &ending) {
    std::vector<fs::path> found;
    for (const auto &entry : fs::recursive_directory_iterator(root / directory)) {
        if (entry.is_regular_file() && entry.path().string().ends_with(ending)) {
            found.push_back(entry.path());
        }
    }
    return found;
}

std::string all_code() {
    std::string code;
    for (const auto *directory : {"bpf", "include", "loader", "user", "xsk", "tests", "common"}) {
        for (const auto *ending : {".c", ".h", ".cpp"}) {
            for (const auto &path : sources(directory, ending)) {
                code += file_text(path);
            }
        }
    }
    return code;
}

std::set<std::string> identifiers(const std::string &code) {
    std::set<std::string> found;
    std::string one;
    for (const char c : code) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
            one += c;
        } else if (!one.empty()) {
            found.insert(std::exchange(one, ""));
        }
    }
    return found;
}

std::vector<std::smatch> matches(const std::string &text, const std::regex &pattern) {
    return {std::sregex_iterator(text.begin(), text.end(), pattern), {}};
}

std::set<std::string> words(const std::string &text) {
    std::istringstream in(std::regex_replace(text, std::regex("[,\n]"), " "));
    return {std::istream_iterator<std::string>(in), {}};
}

// "user/{core,api}/x.h" as its two paths.
std::vector<std::string> expand(const std::string &path) {
    const auto begin = path.find('{'), end = path.find('}');
    if (begin == std::string::npos || end == std::string::npos || end < begin) {
        return {path};
    }
    std::vector<std::string> all;
    std::istringstream in(path.substr(begin + 1, end - begin - 1));
    for (std::string part; std::getline(in, part, ',');) {
        for (const auto &more : expand(path.substr(0, begin) + part + path.substr(end + 1))) {
            all.push_back(more);
        }
    }
    return all;
}

bool in_tree(const std::string &path) {
    const auto star = path.find('*'); // prober.*
    const auto directory = fs::path(path).parent_path();
    if (star == std::string::npos) {
        return fs::exists(root / path);
    }
    const auto name = fs::path(path).filename().string();
    const auto begin = name.substr(0, name.find('*')), end = name.substr(name.find('*') + 1);
    return fs::is_directory(root / directory) &&
           std::any_of(fs::directory_iterator(root / directory), fs::directory_iterator(), [&](const auto &entry) {
               const auto there = entry.path().filename().string();
               return there.starts_with(begin) && there.ends_with(end);
           });
}

bool is_path(const std::string &word) {
    static const std::regex of_the_tree(
        R"((include|common|bpf|loader|user|xsk|tests|bench|packaging|docs|scripts)/[\w./{},*-]*[\w}*/-])");
    return std::regex_match(word, of_the_tree);
}

bool is_placeholder(const std::string &text) { return text.find("NAME") != std::string::npos; }

// The words of a line of a shell that are understood without one; none: it is more than one command.
std::vector<std::string> plain_words(std::string line) {
    line = line.substr(0, line.find(" > "));
    if (line.find_first_of("|;&$…\"'[<") != std::string::npos) {
        return {};
    }
    std::istringstream in(line);
    std::vector<std::string> all{std::istream_iterator<std::string>(in), {}};
    for (auto &word : all) {
        word = word == "..." ? "" : word;
    }
    std::erase(all, "");
    return all;
}

} // namespace

TEST_CASE("docs: every block of code tells its language, and every block of commands runs or says why not") {
    const std::set<std::string> known{"sh", "console", "json", "c", "cpp", "yaml", "text", "diff"};
    for (const auto &block : docs::all_blocks()) {
        INFO(block.where() << ": " << block.language);
        CHECK(known.contains(block.language));
        CHECK((block.not_run.empty() || block.not_run.size() > 10));
        CHECK(
            (block.not_run.empty() || block.language == "sh" || block.language == "c" || block.language == "console"));
    }
    for (const auto &page : docs::pages()) {
        std::istringstream lines(docs::read(page));
        bool inside = false, empty = true;
        int number = 0;
        for (std::string line; std::getline(lines, line); empty = line.empty()) {
            ++number;
            inside = inside != line.starts_with("```");
            if (!inside && empty && line.starts_with("    ")) {
                FAIL_CHECK(page << ":" << number << ": a block without a language: put it between ``` lines");
            }
        }
    }
}

TEST_CASE("docs: links lead to files that are there") {
    const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
    for (const auto &page : docs::pages()) {
        const auto text = docs::read(page);
        for (const auto &m : matches(text, link)) {
            INFO(page << ": " << m[1].str());
            CHECK(fs::exists(root / fs::path(page).parent_path() / m[1].str()));
        }
    }
}

TEST_CASE("docs: every page is found from docs/README.md, or from the README.md of its directory") {
    const std::regex link(R"(\]\(([^)#:]+\.md)(#[^)]*)?\))");
    std::vector<std::string> open;
    for (const auto &page : docs::pages()) {
        if (page.starts_with("docs/") && page.ends_with("/README.md")) {
            open.push_back(page);
        }
    }
    REQUIRE(open.front() == "docs/README.md");
    std::set<std::string> seen(open.begin(), open.end());
    while (!open.empty()) {
        const auto page = open.back();
        open.pop_back();
        const auto text = docs::read(page);
        for (const auto &m : matches(text, link)) {
            const auto next = (fs::path(page).parent_path() / m[1].str()).lexically_normal().string();
            if (fs::exists(root / next) && seen.insert(next).second) {
                open.push_back(next);
            }
        }
    }
    for (const auto &page : docs::pages()) {
        INFO(page);
        CHECK(seen.contains(page));
    }
}

TEST_CASE("docs: files and directories that are named are in the tree") {
    for (const auto &page : docs::pages()) {
        auto named = docs::inline_code(page);
        for (const auto &block : docs::blocks(page)) {
            if (block.language == "sh" || block.language == "console") {
                std::istringstream in(block.text);
                std::copy(std::istream_iterator<std::string>(in), {}, std::back_inserter(named));
            }
        }
        for (const auto &word : named) {
            const auto path = word.starts_with("./") ? word.substr(2) : word;
            if (!is_path(path) || is_placeholder(path)) {
                continue;
            }
            for (const auto &one : expand(path)) {
                INFO(page << ": " << one);
                CHECK(in_tree(one));
            }
        }
    }
}

TEST_CASE("docs: functions that are named are in the code") {
    const auto code = all_code();
    const std::regex function(R"((?:\w+::)*(\w+)\(\w*\))");
    for (const auto &page : docs::pages()) {
        for (const auto &word : docs::inline_code(page)) {
            std::smatch m;
            if (std::regex_match(word, m, function) && !is_placeholder(word)) {
                INFO(page << ": " << word);
                CHECK(code.find(m[1].str() + "(") != std::string::npos);
            }
        }
    }
}

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

TEST_CASE("docs: programs of the build that are named are built") {
    std::string cmake;
    for (const auto &directory : {"user", "tests", "bench", "xsk"}) {
        for (const auto &path : sources(directory, "CMakeLists.txt")) {
            cmake += file_text(path);
        }
    }
    const std::regex program(R"(\bxb_\w+_tests\b)");
    for (const auto &page : docs::pages()) {
        const auto text = docs::read(page);
        for (const auto &m : matches(text, program)) {
            INFO(page << ": " << m.str());
            CHECK(std::regex_search(cmake, std::regex("tests\\(" + m.str() + "\\b")));
        }
    }
}

TEST_CASE("docs: commands of xbond that are named in a sentence are understood") {
    std::size_t understood = 0;
    for (const auto &page : docs::pages()) {
        for (const auto &code : docs::inline_code(page)) {
            const auto typed = plain_words(code);
            if (typed.size() < 2 || typed.front() != "xbond" || page == "CHANGELOG.md") {
                continue;
            }
            INFO(page << ": " << code);
            const auto parsed = cli::parse_command(std::span(typed).subspan(1));
            // The beginning of a command names it, too: then only a word that is none is wrong.
            const auto why = parsed ? "" : parsed.error().message;
            INFO(why);
            CHECK((why.find("unknown") == std::string::npos && why.find("unexpected") == std::string::npos));
            understood += parsed ? 1 : 0;
        }
    }
    CHECK(understood > 30);
}

TEST_CASE("docs: JSON of config files is what they take") {
    std::size_t taken = 0;
    for (const auto &block : docs::all_blocks()) {
        if (block.language != "json" || block.kind != "config") {
            continue;
        }
        const auto plain = std::regex_replace(block.text, std::regex(" *//[^\n]*"), "");
        const auto config = api::parse_config(plain, block.where());
        INFO(block.where() << (config ? "" : ": " + config.error().message));
        CHECK(config);
        ++taken;
    }
    CHECK(taken >= 2);
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
