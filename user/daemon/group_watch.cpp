// SPDX-License-Identifier: MIT
#include "user/daemon/group_watch.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "user/sys/device/filter.h"

namespace xbond::daemon {

GroupWatch::Listener GroupWatch::listen(Changed changed) {
    auto listener = std::make_shared<const Changed>(std::move(changed));
    listeners_.emplace_back(listener);
    if (!looking_ && !next_look_) {
        look();
    }
    return listener;
}

// Where devices come by the thousand, once for many of them.
void GroupWatch::kernel_told() {
    constexpr Ms pause(10);
    told_ = looking_;
    if (!looking_ && !listeners_.empty()) {
        next_look_ = loop_.at(
            std::max(sys::now(), last_look_ + pause), [this] { look(); }, "multicast lists");
    }
}

void GroupWatch::look() {
    looking_ = true;
    next_look_ = {};
    last_look_ = sys::now();
    hands_.run(
        [lists = lists_,
         told = alive_.guard([this](const Devices &changed) { seen(changed); })](Hands::Tools &) -> Hands::Then {
            return [told, changed = lists->changed(sys::multicast_text())]() mutable { told(changed); };
        },
        "multicast lists");
}

void GroupWatch::seen(const Devices &changed) {
    constexpr Time interval = Ms(500), soon = Ms(20);
    looking_ = false;
    for (const auto &weak : std::vector(listeners_)) { // a listener may bring another one
        const auto listener = weak.lock();
        if (listener && !changed.empty()) {
            (*listener)(changed);
        }
    }
    std::erase_if(listeners_, [](const auto &weak) { return weak.expired(); });
    if (std::exchange(told_, false)) {
        kernel_told();
    } else if (!listeners_.empty() && !looking_) {
        next_look_ = loop_.at(
            sys::now() + (changed.empty() ? interval : soon), [this] { look(); }, "multicast lists");
    }
}

// Each line begins with the number of its device.
GroupWatch::Devices GroupWatch::Lists::changed(std::string text) {
    if (text == text_) {
        return {};
    }
    text_ = std::move(text);
    std::map<std::uint32_t, std::string> now;
    for (std::string_view rest = text_; !rest.empty();) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const auto number = line.substr(0, line.find(' '));
        std::uint32_t ifindex = 0;
        std::from_chars(number.data(), number.data() + number.size(), ifindex);
        now[ifindex].append(line).push_back('\n');
    }
    Devices changed;
    for (const auto &[ifindex, lines] : now) {
        if (const auto before = lines_.find(ifindex); before == lines_.end() || before->second != lines) {
            changed.insert(ifindex);
        }
    }
    for (const auto &[ifindex, lines] : lines_) {
        if (!now.contains(ifindex)) {
            changed.insert(ifindex);
        }
    }
    lines_ = std::move(now);
    return changed;
}

} // namespace xbond::daemon
