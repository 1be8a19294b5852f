// SPDX-License-Identifier: MIT
#include "user/daemon/saved/lacp_saver.h"

#include <spdlog/spdlog.h>

#include "user/daemon/saved/lacp_state.h"

namespace xbond::daemon {
namespace {

constexpr Time interval = std::chrono::milliseconds(500);

} // namespace

void LacpSaver::save(const std::optional<lacp::System> &system, bool changed, Time now) {
    if (!system) {
        if (saved_) {
            forget();
        }
        return;
    }
    unsaved_ = saved_ != system->save();
    if (!unsaved_ || (!changed && now < saved_at_ + interval)) {
        return;
    }
    unsaved_ = false;
    saved_ = system->save();
    saved_at_ = now;
    files_.soon(path_, text_of(*saved_), sys::Durable::no, [path = path_](const Error &error) {
        spdlog::error("{}: LACP state not saved: {}", path.string(), error.message);
    });
}

std::optional<Time> LacpSaver::deadline() const {
    return unsaved_ ? std::optional(saved_at_ + interval) : std::nullopt;
}

void LacpSaver::forget() {
    saved_.reset();
    unsaved_ = false;
    files_.remove(path_);
}

} // namespace xbond::daemon
