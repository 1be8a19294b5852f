// SPDX-License-Identifier: MIT
// The documents as tests read them: pages, blocks of code, sections that are generated.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace xbond::test::docs {

struct Block { // between ``` and ```
    std::string page;
    int line = 0;         // of its first line
    std::string language; // "sh", "json", ...
    std::string kind;     // what else stands behind the ```: "sample", "exchange", ...
    std::string chapter;  // the last heading of level two above it
    std::string text;
    std::string
        not_run; // why: the comment <!-- not run: WHY --> in the line before; empty: nothing keeps it from running
    std::string where() const { return page + ":" + std::to_string(line); }
};

std::vector<std::string> pages();          // every .md below the root of the repository, by its path from there
std::string read(const std::string &page); // throws when it is not there
std::vector<Block> blocks(const std::string &page);
std::vector<Block> all_blocks();
std::vector<std::string> inline_code(const std::string &page); // between ` and `, outside blocks

// What stands between <!-- NAME:begin --> and <!-- NAME:end -->; throws when there is no such section.
std::string section(const std::string &page, const std::string &name);

// CHECKs that the section is `text`; with XB_REWRITE=1 in the environment writes it there, to be read as a diff.
void check_section(const std::string &page, const std::string &name, const std::string &text);
// The same of a block.
void check_block(const Block &block, const std::string &text);

// Whether what the documents show is written anew instead of being compared.
bool rewriting();

} // namespace xbond::test::docs
