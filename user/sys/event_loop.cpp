// SPDX-License-Identifier: MIT
#include "user/sys/event_loop.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <system_error>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <utility>

#include "common/fd.h"
#include "user/sys/io.h"

namespace xbond::sys {

namespace {

constexpr Time shortest_suspend = Ms(100);

Time read_clock(clockid_t clock) {
    timespec ts{};
    ::clock_gettime(clock, &ts);
    return std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec);
}

// Readable when CLOCK_REALTIME jumps, which it does at a resume.
Fd clock_jumps() {
    Fd fd(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    const itimerspec never{{}, {std::numeric_limits<std::int32_t>::max(), 0}};
    const bool armed =
        fd && ::timerfd_settime(fd.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr) == 0;
    return armed ? std::move(fd) : Fd();
}

} // namespace

Time now() { return read_clock(CLOCK_MONOTONIC); }

// What passes between the two readings makes it less.
Time suspended_time() {
    const Time since_boot = read_clock(CLOCK_BOOTTIME);
    return since_boot - now();
}

struct EventLoop::Impl {
    sd_event *event = nullptr;
    std::optional<int> stop_code;
    std::exception_ptr error; // thrown by a callback; run() throws it on, past sd-event's C frames
    Fd wake;                  // eventfd that makes post() an event like any other
    Source wake_source;
    struct Posted {
        std::function<void()> call;
        std::string_view what;
    };
    std::mutex lock; // of `posted`
    std::deque<Posted> posted;
    Durations turns;
    Time long_turn = Time::max();
    std::function<void(std::string_view, Time)> tell_long_turn;
    std::function<Time()> suspended; // none: nobody asks
    Time suspended_before{};
    std::function<void(Time)> tell_resume;
    Fd jumps;
    Source jumps_source;

    Impl() = default;
    Impl(const Impl &) = delete;
    Impl &operator=(const Impl &) = delete;
    ~Impl() {
        wake_source = {};
        jumps_source = {};
        sd_event_unref(event);
    }

    void post(Posted one) {
        const std::lock_guard held(lock);
        posted.push_back(std::move(one));
        wake_up();
    }
    std::optional<Posted> take_posted() {
        const std::lock_guard held(lock);
        if (posted.empty()) {
            return std::nullopt;
        }
        auto one = std::move(posted.front());
        posted.pop_front();
        if (!posted.empty()) {
            wake_up();
        }
        return one;
    }

    void turn_began() {
        what.reset();
        began = now();
    }
    void look_for_resume() {
        const Time away = suspended ? suspended() - suspended_before : Time{};
        if (away >= shortest_suspend) {
            suspended_before += away;
            tell_resume(away);
        }
    }
    void turn_ended(std::string_view source) {
        const Time took = now() - began;
        const std::string_view name = what.value_or(source);
        turns.add(name, took);
        if (took > long_turn) {
            tell_long_turn(name, took);
        }
    }
    std::optional<std::string_view> what; // of the turn, if it is not its source that says it
    Time began{};

private:
    void wake_up() const {
        const std::uint64_t one = 1;
        (void)!::write(wake.get(), &one, sizeof one);
    }
};

struct EventLoop::Source::Impl {
    // Shared, because a callback may destroy its own Source while it runs.
    struct Callback {
        EventLoop::Impl *loop;
        std::string_view what;
        std::function<void(std::uint32_t)> call;
    };
    std::shared_ptr<Callback> callback;
    sd_event_source *source = nullptr;

    Impl(EventLoop::Impl *loop, std::string_view what, std::function<void(std::uint32_t)> call)
        : callback(std::make_shared<Callback>(Callback{loop, what, std::move(call)})) {}
    Impl(const Impl &) = delete;
    Impl &operator=(const Impl &) = delete;
    ~Impl() { sd_event_source_disable_unref(source); }

    static int dispatch(void *userdata, std::uint32_t events) noexcept {
        const auto callback = static_cast<Impl *>(userdata)->callback;
        callback->loop->turn_began();
        try {
            callback->loop->look_for_resume();
            callback->call(events);
        } catch (...) {
            callback->loop->error = std::current_exception();
        }
        callback->loop->turn_ended(callback->what);
        return 0;
    }
    static int on_io(sd_event_source *, int, std::uint32_t events, void *userdata) {
        return dispatch(userdata, events);
    }
    static int on_signal(sd_event_source *, const signalfd_siginfo *, void *userdata) { return dispatch(userdata, 0); }
    static int on_time(sd_event_source *, std::uint64_t, void *userdata) { return dispatch(userdata, 0); }
};

EventLoop::Source::Source() = default;
EventLoop::Source::Source(Source &&) noexcept = default;
EventLoop::Source &EventLoop::Source::operator=(Source &&) noexcept = default;
EventLoop::Source::~Source() = default;
EventLoop::Source::operator bool() const { return impl_ != nullptr; }

EventLoop::EventLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventLoop::EventLoop(EventLoop &&) noexcept = default;
EventLoop &EventLoop::operator=(EventLoop &&) noexcept = default;
EventLoop::~EventLoop() = default;

Result<EventLoop> EventLoop::create() {
    auto impl = std::make_unique<Impl>();
    if (const int r = sd_event_new(&impl->event); r < 0) {
        return fail_errno("cannot create an event loop", -r);
    }
    impl->wake.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!impl->wake) {
        return fail_errno("cannot create an eventfd");
    }
    EventLoop loop(std::move(impl));
    loop.impl_->wake_source = loop.on_readable(loop.impl_->wake.get(), [core = loop.impl_.get()] {
        std::uint64_t count = 0;
        (void)!::read(core->wake.get(), &count, sizeof count);
        if (const auto posted = core->take_posted()) {
            core->what = posted->what;
            posted->call(); // it may throw
        }
    });
    if (!loop.impl_->wake_source) {
        return fail_errno("cannot watch an eventfd", ENOSPC);
    }
    return loop;
}

EventLoop::Source EventLoop::on_readable(int fd, std::function<void()> call, std::string_view what) {
    return on_io(
        fd, EPOLLIN, [call = std::move(call)](std::uint32_t) { call(); }, what);
}

EventLoop::Source EventLoop::on_io(int fd, std::uint32_t epoll_events, std::function<void(std::uint32_t)> call,
                                   std::string_view what) {
    Source s;
    auto impl = std::make_unique<Source::Impl>(impl_.get(), what, std::move(call));
    if (sd_event_add_io(impl_->event, &impl->source, fd, epoll_events, Source::Impl::on_io, impl.get()) >= 0) {
        s.impl_ = std::move(impl);
    }
    return s;
}

EventLoop::Source EventLoop::on_signal(int signo, std::function<void()> call) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signo);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    Source s;
    auto impl =
        std::make_unique<Source::Impl>(impl_.get(), "signal", [call = std::move(call)](std::uint32_t) { call(); });
    if (sd_event_add_signal(impl_->event, &impl->source, signo, Source::Impl::on_signal, impl.get()) >= 0) {
        s.impl_ = std::move(impl);
    }
    return s;
}

EventLoop::Source EventLoop::at(Time when, std::function<void()> call, std::string_view what) {
    // Rounded up: a timer is never early. 1 us of accuracy, because 0 would mean sd-event's 250 ms.
    const auto us = std::chrono::ceil<std::chrono::microseconds>(std::max(when, Time::zero())).count();
    Source s;
    auto impl = std::make_unique<Source::Impl>(impl_.get(), what, [call = std::move(call)](std::uint32_t) { call(); });
    const int r = sd_event_add_time(impl_->event, &impl->source, CLOCK_MONOTONIC, static_cast<std::uint64_t>(us), 1,
                                    Source::Impl::on_time, impl.get());
    if (r < 0) {
        throw std::system_error(-r, std::generic_category(), "cannot make a timer");
    }
    s.impl_ = std::move(impl);
    return s;
}

void EventLoop::post(std::function<void()> call, std::string_view what) { impl_->post({std::move(call), what}); }

void EventLoop::name_turn(std::string_view what) { impl_->what = what; }

const Durations &EventLoop::turns() const { return impl_->turns; }

void EventLoop::on_long_turn(Time limit, std::function<void(std::string_view, Time)> tell) {
    impl_->long_turn = limit;
    impl_->tell_long_turn = std::move(tell);
}

// After an error it is told of all the same, in a turn that comes for another reason.
Result<void> EventLoop::on_resume(std::function<void(Time)> tell, std::function<Time()> suspended) {
    Impl &core = *impl_;
    core.suspended = std::move(suspended);
    core.suspended_before = std::max({core.suspended(), core.suspended(), core.suspended()});
    core.tell_resume = std::move(tell);
    core.jumps = clock_jumps();
    core.jumps_source = on_readable(
        core.jumps.get(),
        [&core] {
            std::uint64_t times = 0;
            (void)!::read(core.jumps.get(), &times, sizeof times); // ECANCELED: it has jumped
        },
        "clock");
    return core.jumps_source ? Result<void>() : fail_errno("cannot watch the clock");
}

int EventLoop::run() {
    Impl &core = *impl_; // stays where it is when the EventLoop is moved
    while (!core.stop_code) {
        const int r = sd_event_run(core.event, UINT64_MAX);
        if (core.error) {
            std::rethrow_exception(std::exchange(core.error, nullptr));
        }
        if (r < 0) {
            throw std::system_error(-r, std::generic_category(), "sd_event_run");
        }
    }
    return *std::exchange(core.stop_code, std::nullopt);
}

void EventLoop::stop(int code) { impl_->stop_code = code; }

// From then on turns of this loop feed systemd's watchdog, if the unit has one: a turn that never ends is noticed.
void EventLoop::notify_ready() {
    (void)sd_event_set_watchdog(impl_->event, 1);
    sd_notify(0, "READY=1");
}

} // namespace xbond::sys
