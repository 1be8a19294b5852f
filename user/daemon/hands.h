// SPDX-License-Identifier: MIT
// What can sleep is done by hands, a thread of its own: netlink and ioctls that wait for the kernel's RTNL lock (one
// slow driver or one mass delete anywhere on the host holds it for seconds), and files on a disk. The loop, which sends
// LACPDUs and probes and moves the active slave, only asks and is told.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "user/daemon/task.h"
#include "user/sys/device/ethtool.h"
#include "user/sys/device/filter.h"
#include "user/sys/netlink.h"
#include "user/sys/worker.h"

namespace xbond::daemon {

class Hands {
public:
    struct Tools { // used by the hands' thread alone
        sys::Netlink netlink;
        sys::Ethtool ethtool;
        sys::DeviceFilter filter;
    };
    using Then = sys::Worker::Then;
    using Job = std::function<Then(Tools &)>;

    static Result<std::unique_ptr<Hands>> open(sys::EventLoop &);

    // Jobs are done in the order in which they were given. What is returned runs in the loop; it must not outlive what
    // it refers to: see Alive. `what` names both where times are told of.
    void run(Job job, std::string_view what) {
        worker_.run([tools = tools_, job = std::move(job)] { return job(*tools); }, what);
    }
    // In a coroutine of the loop: `co_await hands.call(what, job)` is what job(tools) returned, in a later turn. When
    // the coroutine is destroyed meanwhile, the job is still done.
    template <typename Call> auto call(std::string_view what, Call job) {
        return call_by(worker_, what, [tools = tools_, job = std::move(job)]() mutable { return job(*tools); });
    }

    sys::Durations jobs() const { return worker_.jobs(); }
    std::size_t waiting() const { return worker_.waiting(); }
    bool drain(Ms patience) { return worker_.drain(patience); }

private:
    Hands(sys::EventLoop &loop, Tools tools) : tools_(std::make_shared<Tools>(std::move(tools))), worker_(loop) {}

    std::shared_ptr<Tools> tools_; // a job that still sleeps when the program ends has its share
    sys::Worker worker_;
};

// A member of what jobs come back to: `guard` makes a call that is left out when its owner has gone.
class Alive {
public:
    template <typename Call> auto guard(Call call) const {
        return [token = std::weak_ptr(token_), call = std::move(call)](auto &&...arguments) mutable {
            if (!token.expired()) {
                call(std::forward<decltype(arguments)>(arguments)...);
            }
        };
    }

private:
    std::shared_ptr<int> token_ = std::make_shared<int>();
};

} // namespace xbond::daemon
