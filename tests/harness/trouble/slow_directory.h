// SPDX-License-Identifier: MIT
// A directory on a disk that does not answer: whoever opens a file in it waits until this goes, as on a busy disk or a
// dead NFS server. By fanotify, whose questions nobody answers.
#pragma once

#include <filesystem>

#include "common/fd.h"

namespace xbond::harness {

class SlowDirectory {
public:
    explicit SlowDirectory(const std::filesystem::path &); // throws std::system_error where fanotify is not to be had
    bool somebody_waits() const;

private:
    Fd questions_;
};

} // namespace xbond::harness
