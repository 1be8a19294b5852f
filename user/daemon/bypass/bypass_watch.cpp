// SPDX-License-Identifier: MIT
#include "user/daemon/bypass/bypass_watch.h"

#include <algorithm>
#include <utility>

#include "loader/hook/hook.h"

namespace xbond::daemon {
namespace {

bool is_ours(const sys::FilterInfo &filter) {
    return filter.kind == "bpf" && filter.priority == loader::filter_priority;
}

// What netlink tells. False: the device has gone.
bool read_told(Hands::Tools &tools, std::uint32_t ifindex, DeviceHooks &hooks) {
    const auto link = tools.netlink.link(ifindex);
    auto filters = tools.netlink.filters(ifindex, sys::Netlink::Side::egress);
    if (!link || !filters) {
        return false;
    }
    hooks.qdisc = link->qdisc;
    hooks.native_xdp = link->native_xdp;
    hooks.egress = std::move(*filters);
    return true;
}

} // namespace

std::vector<std::string> bypassed(const DeviceHooks &hooks) {
    std::vector<std::string> all;
    if (!hooks.qdisc.empty() && hooks.qdisc != "noqueue") {
        all.push_back("root qdisc " + hooks.qdisc);
    }
    const auto ours = std::ranges::find_if(hooks.egress, is_ours);
    for (auto filter = ours == hooks.egress.end() ? hooks.egress.begin() : ours; filter != hooks.egress.end();
         ++filter) {
        const std::string text =
            "egress filter " + filter->kind + " (priority " + std::to_string(filter->priority) + ")";
        if (!is_ours(*filter) && std::ranges::find(all, text) == all.end()) {
            all.push_back(text); // the kernel lists one for each filter and one for their list
        }
    }
    for (const auto &program : hooks.programs_behind) {
        all.push_back("tcx program " + program);
    }
    if (hooks.native_xdp) {
        all.emplace_back("native XDP program");
    }
    return all;
}

BypassWatch::BypassWatch(Host &host, std::function<std::uint32_t()> ifindex, std::function<void()> changed)
    : host_(host), ifindex_(std::move(ifindex)), changed_(std::move(changed)) {
    look_again();
}

void BypassWatch::look(Look look) {
    if (look == Look::everything) {
        shared_->everything = true;
    }
    const std::uint32_t device = ifindex_();
    if (device == 0 || shared_->asked.exchange(true)) {
        return; // a look that has yet to begin
    }
    auto back = alive_.guard([this](std::vector<std::string> &&all) {
        found_ = std::move(all);
        changed_();
    });
    host_.hands.run(
        [shared = shared_, ifindex = device, back](Hands::Tools &tools) -> Hands::Then {
            shared->asked = false;
            if (shared->everything.exchange(false) && !read_told(tools, ifindex, shared->hooks)) {
                return {};
            }
            shared->hooks.programs_behind = loader::programs_behind_ours({ifindex, loader::Direction::egress});
            auto now = bypassed(shared->hooks);
            if (now == shared->last) {
                return {};
            }
            shared->last = now;
            return [back, all = std::move(now)]() mutable { back(std::move(all)); };
        },
        "what is on the bond's device");
}

void BypassWatch::look_anew() {
    found_.reset();
    alive_ = Alive(); // what hands are about to tell is of the device where it was
    shared_ = std::make_shared<Shared>();
    look();
}

// All bonds of a host at the same moments: one wake-up. Everything every two seconds: an XDP program comes unheard when
// it is attached by a link, and a message may have been lost.
void BypassWatch::look_again() {
    constexpr Time pause = Ms(500);
    constexpr unsigned looks = 4;
    look(looks_++ % looks == 0 ? Look::everything : Look::untold);
    const Time now = sys::now();
    next_ = host_.loop.at(
        now - now % pause + pause, [this] { look_again(); }, "what is on the bond's device");
}

} // namespace xbond::daemon
