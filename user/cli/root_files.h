// SPDX-License-Identifier: MIT
// Files below a directory that stands for the root of a machine: symlinks are followed as that machine would, never out
// of the directory. Regular files only.
#pragma once

#include <string>
#include <vector>

#include "common/fd.h"
#include "user/import/machine.h"

namespace xbond::cli {

class RootFiles : public import::Files {
public:
    static Result<RootFiles> open(const std::string &root);

    Kind kind(const std::string &path) const override;
    Result<std::string> read(const std::string &path) const override;           // at most a MiB
    std::vector<std::string> list(const std::string &directory) const override; // nothing where there is none

private:
    explicit RootFiles(Fd root) : root_(std::move(root)) {}
    Fd open_below(const std::string &path, int flags) const;
    Fd root_;
};

} // namespace xbond::cli
