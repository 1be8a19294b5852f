// SPDX-License-Identifier: MIT
// A change in steps: a coroutine of the loop's thread that waits for hands without holding the loop. It starts when it
// is awaited or run(), and resumes in turns of the loop. Destroying it where it waits leaves the rest of it undone.
//   Task<Result<void>> BondController::enslave(std::string name) { ... co_await hands.call(...); ... co_return ...; }
// Parameters are taken by value: a reference may be gone when the coroutine resumes.
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "user/sys/event_loop.h"
#include "user/sys/worker.h"
#include "xbond/result.h"

namespace xbond::daemon {

template <typename T> class [[nodiscard]] Task {
public:
    struct promise_type {
        std::optional<T> value;
        std::exception_ptr error;
        std::coroutine_handle<> awaiting = std::noop_coroutine();

        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        auto final_suspend() noexcept {
            struct Next {
                bool await_ready() noexcept { return false; }
                std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> done) noexcept {
                    return done.promise().awaiting;
                }
                void await_resume() noexcept {}
            };
            return Next{};
        }
        template <typename U> void return_value(U &&result) { value.emplace(std::forward<U>(result)); }
        void unhandled_exception() { error = std::current_exception(); }
    };

    Task(Task &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task &operator=(Task &&other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Task() {
        if (handle_) {
            handle_.destroy();
        }
    }

    // co_await task: its value, or what it threw.
    bool await_ready() const { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) {
        handle_.promise().awaiting = awaiting;
        return handle_;
    }
    T await_resume() {
        if (handle_.promise().error) {
            std::rethrow_exception(handle_.promise().error);
        }
        return std::move(*handle_.promise().value);
    }

private:
    explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

// The outermost coroutine, which nobody awaits.
class Running {
public:
    struct promise_type {
        Running get_return_object() { return Running(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        [[noreturn]] void unhandled_exception() { throw; } // leaves through the loop
    };

    Running(Running &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Running &operator=(Running &&other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Running() {
        if (handle_) {
            handle_.destroy();
        }
    }
    void start() { handle_.resume(); }
    bool finished() const { return handle_.done(); }

private:
    explicit Running(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

// Who waits, as those see it that wake him: nobody any more, once the coroutine has been destroyed.
class Sleeper {
public:
    Sleeper() = default;
    Sleeper(const Sleeper &) = delete;
    Sleeper &operator=(const Sleeper &) = delete;
    ~Sleeper() { *waiting_ = nullptr; }

    // For the loop's thread, once.
    std::function<void()> waker(std::coroutine_handle<> waiting) {
        *waiting_ = waiting;
        return [place = waiting_] {
            if (*place) {
                place->resume();
            }
        };
    }

private:
    std::shared_ptr<std::coroutine_handle<>> waiting_ = std::make_shared<std::coroutine_handle<>>();
};

// `co_await next_turn(loop)`: everybody else has been served once.
inline auto next_turn(sys::EventLoop &loop) {
    class Awaiter {
    public:
        explicit Awaiter(sys::EventLoop &loop) : loop_(loop) {}
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> waiting) { loop_.post(sleeper_.waker(waiting), "change"); }
        void await_resume() const {}

    private:
        sys::EventLoop &loop_;
        Sleeper sleeper_;
    };
    return Awaiter(loop);
}

// `co_await call_by(worker, what, job)`: what job() returned in the worker's thread. When the coroutine is destroyed
// meanwhile, the job is still done.
template <typename Call> auto call_by(sys::Worker &worker, std::string_view what, Call job) {
    using Value = std::invoke_result_t<Call &>;
    struct Shared { // with the worker's thread: it is done with them before the waker runs
        Call job;
        std::optional<Value> value;
    };
    class Awaiter {
    public:
        Awaiter(sys::Worker &worker, std::string_view what, Call &&job)
            : worker_(worker), what_(what), shared_(std::make_shared<Shared>(Shared{std::move(job), {}})) {}

        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> waiting) {
            worker_.run(
                [shared = shared_, wake = sleeper_.waker(waiting)]() -> sys::Worker::Then {
                    shared->value.emplace(shared->job());
                    return wake;
                },
                what_);
        }
        Value await_resume() { return std::move(*shared_->value); }

    private:
        sys::Worker &worker_;
        std::string_view what_;
        std::shared_ptr<Shared> shared_;
        Sleeper sleeper_;
    };
    return Awaiter(worker, what, std::move(job));
}

// A task that has nothing to wait for.
inline Task<Result<void>> just(Result<void> result) { co_return result; }

// XB_TRY for coroutines.
#define XB_CO_TRY(result, ...)                                                                                         \
    auto result = (__VA_ARGS__);                                                                                       \
    if (!(result)) {                                                                                                   \
        co_return tl::unexpected(std::move(result).error());                                                           \
    }                                                                                                                  \
    static_assert(true)
#define XB_CO_TRY_VOID(...) XB_CO_TRY_NAMED(__LINE__, __VA_ARGS__)
#define XB_CO_TRY_NAMED(line, ...) XB_CO_TRY_AT(line, __VA_ARGS__) // the line as a number
#define XB_CO_TRY_AT(line, ...) XB_CO_TRY(xb_done_##line, __VA_ARGS__)

} // namespace xbond::daemon
