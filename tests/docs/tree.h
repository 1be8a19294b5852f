// SPDX-License-Identifier: MIT
// What the documents speak of: the files of the tree.
#pragma once

#include <filesystem>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace xbond::test::docs {

inline const std::filesystem::path root = XBOND_SOURCE_DIR;

std::string file_text(const std::filesystem::path &);
std::vector<std::filesystem::path> sources(const std::string &directory, const std::string &ending); // below it
std::string all_code(); // of C and C++, tests too
std::set<std::string> identifiers(const std::string &code);

std::vector<std::smatch> matches(const std::string &text, const std::regex &); // they point into the text
std::set<std::string> words(const std::string &text);                          // between blanks and commas

} // namespace xbond::test::docs
