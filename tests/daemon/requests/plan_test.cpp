// SPDX-License-Identifier: MIT
// A plan is carried out whole or not at all, and never holds the loop for more than one change.
#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "user/daemon/hands.h"
#include "user/daemon/requests/plan.h"
#include "user/daemon/task_queue.h"

using namespace xbond;
using namespace xbond::daemon;

namespace {

using Log = std::vector<std::string>;

Task<Result<void>> noted(Log &log, std::string text, bool works) {
    log.push_back(text);
    co_return works ? Result<void>() : fail(ENOSPC, text + " does not work");
}

Change change(Log &log, const std::string &name, bool works = true) {
    return {name, [&log, name, works] { return noted(log, "do " + name, works); },
            [&log, name] { return noted(log, "undo " + name, true); }};
}

struct PlanLab {
    sys::EventLoop loop = *sys::EventLoop::create();
    Log log;
    TaskQueue changes;

    Task<Result<void>> whole(Plan plan, Result<void> &outcome) {
        outcome = co_await carry_out(loop, std::move(plan));
        loop.stop();
        co_return Result<void>();
    }
    Result<void> run(Plan plan) {
        Result<void> outcome;
        changes.add([this, plan = std::move(plan), &outcome] { return whole(plan, outcome); });
        loop.run();
        return outcome;
    }
};

} // namespace

TEST_CASE("plan: changes are carried out in order") {
    PlanLab lab;
    CHECK(lab.run({change(lab.log, "a"), change(lab.log, "b")}));
    CHECK(lab.log == Log{"do a", "do b"});
    CHECK(lab.changes.at_rest());
}

TEST_CASE("plan: after a failure what was done is undone, last first, and the error is the failure's") {
    PlanLab lab;
    auto &log = lab.log;
    const auto done = lab.run({change(log, "a"), change(log, "b"), change(log, "c", false), change(log, "d")});
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ENOSPC);
    CHECK(log == Log{"do a", "do b", "do c", "undo b", "undo a"});
}

TEST_CASE("plan: the loop has a turn between two changes and between two undos") {
    PlanLab lab;
    auto &log = lab.log;
    auto timer = sys::EventLoop::Source();
    std::function<void()> tick = [&] {
        log.emplace_back("tick");
        timer = lab.loop.at(sys::now(), tick);
    };
    timer = lab.loop.at(sys::now(), tick);
    const auto outcome = lab.run({change(log, "a"), change(log, "b"), change(log, "c", false)});
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
        TaskQueue changes;
        changes.add([&] { return carry_out(loop, {change(log, "a")}); });
        CHECK_FALSE(changes.at_rest());
    }
    auto timer = loop.at(sys::now() + Ms(2), [&] { loop.stop(); });
    loop.run();
    CHECK(log.empty());
}

TEST_CASE("changes: one at a time, in the order in which they were asked for, also those that another one asks for") {
    PlanLab lab;
    auto &log = lab.log;
    const auto add = [&](const std::string &name) {
        lab.changes.add([&, name] { return carry_out(lab.loop, {change(log, name + "1"), change(log, name + "2")}); });
    };
    lab.changes.add([&] {
        add("c");
        return noted(log, "do a", true);
    });
    add("b");
    lab.changes.add([&] {
        lab.loop.stop();
        return just({});
    });
    lab.loop.run();
    CHECK(log == Log{"do a", "do c1", "do c2", "do b1", "do b2"});
}

TEST_CASE("changes: a job of hands gives its value to who waits, in a turn of the loop") {
    auto loop = *sys::EventLoop::create();
    auto hands = daemon::Hands::open(loop);
    REQUIRE(hands);
    std::thread::id by;
    Result<int> outcome = 0;
    TaskQueue changes;
    const auto work = [&]() -> Task<Result<void>> {
        auto job = [&by](Hands::Tools &) -> Result<int> {
            by = std::this_thread::get_id();
            return 7;
        };
        outcome = co_await (*hands)->call("test", std::move(job));
        loop.stop();
        co_return Result<void>();
    };
    changes.add(work);
    CHECK(outcome == 0); // adding it has waited for nothing
    loop.run();
    CHECK(outcome == 7);
    CHECK(by != std::this_thread::get_id());
}
