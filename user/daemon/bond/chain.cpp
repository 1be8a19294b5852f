// SPDX-License-Identifier: MIT
// Somebody's XDP program on a bond. What runs is what the data path's pins hold; what it was called is kept beside.
#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include "loader/bpf_calls.h"
#include "loader/xdp/foreign.h"
#include "user/daemon/bond/controller.h"

namespace xbond::daemon {

void BondController::adopt_chain(const std::optional<SavedChain> &saved) {
    const auto &runs = applier_.slave_xdp().chained();
    if (runs && saved && saved->id == runs->id) {
        chain_ = saved;
    } else if (runs) { // the last controller ended before it had written down what it was called
        chain_ = SavedChain{runs->id, "", runs->name, ""};
    } else if (saved) {
        spdlog::warn("{}: XDP program '{}' of {} is chained no longer: attach it anew", name(), saved->program,
                     saved->file);
    }
}

Task<Result<void>> BondController::chain(SavedChain wanted, bool frags, std::shared_ptr<const Fd> program) {
    auto look = [program](Hands::Tools &) { return loader::program_info(program->get()); };
    XB_CO_TRY(info, co_await host_.hands.call("look at an XDP program", std::move(look)));
    wanted.id = info->id;
    wanted.program = wanted.program.empty() ? info->name : wanted.program;
    const auto before = std::exchange(chain_, std::move(wanted));
    auto done = co_await on_record();
    if (done) {
        const auto desired = core::desired(bond_);
        const auto xdp = applier_.wanted_xdp(desired.xdp, desired.receive);
        const std::string old_pin = before ? before->pin : "";
        done = co_await applier_.slave_xdp().chain(desired.slaves, xdp, std::move(program), frags, old_pin);
    }
    if (!done) {
        chain_ = before;
        (void)co_await keep();
        co_return done;
    }
    settle(); // frames for the bond come by TC as long as there is one
    spdlog::info("{}: XDP program '{}' of {} is chained", name(), chain_->program, chain_->file);
    co_return Result<void>();
}

Task<Result<void>> BondController::unchain() {
    if (!chain_) {
        co_return fail(ENOENT, name() + " has no chained XDP program");
    }
    const auto desired = core::desired(bond_);
    const auto xdp = applier_.wanted_xdp(desired.xdp, desired.receive);
    (void)co_await applier_.slave_xdp().unchain(desired.slaves, xdp, chain_->pin);
    settle();
    spdlog::info("{}: XDP program '{}' is chained no longer", name(), chain_->program);
    chain_.reset();
    co_return co_await keep(); // its pins tell that there is none
}

} // namespace xbond::daemon
