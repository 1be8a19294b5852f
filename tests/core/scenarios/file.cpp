// SPDX-License-Identifier: MIT
#include "tests/core/scenarios/file.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace xbond::test::scenario {
namespace {

constexpr const char *rule = "----";

std::vector<std::string> words_of(const std::string &line) {
    std::istringstream stream(line.substr(0, line.find('#')));
    std::vector<std::string> words;
    for (std::string word; stream >> word;) {
        words.push_back(word);
    }
    return words;
}

} // namespace

File parse(const std::string &text) {
    File file;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        file.lines.push_back(line);
    }
    if (file.lines.empty() || !file.lines.front().starts_with("# ")) {
        throw std::invalid_argument("a scenario begins with '# ' and the rule in words");
    }
    Block block;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
        if (file.lines[i] != rule) {
            if (auto words = words_of(file.lines[i]); !words.empty()) {
                block.commands.push_back({i + 1, std::move(words)});
            }
            continue;
        }
        block.first = i + 1;
        const auto end = std::find(file.lines.begin() + static_cast<std::ptrdiff_t>(i) + 1, file.lines.end(), "");
        block.last = static_cast<std::size_t>(end - file.lines.begin());
        block.expected.assign(file.lines.begin() + static_cast<std::ptrdiff_t>(block.first), end);
        file.blocks.push_back(std::exchange(block, {}));
        i = file.blocks.back().last;
    }
    if (!block.commands.empty()) {
        throw std::invalid_argument("line " + std::to_string(block.commands.front().line) +
                                    ": no line ---- follows these commands");
    }
    return file;
}

std::string rewritten(const File &file, const std::vector<Lines> &outputs) {
    std::string text;
    const auto add = [&text](const std::string &line) { text += line + "\n"; };
    std::size_t at = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        for (; at < file.blocks.at(i).first; ++at) {
            add(file.lines[at]);
        }
        std::ranges::for_each(outputs[i], add);
        at = file.blocks[i].last;
    }
    for (; at < file.lines.size(); ++at) {
        add(file.lines[at]);
    }
    return text;
}

// By the longest common subsequence: blocks are short.
Lines difference(const Lines &wanted, const Lines &got) {
    const std::size_t rows = wanted.size(), columns = got.size();
    std::vector<std::vector<std::size_t>> common(rows + 1, std::vector<std::size_t>(columns + 1));
    for (std::size_t i = rows; i-- > 0;) {
        for (std::size_t j = columns; j-- > 0;) {
            common[i][j] =
                wanted[i] == got[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
        }
    }
    Lines lines;
    std::size_t i = 0, j = 0;
    while (i < rows || j < columns) {
        if (i < rows && j < columns && wanted[i] == got[j]) {
            lines.push_back("  " + wanted[i]);
            ++i, ++j;
        } else if (j == columns || (i < rows && common[i + 1][j] >= common[i][j + 1])) {
            lines.push_back("- " + wanted[i++]);
        } else {
            lines.push_back("+ " + got[j++]);
        }
    }
    return wanted == got ? Lines{} : lines;
}

} // namespace xbond::test::scenario
