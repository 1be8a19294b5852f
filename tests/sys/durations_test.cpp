// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "user/sys/durations.h"

namespace xbond::sys {

TEST_CASE("durations: the longest has its name") {
    Durations durations;
    CHECK(durations.permille_999() == Time{});
    durations.add("a", Ms(2));
    durations.add("b", Ms(7));
    durations.add("c", Ms(3));
    CHECK(durations.count() == 3);
    CHECK(durations.longest() == Ms(7));
    CHECK(durations.longest_of() == "b");
    CHECK(durations.total() == Ms(12));
    CHECK(durations.permille_999() == Ms(7));
}

TEST_CASE("durations: one of a thousand may be longer") {
    Durations durations;
    for (int i = 0; i < 999; ++i) {
        durations.add("usual", Ms(1));
    }
    durations.add("rare", Ms(500));
    CHECK(durations.permille_999() >= Ms(1));
    CHECK(durations.permille_999() <= std::chrono::microseconds(1125));
    durations.add("rare", Ms(500)); // of 1001 it is the second
    CHECK(durations.permille_999() == Ms(500));
}

TEST_CASE("durations: never too little and at most an eighth too much, whatever the size") {
    for (std::int64_t us = 0; us < std::int64_t{1} << 40; us += 1 + us / 5) {
        Durations durations;
        const Time took = std::chrono::microseconds(us);
        durations.add("one", took);
        durations.add("a longer one", took * 4);
        for (int i = 0; i < 1000; ++i) {
            durations.add("many", took);
        }
        CHECK(durations.permille_999() >= took);
        CHECK(durations.permille_999() <= took + took / 8 + std::chrono::microseconds(1));
    }
}

} // namespace xbond::sys
