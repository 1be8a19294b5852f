// SPDX-License-Identifier: MIT
#include "user/daemon/bond/lease.h"

namespace xbond::daemon {

void Lease::set(Ms length) {
    if (length != length_) {
        length_ = length;
        timer_ = {};
        if (length_ > Ms(0)) {
            renew();
        }
    }
}

void Lease::vouch() {
    constexpr Ms next(1200); // the fast period, and some
    if (length_ == Ms(0)) {
        path_.set_lease(sys::now() + next);
    }
}

void Lease::renew() {
    const Time now = sys::now();
    path_.set_lease(now + length_);
    timer_ = host_.loop.at(
        now + Time(length_) / 4, [this] { renew(); }, "lease");
}

} // namespace xbond::daemon
