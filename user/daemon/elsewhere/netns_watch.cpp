// SPDX-License-Identifier: MIT
#include "user/daemon/elsewhere/netns_watch.h"

#include <spdlog/spdlog.h>
#include <utility>

namespace xbond::daemon {

NetnsWatch::NetnsWatch(Host &host, std::shared_ptr<OtherNetns> netns, NsidEvents events, Listener listener)
    : host_(host), netns_(std::move(netns)), events_(std::move(events)), listener_(std::move(listener)) {
    readable_ = host_.loop.on_readable(
        events_.fd(),
        [this] {
            read();
            hear();
        },
        "another network namespace");
    ask();
}

void NetnsWatch::read() {
    events_.drain(netns_->nsid(), [this](sys::NetlinkEvent &&event) {
        if (std::holds_alternative<sys::Overrun>(event)) {
            lost_ = true;
        } else {
            netns_->links.update(event);
            heard_.push_back(std::move(event));
        }
    });
}

void NetnsWatch::catch_up() {
    const bool at_rest = heard_.empty() && !lost_;
    read();
    if (at_rest && (!heard_.empty() || lost_)) {
        host_.loop.post(alive_.guard([this] { hear(); }), "another network namespace");
    }
}

void NetnsWatch::hear() {
    bool addresses = false;
    auto heard = std::exchange(heard_, {});
    if (!heard.empty()) {
        ask_soon();
    }
    if (std::exchange(lost_, false)) {
        list();
    }
    auto alive = alive_.guard([](auto &&call) { call(); }); // a listener may end this watch
    for (const auto &event : heard) {
        if (const auto *changed = std::get_if<sys::LinkChanged>(&event)) {
            alive([&] { listener_.link(changed->link); });
        } else if (const auto *gone = std::get_if<sys::LinkGone>(&event)) {
            alive([&] { listener_.gone(gone->ifindex); });
        } else {
            addresses = true;
        }
    }
    if (addresses) {
        alive([&] { listener_.addresses(); });
    }
}

// After lost messages.
void NetnsWatch::list() {
    if (std::exchange(listing_, true)) {
        return;
    }
    auto back = alive_.guard([this](Result<LinkTable::Dump> &&dump) {
        listing_ = false;
        if (dump) {
            netns_->links.replace(std::move(*dump));
            listener_.addresses();
        }
    });
    host_.hands.run(
        [netns = std::shared_ptr<const OtherNetns>(netns_), back](Hands::Tools &tools) -> Hands::Then {
            return [back, dump = std::make_shared<Result<LinkTable::Dump>>(netns->list(tools.netlink))]() mutable {
                back(std::move(*dump));
            };
        },
        "list the links of another network namespace");
}

void NetnsWatch::ask_soon() {
    constexpr Ms pause(10);
    if (!asking_) {
        next_ = host_.loop.at(
            sys::now() + pause, [this] { ask(); }, "another network namespace");
    }
}

void NetnsWatch::ask() {
    asking_ = true;
    next_ = {};
    auto back = alive_.guard([this](Result<OtherNetns::Told> &&told) {
        constexpr Ms interval(500);
        asking_ = false;
        next_ = host_.loop.at(
            sys::now() + interval, [this] { ask(); }, "another network namespace");
        const auto trouble = told ? "" : told.error().message;
        if (trouble_ != trouble && !trouble.empty()) {
            spdlog::warn("network namespace {}: {}", netns_->abode().name, trouble);
        }
        trouble_ = trouble;
        if (told && !(*told == netns_->told)) {
            netns_->told = std::move(*told);
            listener_.told();
        }
    });
    host_.hands.run(
        [netns = std::shared_ptr<const OtherNetns>(netns_), questions = listener_.questions(),
         back](Hands::Tools &tools) -> Hands::Then {
            return [back, told = std::make_shared<Result<OtherNetns::Told>>(
                              netns->ask(tools.netlink, questions))]() mutable { back(std::move(*told)); };
        },
        "look into another network namespace");
}

} // namespace xbond::daemon
