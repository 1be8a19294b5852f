// SPDX-License-Identifier: MIT
#include "tests/docs/pages.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace xbond::test::docs {

namespace fs = std::filesystem;

namespace {

const fs::path root = XBOND_SOURCE_DIR;

constexpr std::string_view fence = "```", marker = "<!-- not run: ", marker_end = " -->";

std::string trimmed(const std::string &text) {
    const auto begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
    return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

void write(const std::string &page, const std::string &text) { std::ofstream(root / page) << text; }

// Begin and length of a section's text.
std::pair<std::size_t, std::size_t> place(const std::string &text, const std::string &page, const std::string &name) {
    const std::string begin = "<!-- " + name + ":begin -->\n", end = "<!-- " + name + ":end -->";
    const auto first = text.find(begin), last = text.find(end);
    if (first == std::string::npos || last == std::string::npos || last < first) {
        throw std::runtime_error(page + " has no section between " + begin + " and " + end);
    }
    return {first + begin.size(), last - first - begin.size()};
}

// Not by Catch, which breaks lines.
void tell_difference(const std::string &where, const std::string &wanted, const std::string &there) {
    std::istringstream a(wanted), b(there);
    int told = 0;
    for (int line = 0; (a || b) && told < 5; ++line) {
        std::string x, y;
        std::getline(a, x);
        std::getline(b, y);
        if (x != y) {
            ++told;
            std::cout << where << ", line " << line + 1 << " of it\n  there: " << y << "\n  wanted: " << x << "\n";
        }
    }
}

} // namespace

bool rewriting() { return std::getenv("XB_REWRITE") != nullptr; }

std::vector<std::string> pages() {
    std::vector<std::string> found;
    for (const auto &entry : fs::directory_iterator(root)) {
        if (entry.path().extension() == ".md") {
            found.push_back(entry.path().filename());
        }
    }
    for (const auto &entry : fs::recursive_directory_iterator(root / "docs")) {
        if (entry.path().extension() == ".md") {
            found.push_back(fs::relative(entry.path(), root));
        }
    }
    std::ranges::sort(found);
    return found;
}

std::string read(const std::string &page) {
    std::ifstream file(root / page);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.empty()) {
        throw std::runtime_error(page + " is not there");
    }
    return text;
}

std::vector<Block> blocks(const std::string &page) {
    std::vector<Block> found;
    std::istringstream lines(read(page));
    bool inside = false;
    std::string chapter, before;
    int number = 0;
    for (std::string line; std::getline(lines, line); before = line) {
        ++number;
        if (!line.starts_with(fence)) {
            if (inside) {
                found.back().text += line + "\n";
            } else if (line.starts_with("## ")) {
                chapter = line.substr(3);
            }
            continue;
        }
        inside = !inside;
        if (!inside) {
            continue;
        }
        const auto info = line.substr(fence.size());
        const auto blank = std::min(info.find(' '), info.size());
        Block block{page, number + 1, info.substr(0, blank), trimmed(info.substr(blank)), chapter, "", ""};
        if (before.starts_with(marker) && before.ends_with(marker_end)) {
            block.not_run = before.substr(marker.size(), before.size() - marker.size() - marker_end.size());
        }
        found.push_back(block);
    }
    return found;
}

std::vector<Block> all_blocks() {
    std::vector<Block> all;
    for (const auto &page : pages()) {
        const auto more = blocks(page);
        all.insert(all.end(), more.begin(), more.end());
    }
    return all;
}

std::vector<std::string> inline_code(const std::string &page) {
    std::string prose;
    bool inside = false;
    std::istringstream lines(read(page));
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(fence)) {
            inside = !inside;
        } else if (!inside) {
            prose += line + "\n";
        }
    }
    std::vector<std::string> found;
    for (std::size_t at = 0; (at = prose.find('`', at)) != std::string::npos;) {
        const auto end = prose.find('`', at + 1);
        if (end == std::string::npos) {
            break;
        }
        // Filled lines break anywhere.
        found.push_back(std::regex_replace(prose.substr(at + 1, end - at - 1), std::regex("\\s+"), " "));
        at = end + 1;
    }
    return found;
}

std::string section(const std::string &page, const std::string &name) {
    const auto text = read(page);
    const auto [begin, size] = place(text, page, name);
    return text.substr(begin, size);
}

void check_section(const std::string &page, const std::string &name, const std::string &wanted) {
    auto text = read(page);
    const auto [begin, size] = place(text, page, name);
    if (const auto there = text.substr(begin, size); there != wanted) {
        if (rewriting()) {
            write(page, text.replace(begin, size, wanted));
            return;
        }
        tell_difference(page + ", section " + name, wanted, there);
        FAIL_CHECK(page << ": section " << name << " is not what the program says; XB_REWRITE=1 writes it anew");
    }
}

void check_block(const Block &block, const std::string &wanted) {
    if (block.text == wanted) {
        return;
    }
    if (rewriting()) {
        auto text = read(block.page);
        const auto at = text.find(block.text);
        write(block.page, text.replace(at, block.text.size(), wanted));
        return;
    }
    tell_difference(block.where(), wanted, block.text);
    FAIL_CHECK(block.where() << ": not what the program says; XB_REWRITE=1 writes it anew");
}

} // namespace xbond::test::docs
