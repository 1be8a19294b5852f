// SPDX-License-Identifier: MIT
// Hooks that somebody else has touched: programs taken away are put back, and ours are the last ones, because they end
// the walk and what stands behind them would never run.
#include <algorithm>
#include <array>
#include <net/if.h>

#include "loader/bpf_calls.h"
#include "loader/datapath_impl.h"

namespace xbond::loader {

namespace {

// One that has gone is left out: an event tells of it.
bool is_here(const Hook &hook) {
    std::array<char, IF_NAMESIZE> name{};
    return if_indextoname(hook.where().ifindex, name.data()) != nullptr;
}

} // namespace

template <typename Call> void DataPath::Impl::for_each_hook(Call call) {
    const auto visit = [&call](Hook *hook, Fd Programs::*program) {
        if (hook != nullptr) {
            call(*hook, program);
        }
    };
    visit(tx_bond.get(), &Programs::tx);
    visit(tx_peer.get(), &Programs::tx);
    for (const auto &hook : rx) {
        visit(hook.get(), &Programs::rx);
    }
    for (const auto &hook : port_hooks) {
        visit(hook.get(), &Programs::port);
    }
}

void DataPath::Impl::mend_taken(std::vector<std::string> &told) {
    for_each_hook([&](Hook &hook, Fd Programs::*program) {
        if (!is_here(hook)) {
            return;
        }
        const auto mended = hook.mend((programs.*program).get());
        if (!mended) {
            told.push_back(mended.error().message);
        } else if (*mended) {
            told.push_back("somebody took the program away from " + describe(hook.where()) + ": put back");
        }
    });
}

// The kernel takes a program only once on a hook: a second set is loaded, which takes the places of the first.
void DataPath::Impl::move_to_end(std::vector<std::string> &told) {
    constexpr unsigned longest_pause = 128;
    std::vector<std::string> covered;
    for_each_hook([&](Hook &hook, Fd Programs::*program) {
        if (program == &Programs::port) { // passes little to anybody: whoever comes first is right
            return;
        }
        if (const auto who = is_here(hook) ? hook.covers() : std::string(); who && !who->empty()) {
            covered.push_back("on " + describe(hook.where()) + " stood " + *who);
        }
    });
    if (looks_to_skip > 0) {
        --looks_to_skip;
        return;
    }
    if (covered.empty() || outdated) {
        moves -= std::min(moves, 1U);
        return;
    }
    looks_to_skip = std::min(1U << std::min(moves, 16U), longest_pause) - 1;
    ++moves;
    constexpr std::array kinds{ObjectKind::tx, ObjectKind::rx};
    auto moved = load_programs(kinds, make_config(config, set), features.carrier, maps).and_then([this](Programs next) {
        return use_programs(std::move(next));
    });
    if (!moved) {
        told.push_back(moved.error().message);
        return;
    }
    for (const auto &text : covered) {
        told.push_back(text + " behind xbond's program, where it never ran: it runs before it now");
    }
}

Result<void> DataPath::move_pins(const std::filesystem::path &pin_dir) {
    if (impl_->config.pin_dir == pin_dir) {
        return {};
    }
    XB_TRY_VOID(rename_pins(impl_->config.pin_dir, pin_dir));
    impl_->config.pin_dir = pin_dir;
    impl_->for_each_hook([&](Hook &hook, Fd Programs::*) { hook.pins_moved(pin_dir); });
    return {};
}

bool DataPath::hooks_can_be_taken() const { return impl_->features.hook->can_be_taken(); }

Ms DataPath::hooks_look_pause() const { return impl_->features.hook->look_pause(); }

std::vector<std::string> DataPath::mend_hooks() {
    std::vector<std::string> told;
    drop_complaints();
    impl_->mend_taken(told);
    impl_->move_to_end(told);
    return told;
}

} // namespace xbond::loader
