// SPDX-License-Identifier: MIT
// A machine's files made by a test, in a directory of their own.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "user/import/import.h"

namespace xbond::test {

using Contents = std::map<std::string, std::string>; // by path

class Tree {
public:
    Tree();
    explicit Tree(const Contents &);
    ~Tree();
    Tree(const Tree &) = delete;
    Tree &operator=(const Tree &) = delete;

    void write(const std::string &path, const std::string &text) const;
    const std::filesystem::path &root() const { return root_; }

private:
    std::filesystem::path root_;
};

// The files of a case of tests/data/import by their paths.
Contents read_case(const std::filesystem::path &);

// As `xbond import --root DIR` does.
Result<import::Imported> import_tree(const std::filesystem::path &root, std::string_view format = "");

} // namespace xbond::test
