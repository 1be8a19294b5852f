// SPDX-License-Identifier: MIT
// State files, written by a thread of their own in the order in which they were given, so that a slow disk holds up
// neither the loop nor what hands do to devices. Who has to have something on disk before it changes a device waits for
// it. Of what waits for one file only the latest is written; what the disk has refused is tried again until it takes
// it, or something later was given.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "user/daemon/hands.h"
#include "user/sys/replace_file.h"
#include "user/sys/worker.h"

namespace xbond::daemon {

class FileSaver {
public:
    using Failed = std::function<void(const Error &)>; // in the loop, once: not at each attempt
    using Text = std::function<std::string()>;         // made by who writes it, from what it has copied

    explicit FileSaver(sys::EventLoop &loop) : loop_(loop), disk_(loop) {}

    void soon(const std::filesystem::path &, Text, sys::Durable, Failed);
    // Done when it is on disk; an error is the caller's to act on.
    Task<Result<void>> whole(std::filesystem::path, Text, sys::Durable);
    // In the caller's thread, for the time when no loop runs.
    Result<void> now(const std::filesystem::path &, const Text &, sys::Durable);
    // In its turn; and what waits for it is not written.
    void remove(
        const std::filesystem::path &, Failed = [](const Error &) {});
    // Done when it is no longer there. On an error it is tried again.
    Task<Result<void>> removed(std::filesystem::path);

    // `co_await files.call(what, job)`: what job() returned, behind all that was given to be written before.
    template <typename Call> auto call(std::string_view what, Call job) { return call_by(disk_, what, std::move(job)); }

    sys::Durations jobs() const { return disk_.jobs(); }
    std::size_t waiting() const { return disk_.waiting(); }
    bool drain(Ms patience) { return disk_.drain(patience); }

private:
    struct File;
    using Job = std::function<Result<void>()>;
    struct Attempt {
        std::shared_ptr<File> file;
        std::uint64_t turn = 0; // nothing later may have been given
        Job job;
        Failed failed; // none: it has been told
    };
    std::shared_ptr<File> file(const std::filesystem::path &);
    void make(Attempt);
    void make_later(Attempt);

    sys::EventLoop &loop_;
    std::vector<Attempt> refused_;
    sys::EventLoop::Source again_;
    Alive alive_;
    sys::Worker disk_;
    std::map<std::filesystem::path, std::shared_ptr<File>> files_;
};

} // namespace xbond::daemon
