// SPDX-License-Identifier: MIT
#include "user/files/service.h"

#include <algorithm>
#include <chrono>
#include <net/if.h>
#include <thread>

#include "user/sys/io.h"

namespace xbond::files {

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto patience = 10s;       // for an answer, and for a successor of a daemon that has ended
constexpr auto patience_write = 60s; // a slave is taken in: on a real NIC that takes a while
constexpr auto look_again = 20ms;
constexpr std::size_t most_idle = 8;

bool nobody_serves(int code) { return code == ENOENT || code == ECONNREFUSED; }

} // namespace

Result<cli::Client> Service::connect_anew() {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        auto client = cli::Client::connect(socket_);
        if (client) {
            gone_ = false;
            return client;
        }
        if (!nobody_serves(client.error().code) || gone_ || std::chrono::steady_clock::now() >= end) {
            gone_ = true;
            return fail(EIO, "xbondd does not serve: " + client.error().message);
        }
        std::this_thread::sleep_for(look_again);
    }
}

// One that the daemon has not closed meanwhile.
Result<cli::Client> Service::connection() {
    for (;;) {
        std::optional<cli::Client> client;
        {
            const std::lock_guard lock(mutex_);
            if (!idle_.empty()) {
                client = std::move(idle_.back());
                idle_.pop_back();
            }
        }
        if (!client) {
            return connect_anew();
        }
        if (client->alive()) {
            return std::move(*client);
        }
    }
}

Result<nlohmann::ordered_json> Service::ask(const api::Request &request) {
    const bool write = api::is_write(request);
    for (bool again = !write;; again = false) { // what may have been carried out is not asked for twice
        XB_TRY(client, connection());
        client->set_patience(write ? patience_write : patience);
        const auto sent = client->send(api::encode_request(request));
        const auto line = sent ? client->receive() : tl::make_unexpected(sent.error());
        if (line) {
            auto reply = api::parse_reply(*line);
            if (!reply && reply.error().code == EUSERS && again) {
                continue;
            }
            const std::lock_guard lock(mutex_);
            if (idle_.size() < most_idle) {
                idle_.push_back(std::move(*client));
            }
            return reply;
        }
        if (!again || line.error().code == ETIMEDOUT) {
            return fail(EIO, line.error().message);
        }
    }
}

bool Service::exists(const std::string &device) const { return ::if_nametoindex(device.c_str()) != 0; }

// /sys shows the network namespace that it was mounted in, which need not be this one: the device has to be the same.
std::string Service::kernel_directory(const std::string &device, std::int64_t ifindex) const {
    const fs::path at = fs::path("/sys/class/net") / device;
    const auto index = sys::read_file(at / "ifindex");
    if (!index || *index != std::to_string(ifindex) + "\n") {
        return "";
    }
    std::error_code error;
    const auto real = fs::canonical(at, error);
    return error ? "" : real.string();
}

std::vector<std::string> Service::names_in(const std::string &kernel_directory) const {
    std::vector<std::string> out;
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator(kernel_directory, ignored)) {
        out.push_back(entry.path().filename());
    }
    std::ranges::sort(out);
    return out;
}

} // namespace xbond::files
