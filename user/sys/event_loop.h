// SPDX-License-Identifier: MIT
// sd-event behind one small header. Single thread, but for post(). Every timer passes an accuracy of 1 us: 0 would mean
// 250 ms. One callback is a turn of the loop; `what` names it where turns are told of, and must live as long as the
// program does.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "user/sys/durations.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::sys {

Time now();            // CLOCK_MONOTONIC: it stands still while the machine is suspended
Time suspended_time(); // since boot, in all; not more than that

class EventLoop {
public:
    static Result<EventLoop> create();
    EventLoop(EventLoop &&) noexcept;
    EventLoop &operator=(EventLoop &&) noexcept;
    ~EventLoop();

    // Movable registration: destroying it removes the source, also from inside its own callback. False when the
    // descriptor or signal was refused. Callbacks run in run(); what they throw leaves through run(). Remove a
    // descriptor's source before closing the descriptor.
    class Source {
    public:
        Source();
        Source(Source &&) noexcept;
        Source &operator=(Source &&) noexcept;
        ~Source();
        explicit operator bool() const;

    private:
        friend class EventLoop;
        struct Impl;
        std::unique_ptr<Impl> impl_;
    };

    Source on_readable(int fd, std::function<void()>, std::string_view what = "input");
    Source on_io(int fd, std::uint32_t epoll_events, std::function<void(std::uint32_t)>,
                 std::string_view what = "input");
    Source on_signal(int signo, std::function<void()>); // blocks the signal for the thread
    // One shot; keep the Source alive until it fires. Throws std::system_error when memory has run out: a program that
    // went on would be without a monitor, and nobody would know.
    Source at(Time when, std::function<void()>, std::string_view what = "timer");
    // Runs once, after the events at hand; one a turn, in order. From any thread.
    void post(std::function<void()>, std::string_view what = "posted");

    void name_turn(std::string_view what); // the turn at hand, better than its source could
    const Durations &turns() const;
    // Tells of every turn that took longer than `limit`, after it.
    void on_long_turn(Time limit, std::function<void(std::string_view what, Time took)>);

    // Tells of a suspend of at least 100 ms, before anything else of the turn that comes first after it.
    Result<void> on_resume(std::function<void(Time away)>, std::function<Time()> suspended = suspended_time);

    int run();               // until stop(); may be called again afterwards
    void stop(int code = 0); // returns from run() after the callback at hand
    void notify_ready();     // sd_notify READY=1, if systemd is there

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
    explicit EventLoop(std::unique_ptr<Impl>);
};

} // namespace xbond::sys
