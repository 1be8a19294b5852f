// SPDX-License-Identifier: MIT
// Calls that sleep, beside a loop that does not.
#include <catch2/catch.hpp>

#include <semaphore>
#include <thread>
#include <vector>

#include "user/sys/worker.h"

using namespace xbond;
using namespace xbond::sys;

TEST_CASE("worker: jobs run in order in another thread, their outcome in the loop's") {
    auto loop = *EventLoop::create();
    Worker worker(loop);
    const auto here = std::this_thread::get_id();
    std::vector<int> outcomes;
    bool elsewhere = true;
    for (int i = 0; i < 100; ++i) {
        worker.run([&, i] {
            const bool other = std::this_thread::get_id() != here;
            return [&, i, other] {
                elsewhere = elsewhere && other && std::this_thread::get_id() == here;
                outcomes.push_back(i);
                if (outcomes.size() == 100) {
                    loop.stop();
                }
            };
        });
    }
    loop.run();
    CHECK(elsewhere);
    REQUIRE(outcomes.size() == 100);
    CHECK(std::ranges::is_sorted(outcomes));
    CHECK(worker.drain(Ms(5000)));
    CHECK(worker.waiting() == 0);
}

TEST_CASE("worker: the loop goes on, and may end, while a job sleeps") {
    auto loop = *EventLoop::create();
    auto wakes = std::make_shared<std::binary_semaphore>(0);
    bool told = false;
    {
        Worker worker(loop);
        worker.run([wakes, &told] {
            wakes->acquire();
            return [&told] { told = true; };
        });
        worker.run([] { return Worker::Then{}; });
        auto timer = loop.at(now() + Ms(5), [&] { loop.stop(7); });
        CHECK(loop.run() == 7);
        CHECK(worker.waiting() == 2);
        CHECK_FALSE(worker.drain(Ms(1)));
    } // waits for nothing
    wakes->release();
    auto timer = loop.at(now() + Ms(5), [&] { loop.stop(); });
    loop.run();
    CHECK_FALSE(told);
}
