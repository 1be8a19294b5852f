// SPDX-License-Identifier: MIT
#include "user/daemon/saved/file_saver.h"

#include <atomic>
#include <mutex>
#include <system_error>
#include <utility>

namespace xbond::daemon {
namespace {

constexpr Ms pause(2000); // until the disk is asked again

} // namespace

struct FileSaver::File {
    std::mutex lock;                      // held while it is written, which may take long
    std::atomic<std::uint64_t> given = 0; // writes that were asked for
    std::uint64_t written = 0;            // the latest of them that is on disk, or was overtaken

    Result<void> write(std::uint64_t turn, const std::filesystem::path &path, const Text &text, sys::Durable durable) {
        const std::lock_guard held(lock);
        if (turn < written) {
            return {};
        }
        written = turn;
        return sys::replace_file(path, text(), durable);
    }
    // Only what nothing later has overtaken.
    Result<void> write_latest(std::uint64_t turn, const std::filesystem::path &path, const Text &text,
                              sys::Durable durable) {
        return turn < given ? Result<void>() : write(turn, path, text, durable);
    }
    Result<void> remove(std::uint64_t turn, const std::filesystem::path &path) {
        const std::lock_guard held(lock);
        if (turn < given) { // a bond of that name has come since
            return {};
        }
        written = turn;
        std::error_code error, none;
        std::filesystem::remove(path, error);
        const bool is_there = std::filesystem::exists(std::filesystem::symlink_status(path, none));
        return error && is_there ? fail(error.value(), "cannot remove " + path.string() + ": " + error.message())
                                 : Result<void>();
    }
};

std::shared_ptr<FileSaver::File> FileSaver::file(const std::filesystem::path &path) {
    auto &file = files_[path];
    if (!file) {
        file = std::make_shared<File>();
    }
    return file;
}

void FileSaver::make(Attempt attempt) {
    auto refused = alive_.guard([this](Attempt next, const Error &error) {
        if (const auto failed = std::exchange(next.failed, nullptr)) {
            failed(error);
        }
        make_later(std::move(next));
    });
    disk_.run(
        [attempt = std::move(attempt), refused]() mutable -> sys::Worker::Then {
            const auto done = attempt.job();
            if (done) {
                return {};
            }
            return [refused, attempt, error = done.error()]() mutable { refused(std::move(attempt), error); };
        },
        "state file");
}

void FileSaver::make_later(Attempt attempt) {
    refused_.push_back(std::move(attempt));
    if (again_) {
        return;
    }
    again_ = loop_.at(
        sys::now() + pause,
        [this] {
            again_ = {};
            for (auto &next : std::exchange(refused_, {})) {
                if (next.turn == next.file->given) {
                    make(std::move(next));
                }
            }
        },
        "state files again");
}

void FileSaver::soon(const std::filesystem::path &path, Text text, sys::Durable durable, Failed failed) {
    const auto target = file(path);
    const auto turn = ++target->given;
    auto job = [target, turn, path, text = std::move(text), durable] {
        return target->write_latest(turn, path, text, durable);
    };
    make({target, turn, std::move(job), std::move(failed)});
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

void FileSaver::remove(const std::filesystem::path &path, Failed failed) {
    const auto target = file(path);
    const auto turn = ++target->given;
    auto job = [target, turn, path] { return target->remove(turn, path); };
    make({target, turn, std::move(job), std::move(failed)});
}

Task<Result<void>> FileSaver::removed(std::filesystem::path path) {
    const auto target = file(path);
    const auto turn = ++target->given;
    auto remove = [target, turn, path] { return target->remove(turn, path); };
    auto done = co_await call_by(disk_, "state file", remove);
    if (!done) {
        make_later({target, turn, std::move(remove), nullptr});
    }
    co_return done;
}

} // namespace xbond::daemon
