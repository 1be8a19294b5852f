// SPDX-License-Identifier: MIT
// What the documents say by the way: blocks, links, paths, names, commands.
#include <algorithm>
#include <catch2/catch.hpp>
#include <iterator>
#include <set>
#include <span>
#include <sstream>

#include "tests/docs/pages.h"
#include "tests/docs/tree.h"
#include "user/api/protocol.h"
#include "user/cli/command.h"

using namespace xbond;
using namespace xbond::test;
namespace fs = std::filesystem;
using docs::all_code;
using docs::file_text;
using docs::matches;
using docs::root;
using docs::sources;
using docs::words;

namespace {

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
        CHECK((block.not_run.empty() || block.language == "sh" || block.language == "c" || block.language == "cpp" ||
               block.language == "console"));
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
