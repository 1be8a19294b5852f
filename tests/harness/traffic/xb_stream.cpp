// SPDX-License-Identifier: MIT
// xb_stream: one UDP stream of constant rate, for scripts.
//   xb_stream recv PORT                        counts until the sender has finished or SIGTERM; prints JSON
//   xb_stream send IP PORT RATE SECONDS        prints the number sent as JSON
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/harness/wait.h"

namespace {

using namespace xbond::harness;

constexpr std::uint32_t stream = 1;
volatile std::sig_atomic_t interrupted = 0;

template <typename T> std::optional<T> number(std::string_view text, T least) {
    T value{};
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (result.ec != std::errc{} || result.ptr != end || value < least) {
        return std::nullopt;
    }
    return value;
}

int usage() {
    std::fprintf(stderr, "usage: xb_stream recv PORT | xb_stream send IP PORT RATE SECONDS\n");
    return 2;
}

int receive(std::uint16_t port) {
    std::signal(SIGTERM, [](int) { interrupted = 1; });
    std::signal(SIGINT, [](int) { interrupted = 1; });
    const auto socket = udp_socket("0.0.0.0", port);
    const StreamReceiver receiver(socket.get(), stream, false);
    while (!receiver.finished() && interrupted == 0) {
        std::this_thread::sleep_for(20ms);
    }
    // The sequence numbers start at 0, so the sender's own count, printed by it, makes the loss.
    const StreamReport report = receiver.counter().report(receiver.counter().received());
    std::printf("{\"received\":%llu,\"duplicated\":%llu,\"reordered\":%llu,\"longest_gap_ms\":%.1f}\n",
                static_cast<unsigned long long>(report.received), static_cast<unsigned long long>(report.duplicated),
                static_cast<unsigned long long>(report.reordered),
                static_cast<double>(report.longest_gap.count()) / 1000.0);
    return 0;
}

int send(const std::string &ip, std::uint16_t port, unsigned rate, unsigned seconds) {
    const auto socket = connected_udp("0.0.0.0", ip, port);
    StreamSender sender(socket.get(), stream, rate, 64);
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    const std::uint64_t sent = sender.stop();
    std::this_thread::sleep_for(200ms); // what is on its way arrives before the end mark
    sender.say_finished();
    std::printf("{\"sent\":%llu}\n", static_cast<unsigned long long>(sent));
    return 0;
}

} // namespace

int main(int argc, char **argv) {
    const std::string_view command = argc > 1 ? argv[1] : "";
    try {
        if (command == "recv" && argc == 3) {
            const auto port = number<std::uint16_t>(argv[2], 1);
            return port ? receive(*port) : usage();
        }
        if (command == "send" && argc == 6) {
            const auto port = number<std::uint16_t>(argv[3], 1);
            const auto rate = number<unsigned>(argv[4], 1);
            const auto seconds = number<unsigned>(argv[5], 1);
            return port && rate && seconds ? send(argv[2], *port, *rate, *seconds) : usage();
        }
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "xb_stream: %s\n", failure.what());
        return 1;
    }
    return usage();
}
