// SPDX-License-Identifier: MIT
#include "user/daemon/applications/applications.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <grp.h>
#include <spdlog/spdlog.h>

#include "user/daemon/applications/rules.h"

namespace xbond::daemon {

Ms Applications::interval() const { return Ms(std::max<std::uint32_t>(1, carrier_watch_ms_)); }

std::optional<gid_t> Applications::find_group(const std::string &name) {
    gid_t number = 0;
    const char *const last = name.data() + name.size();
    if (const auto [end, error] = std::from_chars(name.data(), last, number); error == std::errc{} && end == last) {
        return number;
    }
    std::array<char, 16384> room{};
    group entry{};
    group *found = nullptr;
    return ::getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found) == 0 && found != nullptr
               ? std::optional(entry.gr_gid)
               : std::nullopt;
}

void Applications::follow(const core::Desired &desired) {
    carrier_watch_ms_ = desired.carrier_watch_ms;
    if (text_ == desired.xsk_allow) {
        return;
    }
    if (auto rules = core::parse_xsk_rules(desired.xsk_allow)) {
        text_ = desired.xsk_allow;
        set_rules(std::move(*rules));
    }
}

// Until hands have been there a rule that is new has no group, one that has gone is not asked for any more.
void Applications::set_rules(std::vector<core::XskRule> wanted) {
    std::vector<Rule> next;
    for (const auto &rule : wanted) {
        const auto old = std::ranges::find(rules_, rule, &Rule::rule);
        next.push_back(old == rules_.end() ? Rule{rule, {}} : *old);
    }
    rules_ = std::move(next);
    auto known = alive_.guard([this](const core::XskRule &rule, std::optional<gid_t> group) {
        if (const auto found = std::ranges::find(rules_, rule, &Rule::rule); found != rules_.end()) {
            found->group = group;
        }
    });
    host_.hands.run(
        [path = path_, wanted = std::move(wanted), interval = interval(), known](Hands::Tools &) -> Hands::Then {
            auto done = path->set_xsk_rules(encode(wanted));
            if (done && !wanted.empty()) {
                done = path->open_view(interval);
            }
            if (!done) {
                spdlog::error("rules of xsk_allow: {}", done.error().message);
            }
            std::vector<std::optional<gid_t>> groups;
            for (const auto &rule : wanted) {
                groups.push_back(find_group(rule.group));
                if (!groups.back()) {
                    spdlog::warn("xsk_allow: there is no group {}: nobody gets `{}`", rule.group, match_text(rule));
                }
            }
            return [known, wanted, groups]() mutable {
                for (std::size_t i = 0; i < wanted.size(); ++i) {
                    known(wanted[i], groups[i]);
                }
            };
        },
        "rules for applications");
}

Task<Result<Applications::Opened>> Applications::open(sys::Peer peer, bool sockets) {
    const auto may = [&peer](const Rule &rule) {
        return peer.uid == 0 || (rule.group && (peer.gid == *rule.group ||
                                                std::ranges::find(peer.groups, *rule.group) != peer.groups.end()));
    };
    std::vector<core::XskRule> allowed;
    for (const auto &rule : rules_) {
        if (sockets && may(rule)) {
            allowed.push_back(rule.rule);
        }
    }
    if (sockets && allowed.empty()) {
        co_return fail(EACCES, "no rule of xsk_allow is for a group of uid " + std::to_string(peer.uid) +
                                   ": `xbond xsk allow BOND group GROUP match ...` makes one");
    }
    auto job = [path = path_, allowed, interval = interval()](Hands::Tools &) -> Result<Opened> {
        XB_TRY_VOID(path->open_view(interval));
        Opened opened;
        opened.descriptors.emplace_back(::fcntl(path->view_fd(), F_DUPFD_CLOEXEC, 0));
        for (const auto &rule : allowed) {
            XB_TRY(map, path->rule_sockets(encode(rule)));
            opened.descriptors.push_back(std::move(*map));
            opened.rules.push_back(match_text(rule));
        }
        if (!opened.descriptors.front()) {
            return fail(EMFILE, "no descriptors left");
        }
        return opened;
    };
    co_return co_await host_.hands.call("open a view", std::move(job));
}

void Applications::nobody_looks() {
    if (!rules_.empty()) { // sockets may go on without a connection
        return;
    }
    host_.hands.run(
        [path = path_](Hands::Tools &) -> Hands::Then {
            (void)path->set_view(Ms(0));
            return {};
        },
        "stop a view");
}

} // namespace xbond::daemon
