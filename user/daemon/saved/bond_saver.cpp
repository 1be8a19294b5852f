// SPDX-License-Identifier: MIT
#include "user/daemon/saved/bond_saver.h"

#include <spdlog/spdlog.h>

#include "user/sys/directory.h"
#include "user/sys/event_loop.h"

namespace xbond::daemon {
namespace {

constexpr Time interval = std::chrono::milliseconds(500);

} // namespace

void BondSaver::give(const SavedBondFile &file) {
    given_ = file;
    on_disk_ = moved_ = false;
    saved_at_ = sys::now();
}

Result<void> BondSaver::now(const SavedBondFile &file) {
    if (on_disk_ && file.bond == given_->bond) {
        return {};
    }
    give(file);
    const auto dir = path_.parent_path().parent_path();
    XB_TRY_VOID(sys::make_directories(dir.parent_path()));
    XB_TRY_VOID(sys::make_directories(dir, 0700));
    XB_TRY_VOID(sys::make_directories(path_.parent_path(), 0700));
    XB_TRY_VOID(files_.now(path_, text_of(file), sys::Durable::yes));
    on_disk_ = true;
    return {};
}

void BondSaver::soon(const SavedBondFile &file, sys::Durable durable) {
    if (given_ == file) {
        return;
    }
    give(file);
    files_.soon(path_, text_of(file), durable, [path = path_](const Error &error) {
        spdlog::error("{}: not saved: {}", path.string(), error.message);
    });
}

void BondSaver::forget() {
    given_.reset();
    on_disk_ = moved_ = false;
    files_.remove(path_);
}

std::optional<Time> BondSaver::deadline() const { return moved_ ? std::optional(saved_at_ + interval) : std::nullopt; }

} // namespace xbond::daemon
