// SPDX-License-Identifier: MIT
// A plan is carried out whole or not at all, and never holds the loop for more than one change.
#include <catch2/catch.hpp>

#include "user/daemon/requests/plan.h"

using namespace xbond;
using namespace xbond::daemon;

namespace {

using Log = std::vector<std::string>;

Change change(Log &log, const std::string &name, bool works = true) {
    return {name,
            [&log, name, works]() -> Result<void> {
                log.push_back("do " + name);
                return works ? Result<void>() : fail(ENOSPC, name + " does not work");
            },
            [&log, name] { log.push_back("undo " + name); }};
}

} // namespace

TEST_CASE("plan: changes are carried out in order") {
    Log log;
    CHECK(carry_out({change(log, "a"), change(log, "b")}));
    CHECK(log == Log{"do a", "do b"});
    CHECK(carry_out({}));
}

TEST_CASE("plan: after a failure what was done is undone, last first, and the error is the failure's") {
    Log log;
    const auto done = carry_out({change(log, "a"), change(log, "b"), change(log, "c", false), change(log, "d")});
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ENOSPC);
    CHECK(log == Log{"do a", "do b", "do c", "undo b", "undo a"});
}

TEST_CASE("plan: the loop has a turn between two changes and between two undos") {
    auto loop = *sys::EventLoop::create();
    Log log;
    auto timer = sys::EventLoop::Source();
    std::function<void()> tick = [&] {
        log.emplace_back("tick");
        timer = loop.at(sys::now(), tick);
    };
    timer = loop.at(sys::now(), tick);
    Result<void> outcome;
    PlanRunner runner(loop, {change(log, "a"), change(log, "b"), change(log, "c", false)}, [&](Result<void> done) {
        outcome = std::move(done);
        loop.stop();
    });
    loop.run();
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == ENOSPC);
    for (const auto &[before, after] :
         {std::pair{"do a", "do b"}, {"do b", "do c"}, {"do c", "undo b"}, {"undo b", "undo a"}}) {
        const auto first = std::ranges::find(log, before), second = std::ranges::find(log, after);
        REQUIRE(second != log.end());
        CHECK(std::find(first, second, "tick") != second);
    }
}

TEST_CASE("plan: one that is given up stops where it is and tells nobody") {
    auto loop = *sys::EventLoop::create();
    Log log;
    {
        PlanRunner runner(loop, {change(log, "a")}, [&](const Result<void> &) { log.emplace_back("done"); });
    }
    auto timer = loop.at(sys::now() + Ms(2), [&] { loop.stop(); });
    loop.run();
    CHECK(log.empty());
}
