// SPDX-License-Identifier: MIT
#include "user/cli/migrate/counters.h"

#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace xbond::cli::migrate {

namespace {

constexpr std::chrono::milliseconds interval(1), at_rest(500), afterwards(300);

std::uint64_t number_in(const Fd &file) {
    char text[24] = {};
    return ::pread(file.get(), text, sizeof text - 1, 0) > 0 ? std::strtoull(text, nullptr, 10) : 0;
}

} // namespace

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

Counters::Counters(const Snapshot &of) {
    for (const auto &slave : of.slaves) {
        const auto add = [&](const char *name, std::uint64_t Sample::*counter) {
            const auto path = "/sys/class/net/" + slave.name + "/statistics/" + name;
            if (Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); file) {
                files_.emplace_back(std::move(file), counter);
            }
        };
        add("tx_packets", &Sample::sent);
        add("rx_packets", &Sample::received);
    }
    thread_ = std::thread([this] { run(); });
}

Counters::~Counters() {
    ended_ = true;
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Counters::run() {
    while (!ended_) {
        Sample sample{now_ns()};
        for (const auto &[file, counter] : files_) {
            sample.*counter += number_in(file);
        }
        samples_.push_back(sample);
        std::this_thread::sleep_for(interval);
    }
}

void Counters::learn_rate() { std::this_thread::sleep_for(at_rest); }

std::vector<Sample> Counters::end() {
    std::this_thread::sleep_for(afterwards);
    ended_ = true;
    thread_.join();
    return std::move(samples_);
}

} // namespace xbond::cli::migrate
