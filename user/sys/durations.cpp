// SPDX-License-Identifier: MIT
#include "user/sys/durations.h"

#include <algorithm>
#include <bit>
#include <chrono>

namespace xbond::sys {

// Below 8 us each microsecond is a bucket of its own.
std::size_t Durations::bucket(std::uint64_t us) {
    if (us < steps) {
        return us;
    }
    const auto power = static_cast<std::size_t>(std::bit_width(us)) - 1; // >= 3
    return (power - 2) * steps + (us >> (power - 3)) - steps;
}

std::uint64_t Durations::upper_bound(std::size_t bucket) {
    if (bucket < steps) {
        return bucket;
    }
    const std::size_t power = bucket / steps + 2;
    return ((steps + bucket % steps + 1) << (power - 3)) - 1;
}

void Durations::add(std::string_view what, Time took) {
    took = std::max(took, Time::zero());
    ++count_;
    total_ += took;
    ++buckets_[bucket(static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::microseconds>(took).count()))];
    if (took > longest_) {
        longest_ = took;
        longest_of_ = what;
    }
}

Time Durations::permille_999() const {
    std::uint64_t longer = count_ / 1000; // may be longer
    for (std::size_t at = buckets_.size(); at-- > 0;) {
        if (buckets_[at] > longer) {
            return std::min<Time>(std::chrono::microseconds(upper_bound(at)), longest_);
        }
        longer -= buckets_[at];
    }
    return {};
}

} // namespace xbond::sys
