// SPDX-License-Identifier: MIT
// How long things took: what the program says of its own loop and of its calls into the kernel. Bounded memory, O(1) a
// measurement. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "xbond/types.h"

namespace xbond::sys {

class Durations {
public:
    void add(std::string_view what, Time took);

    std::uint64_t count() const { return count_; }
    Time longest() const { return longest_; }
    const std::string &longest_of() const { return longest_of_; } // what took longest
    Time total() const { return total_; }
    // Only one of a thousand took longer; up to an eighth too much, never too little.
    Time permille_999() const;

private:
    // Eight buckets from one power of two to the next, in microseconds.
    static constexpr std::size_t steps = 8;
    static std::size_t bucket(std::uint64_t us);
    static std::uint64_t upper_bound(std::size_t bucket); // us

    std::array<std::uint64_t, 64 * steps> buckets_{};
    std::uint64_t count_ = 0;
    Time longest_{}, total_{};
    std::string longest_of_;
};

} // namespace xbond::sys
