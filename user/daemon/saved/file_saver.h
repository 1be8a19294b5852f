// SPDX-License-Identifier: MIT
// State files, written by hands in the order in which they were given, so that a slow disk holds up nobody. Who has to
// have something on disk before it changes a device waits for it. Of what waits for one file only the latest is
// written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "user/daemon/hands.h"
#include "user/sys/replace_file.h"

namespace xbond::daemon {

class FileSaver {
public:
    using Failed = std::function<void(const Error &)>; // in the loop
    using Text = std::function<std::string()>;         // made by who writes it, from what it has copied

    explicit FileSaver(Hands &hands) : hands_(hands) {}

    void soon(const std::filesystem::path &, Text, sys::Durable, Failed);
    Task<Result<void>> whole(std::filesystem::path, Text, sys::Durable); // done when it is on disk
    // In the caller's thread, for the time when no loop runs.
    Result<void> now(const std::filesystem::path &, const Text &, sys::Durable);
    void remove(const std::filesystem::path &); // by hands; and what waits for it is not written

private:
    struct File;
    std::shared_ptr<File> file(const std::filesystem::path &);

    Hands &hands_;
    std::map<std::filesystem::path, std::shared_ptr<File>> files_;
};

} // namespace xbond::daemon
