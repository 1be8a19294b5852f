// SPDX-License-Identifier: MIT
// State files, written by a thread of their own in the order in which they were given, so that a slow disk holds up
// neither the loop nor what hands do to devices. Who has to have something on disk before it changes a device waits for
// it. Of what waits for one file only the latest is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "user/daemon/task.h"
#include "user/sys/replace_file.h"
#include "user/sys/worker.h"

namespace xbond::daemon {

class FileSaver {
public:
    using Failed = std::function<void(const Error &)>; // in the loop
    using Text = std::function<std::string()>;         // made by who writes it, from what it has copied

    explicit FileSaver(sys::EventLoop &loop) : disk_(loop) {}

    void soon(const std::filesystem::path &, Text, sys::Durable, Failed);
    Task<Result<void>> whole(std::filesystem::path, Text, sys::Durable); // done when it is on disk
    // In the caller's thread, for the time when no loop runs.
    Result<void> now(const std::filesystem::path &, const Text &, sys::Durable);
    void remove(const std::filesystem::path &);        // in its turn; and what waits for it is not written
    Task<Result<void>> removed(std::filesystem::path); // done when it is no longer there

    // `co_await files.call(what, job)`: what job() returned, behind all that was given to be written before.
    template <typename Call> auto call(std::string_view what, Call job) { return call_by(disk_, what, std::move(job)); }

    sys::Durations jobs() const { return disk_.jobs(); }
    std::size_t waiting() const { return disk_.waiting(); }
    bool drain(Ms patience) { return disk_.drain(patience); }

private:
    struct File;
    std::shared_ptr<File> file(const std::filesystem::path &);

    sys::Worker disk_;
    std::map<std::filesystem::path, std::shared_ptr<File>> files_;
};

} // namespace xbond::daemon
