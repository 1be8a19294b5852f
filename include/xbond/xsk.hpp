// SPDX-License-Identifier: MIT
//
// libxbond-xsk for C++17: xbond/xsk.h, which says what everything means, with owners. Nothing throws; it works without
// exceptions and RTTI. A failure is a std::error_code, and last_error() the sentence about it.
//
//   xbond::xsk::Sockets sockets;
//   if (auto error = sockets.open("bond0")) { std::fprintf(stderr, "%s\n", xbond::xsk::last_error()); ... }
//   xbond::xsk::Batch<> batch(sockets);
//   while (!sockets.wait(std::chrono::seconds(1)))
//       if (batch.receive() > 0)
//           batch.send(); // what was not taken stays in the batch, and is released with it
#ifndef XBOND_XSK_HPP
#define XBOND_XSK_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include <xbond/xsk.h>

namespace xbond::xsk {

// About the last failure in this thread; never null.
inline const char *last_error() noexcept { return xbond_error(); }

inline std::error_code error_of(int result) noexcept {
    return result < 0 ? std::error_code(-result, std::generic_category()) : std::error_code();
}

inline int milliseconds_of(std::chrono::milliseconds time) noexcept { return static_cast<int>(time.count()); }

// Of a frame, on which slaves it leaves: none, one, or all in mode broadcast.
class Choices {
public:
    int size() const noexcept { return n_; }
    bool empty() const noexcept { return n_ == 0; }
    const xbond_choice *begin() const noexcept { return all_.data(); }
    const xbond_choice *end() const noexcept { return all_.data() + n_; }
    const xbond_choice &operator[](int i) const noexcept { return all_[static_cast<std::size_t>(i)]; }

private:
    friend class StateView;
    std::array<xbond_choice, XBOND_MAX_SLAVES> all_{};
    int n_ = 0;
};

// A bond's state, whoever owns it; valid while that does.
class StateView {
public:
    StateView() = default;
    explicit StateView(xbond_state *state) noexcept : state_(state) {}

    explicit operator bool() const noexcept { return state_ != nullptr; }
    xbond_state *get() const noexcept { return state_; }
    int fd() const noexcept { return xbond_state_fd(state_); }
    // Takes the news in; `changed` tells whether there were any. ENODEV: the bond has gone.
    std::error_code update(bool *changed = nullptr) noexcept {
        const int result = xbond_state_update(state_);
        if (changed != nullptr) {
            *changed = result > 0;
        }
        return error_of(result);
    }
    std::uint64_t sequence() const noexcept { return xbond_state_sequence(state_); }
    xbond_bond bond() const noexcept {
        xbond_bond out{};
        xbond_state_get(state_, &out);
        return out;
    }
    std::uint32_t hash(const void *frame, std::size_t size) const noexcept {
        return xbond_state_hash(state_, frame, size);
    }
    Choices select(const void *frame, std::size_t size) const noexcept {
        Choices out;
        out.n_ = xbond_state_select(state_, frame, size, out.all_.data());
        return out;
    }

protected:
    xbond_state *state_ = nullptr;
};

// A bond's state of one's own.
class State : public StateView {
public:
    State() = default;
    State(State &&other) noexcept : StateView(std::exchange(other.state_, nullptr)) {}
    State &operator=(State &&other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    State(const State &) = delete;
    State &operator=(const State &) = delete;
    ~State() { close(); }

    // `socket`: of xbondd; null: that of the network namespace. Timeout 0: 10 seconds.
    std::error_code open(const std::string &bond, const char *socket = nullptr,
                         std::chrono::milliseconds timeout = {}) noexcept {
        close();
        const xbond_open_options options{sizeof(options), socket, milliseconds_of(timeout)};
        return error_of(xbond_state_open(&state_, bond.c_str(), &options));
    }
    void close() noexcept { xbond_state_close(std::exchange(state_, nullptr)); }
};

inline xbond_xsk_options default_options() noexcept {
    xbond_xsk_options options{};
    options.size = sizeof(options);
    return options;
}

// AF_XDP sockets on all slaves and queues of a bond.
class Sockets {
public:
    Sockets() = default;
    Sockets(Sockets &&other) noexcept : xsk_(std::exchange(other.xsk_, nullptr)) {}
    Sockets &operator=(Sockets &&other) noexcept {
        std::swap(xsk_, other.xsk_);
        return *this;
    }
    Sockets(const Sockets &) = delete;
    Sockets &operator=(const Sockets &) = delete;
    ~Sockets() { close(); }

    std::error_code open(const std::string &bond, const xbond_xsk_options &options = default_options()) noexcept {
        close();
        return error_of(xbond_xsk_open(&xsk_, bond.c_str(), &options));
    }
    void close() noexcept { xbond_xsk_close(std::exchange(xsk_, nullptr)); }

    explicit operator bool() const noexcept { return xsk_ != nullptr; }
    xbond_xsk *get() const noexcept { return xsk_; }
    int fd() const noexcept { return xbond_xsk_fd(xsk_); }
    StateView state() const noexcept { return StateView(xbond_xsk_state(xsk_)); }
    xbond_xsk_stats stats() const noexcept {
        xbond_xsk_stats out{};
        xbond_xsk_get_stats(xsk_, &out);
        return out;
    }
    // Until there is something to receive (`ready`), or the time is over; a negative one has no end. ENODEV: the bond has
    // gone.
    std::error_code wait(std::chrono::milliseconds time, bool *ready = nullptr) noexcept {
        const int result = xbond_xsk_wait(xsk_, milliseconds_of(time));
        if (ready != nullptr) {
            *ready = result > 0;
        }
        return error_of(result);
    }

private:
    xbond_xsk *xsk_ = nullptr;
};

// Frames that are the caller's: received, or empty to be filled. What is not sent is released with the batch, which has
// to go before its sockets.
template <std::size_t N = 64> class Batch {
public:
    explicit Batch(const Sockets &sockets) noexcept : xsk_(sockets.get()) {}
    Batch(const Batch &) = delete;
    Batch &operator=(const Batch &) = delete;
    ~Batch() { release(); }

    // What is in the batch is released first. How many there are now.
    int receive() noexcept {
        release();
        return n_ = xbond_xsk_rx(xsk_, frames_.data(), static_cast<int>(N));
    }
    int alloc(std::size_t wanted = N) noexcept {
        release();
        return n_ = xbond_xsk_alloc(xsk_, frames_.data(), static_cast<int>(wanted < N ? wanted : N));
    }
    // How many were taken, the first ones; the others stay.
    int send() noexcept {
        const int sent = n_ > 0 ? xbond_xsk_tx(xsk_, frames_.data(), n_) : 0;
        for (int i = sent; i < n_; ++i) {
            frames_[static_cast<std::size_t>(i - sent)] = frames_[static_cast<std::size_t>(i)];
        }
        n_ -= sent;
        return sent;
    }
    void release() noexcept {
        if (n_ > 0) {
            xbond_xsk_release(xsk_, frames_.data(), n_);
        }
        n_ = 0;
    }

    int size() const noexcept { return n_; }
    bool empty() const noexcept { return n_ == 0; }
    xbond_frame *begin() noexcept { return frames_.data(); }
    xbond_frame *end() noexcept { return frames_.data() + n_; }
    xbond_frame &operator[](int i) noexcept { return frames_[static_cast<std::size_t>(i)]; }

private:
    xbond_xsk *xsk_;
    std::array<xbond_frame, N> frames_{};
    int n_ = 0;
};

} // namespace xbond::xsk

#endif
