// SPDX-License-Identifier: MIT
// The header for C++: failures are error codes, owners move, and nothing is closed twice.
#include <catch2/catch.hpp>

#include <type_traits>

#include "tests/xsk/library_state.h"
#include "xbond/xsk.hpp"

namespace xsk = xbond::xsk;

static_assert(!std::is_copy_constructible_v<xsk::State> && std::is_nothrow_move_constructible_v<xsk::State>);
static_assert(!std::is_copy_assignable_v<xsk::Sockets> && std::is_nothrow_move_assignable_v<xsk::Sockets>);

TEST_CASE("xsk.hpp: what cannot be opened is an error code with the library's sentence, and leaves nothing behind") {
    xsk::State state;
    CHECK_FALSE(state);
    CHECK(state.open("bond0", "/nowhere/control") == std::errc::no_such_file_or_directory);
    CHECK(std::string(xsk::last_error()).find("/nowhere/control") != std::string::npos);
    CHECK_FALSE(state);
    xsk::Sockets sockets;
    auto options = xsk::default_options();
    options.frame_size = 1000;
    CHECK(sockets.open("bond0", options) == std::errc::invalid_argument);
    CHECK_FALSE(sockets);
    xsk::Sockets moved(std::move(sockets));
    moved = xsk::Sockets();
    moved.close();
    moved.close();
}

TEST_CASE("xsk.hpp: a state's choices are a range, one slave or all that broadcast sends on") {
    xb_view view{};
    view.version = XB_VIEW_VERSION;
    view.mode = XB_MODE_BROADCAST;
    view.n_slots = view.bank.n_pick = 3;
    view.carrier = view.ready = 5;
    for (__u8 i = 0; i < 3; ++i) {
        view.bank.pick[i] = i;
        view.ifindex[i] = 10U + i;
        view.bank.slot[i].fallback = XB_NO_SLOT;
    }
    view.seq = 2;
    xbond_state *const raw = library_state(&view);
    const xsk::StateView state(raw);
    const std::array<std::uint8_t, 60> frame{};
    const auto all = state.select(frame.data(), frame.size());
    REQUIRE(all.size() == 2);
    CHECK(all[0].ifindex == 10);
    CHECK(all[1].ifindex == 12);
    std::uint32_t sum = 0;
    for (const auto &choice : all) {
        sum += choice.ifindex;
    }
    CHECK(sum == 22);
    view.carrier = view.ready = 0;
    CHECK(state.select(frame.data(), frame.size()).empty());
    CHECK(state.hash(frame.data(), frame.size()) == xbond_hash(0, frame.data(), frame.size()));
    library_state_free(raw);
}
