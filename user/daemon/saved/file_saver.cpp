// SPDX-License-Identifier: MIT
#include "user/daemon/saved/file_saver.h"

#include <atomic>
#include <mutex>
#include <utility>

namespace xbond::daemon {

struct FileSaver::File {
    std::mutex lock;                      // held while it is written, which may take long
    std::atomic<std::uint64_t> given = 0; // writes that were asked for
    std::uint64_t written = 0;            // the latest of them that is on disk, or was overtaken

    // Only what nothing later has overtaken.
    Result<void> write(std::uint64_t turn, const std::filesystem::path &path, const Text &text, sys::Durable durable) {
        const std::lock_guard held(lock);
        if (turn <= written || turn < given) {
            return {};
        }
        written = turn;
        return sys::replace_file(path, text(), durable);
    }
    void remove(std::uint64_t turn, const std::filesystem::path &path) {
        const std::lock_guard held(lock);
        if (turn >= given) { // no bond of that name has come since
            written = turn;
            std::error_code ignored;
            std::filesystem::remove(path, ignored);
        }
    }
};

std::shared_ptr<FileSaver::File> FileSaver::file(const std::filesystem::path &path) {
    auto &file = files_[path];
    if (!file) {
        file = std::make_shared<File>();
    }
    return file;
}

void FileSaver::soon(const std::filesystem::path &path, Text text, sys::Durable durable, Failed failed) {
    auto target = file(path);
    disk_.run(
        [target, turn = ++target->given, path, text = std::move(text), durable,
         failed = std::move(failed)]() -> sys::Worker::Then {
            const auto done = target->write(turn, path, text, durable);
            if (done) {
                return {};
            }
            return [failed, error = done.error()] { failed(error); };
        },
        "state file");
}

Task<Result<void>> FileSaver::whole(std::filesystem::path path, Text text, sys::Durable durable) {
    const auto target = file(path);
    auto write = [target, turn = ++target->given, path, text = std::move(text), durable] {
        return target->write(turn, path, text, durable);
    };
    co_return co_await call_by(disk_, "state file", std::move(write));
}

Result<void> FileSaver::now(const std::filesystem::path &path, const Text &text, sys::Durable durable) {
    const auto target = file(path);
    return target->write(++target->given, path, text, durable);
}

void FileSaver::remove(const std::filesystem::path &path) {
    const auto target = file(path);
    disk_.run(
        [target, turn = ++target->given, path]() -> sys::Worker::Then {
            target->remove(turn, path);
            return {};
        },
        "state file");
}

Task<Result<void>> FileSaver::removed(std::filesystem::path path) {
    const auto target = file(path);
    auto remove = [target, turn = ++target->given, path] {
        target->remove(turn, path);
        return true;
    };
    (void)co_await call_by(disk_, "state file", std::move(remove));
    co_return Result<void>();
}

} // namespace xbond::daemon
