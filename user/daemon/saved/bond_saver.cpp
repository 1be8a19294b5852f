// SPDX-License-Identifier: MIT
#include "user/daemon/saved/bond_saver.h"

#include <spdlog/spdlog.h>
#include <utility>

#include "user/sys/event_loop.h"

namespace xbond::daemon {
namespace {

constexpr Time interval = std::chrono::milliseconds(500);

} // namespace

FileSaver::Text BondSaver::give(const SavedBondFile &file) {
    given_ = file;
    on_disk_ = moved_ = false;
    saved_at_ = sys::now();
    return [file] { return text_of(file); };
}

Task<Result<void>> BondSaver::whole(SavedBondFile file) {
    if (is_on_disk(file) || files_ == nullptr) {
        co_return Result<void>();
    }
    auto done = co_await files_->whole(path_, give(file), sys::Durable::yes);
    if (!done) { // what was in the way may have passed; a whole answer depends on it
        done = co_await files_->whole(path_, give(file), sys::Durable::yes);
    }
    on_disk_ = done && given_ && given_->bond == file.bond; // unless more was given meanwhile
    if (!done) {
        given_.reset(); // the same may be given again
    }
    co_return done;
}

Result<void> BondSaver::now(const SavedBondFile &file) {
    if (is_on_disk(file)) {
        return {};
    }
    auto done = files_->now(path_, give(file), sys::Durable::yes);
    on_disk_ = done.has_value();
    if (!done) { // as above
        given_.reset();
    }
    return done;
}

void BondSaver::soon(const SavedBondFile &file, sys::Durable durable) {
    if (given_ == file || files_ == nullptr) { // what hands still tell of a bond that has ended
        return;
    }
    files_->soon(path_, give(file), durable, [path = path_](const Error &error) {
        spdlog::error("{}: not saved, tried again until it is: {}", path.string(), error.message);
    });
}

Task<Result<void>> BondSaver::forget() {
    given_.reset();
    on_disk_ = moved_ = false;
    auto &files = *std::exchange(files_, nullptr);
    auto done = co_await files.removed(path_);
    if (!done) { // as above
        done = co_await files.removed(path_);
    }
    co_return done;
}

std::optional<Time> BondSaver::deadline() const { return moved_ ? std::optional(saved_at_ + interval) : std::nullopt; }

} // namespace xbond::daemon
