// SPDX-License-Identifier: MIT
// Who makes those calls of a coroutine that can sleep: hands while the loop runs; before it does, the caller at once.
#pragma once

#include <string_view>
#include <type_traits>
#include <utility>

#include "user/daemon/host.h"

namespace xbond::daemon {

enum class By { hands, caller };

// `co_await step(host, by, what, job)`: what job(netlink) returned.
template <typename Job>
Task<std::invoke_result_t<Job &, sys::Netlink &>> step(Host &host, By by, std::string_view what, Job job) {
    if (by == By::caller) {
        co_return job(host.netlink);
    }
    auto at_hands = [job = std::move(job)](Hands::Tools &tools) mutable { return job(tools.netlink); };
    co_return co_await host.hands.call(what, std::move(at_hands));
}

// The same for what is on a disk, which may be slow: hands have devices to set.
template <typename Job> Task<std::invoke_result_t<Job &>> file_step(Host &host, By by, std::string_view what, Job job) {
    if (by == By::caller) {
        co_return job();
    }
    co_return co_await host.files.call(what, std::move(job));
}

} // namespace xbond::daemon
