// SPDX-License-Identifier: MIT
// What people put on a bond's device and what the fast path would go around: a shaper, egress filters, programs behind
// ours, a native XDP program. Hands look: at once when the kernel tells of a qdisc or a filter, and twice a second for
// what nobody tells of.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "user/daemon/hands.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

struct DeviceHooks { // what is on a device besides xbond
    std::string qdisc;
    bool native_xdp = false;
    std::vector<sys::FilterInfo> egress;      // classic filters, ours among them where there is no tcx
    std::vector<std::string> programs_behind; // ours on its egress, by name
};

// Each of them as people would name it; empty: nothing is bypassed. Filters before ours run on the fast path, too.
std::vector<std::string> bypassed(const DeviceHooks &);

class BypassWatch {
public:
    // `ifindex`: of the device now, 0 while it is in another network namespace. `changed`: found() is another one.
    BypassWatch(Host &host, std::function<std::uint32_t()> ifindex, std::function<void()> changed);

    // `untold`: programs on tcx hooks, of which the kernel tells nobody.
    enum class Look { everything, untold };
    void look(Look look = Look::everything);
    void look_anew(); // the device was moved
    // None: nobody has looked yet.
    const std::optional<std::vector<std::string>> &found() const { return found_; }

private:
    void look_again();

    Host &host_;
    std::function<std::uint32_t()> ifindex_;
    std::function<void()> changed_;
    std::optional<std::vector<std::string>> found_;
    struct Shared { // with hands
        std::atomic<bool> asked = false, everything = false;
        DeviceHooks hooks; // this and the next: hands' alone
        std::optional<std::vector<std::string>> last;
    };
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    sys::EventLoop::Source next_;
    unsigned looks_ = 0;
    Alive alive_;
};

} // namespace xbond::daemon
