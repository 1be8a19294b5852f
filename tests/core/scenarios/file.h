// SPDX-License-Identifier: MIT
// A scenario is a file of text: a rule in words, then blocks of commands and what came of them.
//
//     # A slave that has lost its carrier goes on for downdelay.
//
//     carrier e0 down
//     wait 300ms
//     ----
//        1000 carrier e0: on -> off (observed)
//
// A block ends with an empty line. '#' begins a comment.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace xbond::test::scenario {

using Lines = std::vector<std::string>;

struct Command {
    std::size_t line = 0; // of the file, from 1
    std::vector<std::string> words;
};

struct Block {
    std::vector<Command> commands;
    Lines expected;
    std::size_t first = 0, last = 0; // where `expected` lies in the file: [first, last)
};

struct File {
    Lines lines;
    std::vector<Block> blocks;
};

File parse(const std::string &text); // throws std::invalid_argument for what is no scenario
// The file with these in the place of what was expected, a block each; all else as it was.
std::string rewritten(const File &, const std::vector<Lines> &outputs);
// "- wanted" and "+ got" among the lines that are the same; empty if all are.
Lines difference(const Lines &wanted, const Lines &got);

// What comes of each block, in order.
std::vector<Lines> play(const File &);

} // namespace xbond::test::scenario
