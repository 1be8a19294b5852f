// SPDX-License-Identifier: MIT
// What of a bond is on disk, and when. What only the state says, options for instance, is on disk before it is done:
// who is refused by a full disk finds everything as it was. What the kernel keeps, whoever comes next finds there.
#include <utility>

#include "user/daemon/bond/controller.h"

namespace xbond::daemon {

SavedBondFile BondController::save() const {
    std::optional<core::BondState> then;
    if (intent_) {
        then = bond_;
        intent_(*then);
    }
    const auto &bond = then ? *then : bond_;
    return {
        host_.boot_id,
        {core::save(bond), device_.ifindex(), device_.peer(), bond_.mtu, originals_, chain_, ports_.saved(), abode_},
        bond.lacp ? std::optional(bond.lacp->save()) : std::nullopt,
        host_.netns_cookie};
}

// To be taken off the slaves by whoever gives them back.
void BondController::note_filters(const AddedFilters &added) {
    for (auto &original : originals_) {
        if (const auto on = added.find(original.ifindex); on != added.end()) {
            original.added = on->second;
        }
    }
    persist_soon({.transitions = true});
}

Task<Result<void>> BondController::persist() { return saver_.whole(save()); }

Task<Result<void>> BondController::on_record() {
    auto done = co_await persist();
    if (!done && regardless_) {
        co_return co_await keep();
    }
    co_return done ? done : fail(done.error().code, "nothing was changed: " + done.error().message);
}

Task<Result<void>> BondController::intend(Intent intent) {
    intent_ = std::move(intent);
    auto done = co_await on_record();
    if (!done) {
        (void)co_await keep();
    }
    co_return done;
}

Task<Result<void>> BondController::keep() {
    intent_ = nullptr;
    if (auto done = co_await persist(); !done) {
        saver_.soon(save(), sys::Durable::yes);
    }
    co_return Result<void>();
}

Task<Result<void>> BondController::regardless(std::function<Task<Result<void>>(BondController &)> step) {
    const bool before = std::exchange(regardless_, true);
    auto done = co_await step(*this);
    regardless_ = before;
    co_return done;
}

Result<void> BondController::persist_now() { return saver_.now(save()); }

void BondController::persist_soon(const Done &done) {
    saver_.lacp_is(bond_.lacp ? std::optional(bond_.lacp->save()) : std::nullopt);
    if (done.transitions || done.lacp || saver_.due(sys::now())) {
        saver_.soon(save(), done.transitions ? sys::Durable::yes : sys::Durable::no);
    }
}

} // namespace xbond::daemon
