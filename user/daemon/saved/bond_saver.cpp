// SPDX-License-Identifier: MIT
#include "user/daemon/saved/bond_saver.h"

#include <spdlog/spdlog.h>

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
    if (is_on_disk(file)) {
        co_return Result<void>();
    }
    auto done = co_await files_->whole(path_, give(file), sys::Durable::yes);
    on_disk_ = done && given_ && given_->bond == file.bond; // unless more was given meanwhile
    co_return done;
}

Result<void> BondSaver::now(const SavedBondFile &file) {
    if (is_on_disk(file)) {
        return {};
    }
    XB_TRY_VOID(files_->now(path_, give(file), sys::Durable::yes));
    on_disk_ = true;
    return {};
}

void BondSaver::soon(const SavedBondFile &file, sys::Durable durable) {
    if (given_ == file) {
        return;
    }
    files_->soon(path_, give(file), durable, [path = path_](const Error &error) {
        spdlog::error("{}: not saved: {}", path.string(), error.message);
    });
}

void BondSaver::forget() {
    given_.reset();
    on_disk_ = moved_ = false;
    files_->remove(path_);
}

std::optional<Time> BondSaver::deadline() const { return moved_ ? std::optional(saved_at_ + interval) : std::nullopt; }

} // namespace xbond::daemon
