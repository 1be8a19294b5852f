// SPDX-License-Identifier: MIT
#include "user/cli/migrate/migrate.h"

#include <csignal>
#include <cstdio>
#include <iostream>
#include <sys/signalfd.h>

#include "user/cli/migrate/carry.h"
#include "user/cli/migrate/counters.h"
#include "user/core/modes/traits.h"

namespace xbond::cli {

using namespace migrate;

namespace {

// Asks to stop, told between two steps: what was begun is undone then.
class Stop {
public:
    Stop() {
        ::sigemptyset(&signals_);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
            ::sigaddset(&signals_, signal);
        }
        ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    }
    Stop(const Stop &) = delete;
    Stop &operator=(const Stop &) = delete;
    ~Stop() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    bool asked() const {
        const timespec now{};
        return ::sigtimedwait(&signals_, nullptr, &now) > 0;
    }

private:
    sigset_t signals_{}, before_{};
};

std::string rounded(double value) {
    char text[32];
    std::snprintf(text, sizeof text, value < 10 ? "%.1f" : "%.0f", value);
    return text;
}

void say_what(const Snapshot &of, const std::vector<Step> &steps, std::ostream &out) {
    const auto from = of.from == Side::kernel ? "the kernel's bond " : "xbond's bond ";
    out << from << of.bond << ", mode " << core::traits(of.mode).keyword << ", becomes "
        << (of.from == Side::kernel ? "xbond's" : "the kernel's") << ". It keeps:\n";
    for (const auto &held : of.held) {
        out << "  " << held << '\n';
    }
    for (const auto &vlan : of.vlans) {
        out << "  VLAN device " << vlan.name << '\n';
    }
    for (const auto &note : of.notes) {
        out << "note: " << note << '\n';
    }
    out << "Steps:\n";
    for (std::size_t i = 0; i < steps.size(); ++i) {
        out << "  " << i + 1 << ". " << text(steps[i], of) << '\n';
    }
    const auto loss = expected(of);
    out << "Expected: at most " << loss.sent_ms << " ms without sending, " << loss.received_ms
        << " ms without receiving, " << loss.why << ".\n";
}

void say_lost(const Measured &lost, std::ostream &out) {
    const auto one = [&](const char *what, const Pause &pause) {
        out << "  " << what << ": ";
        if (pause.packets_per_s <= 0) {
            out << "nothing went before, so nothing is known\n";
            return;
        }
        out << "longest pause " << rounded(pause.longest_ms) << " ms, at " << rounded(pause.packets_per_s)
            << " packets/s before that makes about " << rounded(pause.lost) << " packets\n";
    };
    out << "Measured, by the packet counters of all slaves, looked at every millisecond:\n";
    one("sent", lost.sent);
    one("received", lost.received);
}

struct Progress {
    std::size_t done = 0;
    std::int64_t touched = 0; // when the first step that concerns the traffic began; 0: none has
};

bool concerns_traffic(const Step &step) {
    return !std::holds_alternative<Make>(step) && !std::holds_alternative<Prepare>(step);
}

Result<void> carry_out(Carrier &carrier, const std::vector<Step> &steps, const Snapshot &of, const Stop &stop,
                       Progress &progress, std::ostream &out) {
    const auto begun = now_ns();
    for (const auto &step : steps) {
        if (stop.asked()) {
            return fail(EINTR, "stopped by a signal");
        }
        const auto time = now_ns();
        progress.touched = progress.touched == 0 && concerns_traffic(step) ? time : progress.touched;
        char when[32];
        std::snprintf(when, sizeof when, "%7.3f s ", static_cast<double>(time - begun) / 1e9);
        out << when << '[' << progress.done + 1 << '/' << steps.size() << "] " << text(step, of) << std::endl;
        XB_TRY_VOID(carrier.carry_out(step));
        ++progress.done;
    }
    return {};
}

// Goes on where a step of it fails: each brings back what it can.
std::vector<std::string> take_back(Carrier &carrier, const std::vector<Step> &steps, const Snapshot &of,
                                   std::size_t failed, std::ostream &out) {
    std::vector<std::string> left;
    const auto back = undo(std::span(steps).first(std::min(failed + 1, steps.size())), of);
    const auto of_failed = undo(std::span(steps).subspan(std::min(failed, steps.size() - 1), 1), of).size() - 1;
    for (std::size_t i = 0; i < back.size(); ++i) {
        out << "  undo: " << text(back[i], of) << std::endl;
        const auto done = carrier.carry_out(back[i]);
        if (!done && i >= of_failed) { // the step that failed may have done nothing
            left.push_back(text(back[i], of) + ": " + done.error().message);
        }
    }
    return left;
}

} // namespace

Result<void> migrate_bond(const Migrate &what, const Call &call, std::ostream &out, std::ostream &notes) {
    XB_TRY(rtnl, Rtnl::open());
    XB_TRY(netlink, sys::Netlink::open());
    XB_TRY(of, look(what.bond, what.back ? Side::xbond : Side::kernel, call, *rtnl, *netlink));
    if (!of->obstacles.empty()) {
        std::string why = "nothing was touched, because it would not come along: ";
        for (const auto &obstacle : of->obstacles) {
            why += (&obstacle == &of->obstacles.front() ? "" : "; ") + obstacle;
        }
        return fail(EBUSY, why);
    }
    const auto steps = plan(*of);
    say_what(*of, steps, out);
    if (what.dry_run) {
        return {};
    }
    Carrier carrier(*of, call, *rtnl, *netlink);
    XB_TRY_VOID(carrier.remember());
    const Stop stop; // before any thread is there; what is undone is not stopped
    Counters counters(*of);
    counters.learn_rate();
    Progress progress;
    const auto result = carry_out(carrier, steps, *of, stop, progress, out);
    std::vector<std::string> left;
    if (!result) {
        left = take_back(carrier, steps, *of, progress.done, out);
    }
    if (progress.touched != 0) {
        say_lost(measured(counters.end(), progress.touched), out);
    }
    for (const auto &note : carrier.notes()) {
        notes << "note: " << note << '\n';
    }
    if (result) {
        return {};
    }
    std::string message = result.error().message + (left.empty() ? "; undone: the bond is as it was" : "; not undone");
    for (const auto &one : left) {
        message += ": " + one;
    }
    return fail(result.error().code, message);
}

} // namespace xbond::cli
