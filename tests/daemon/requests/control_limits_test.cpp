// SPDX-License-Identifier: MIT
// What clients of the control socket can cost: turns, memory, other clients' patience.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <sys/resource.h>

#include "tests/daemon/requests/control_lab.h"

using namespace xbond;
using namespace xbond::daemon;
using namespace xbond::daemon::test;

namespace {

// By the daemon.
bool ended(const Fd &fd) {
    pollfd one{fd.get(), POLLRDHUP, 0};
    return ::poll(&one, 1, 0) == 1 && (one.revents & POLLRDHUP) != 0;
}

} // namespace

TEST_CASE("control socket: while there are no descriptors the loop rests, and clients are served afterwards") {
    Fixture f;
    std::vector<Fd> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(std::move(*sys::connect_unix(f.dir / "control")));
        REQUIRE(::write(clients.back().get(), read_request.data(), read_request.size()) > 0);
    }
    const auto stop_at = f.loop.at(sys::now() + Ms(450), [&] { f.loop.stop(); });
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    f.loop.run();
    const auto turns = f.loop.turns().count();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(turns < 20); // two each tenth of a second
    CHECK(f.handled == 0);
    const auto enough = f.loop.at(sys::now() + Ms(10000), [&] { f.loop.stop(); });
    const std::function<void()> look = [&] { f.handled == 4 ? f.loop.stop() : f.loop.post(look); };
    look();
    f.loop.run();
    CHECK(f.handled == 4);
}

TEST_CASE("control socket: requests of those who may only read are in work two at a time, root's is behind none") {
    if (::getuid() != 0) {
        WARN("SKIPPED: needs root");
        return;
    }
    Fixture f;
    f.later = true;
    std::vector<Fd> readers;
    for (int i = 0; i < 10; ++i) {
        readers.push_back(connect_as(65534, f.dir / "control"));
        send_line(readers.back(), read_request);
    }
    f.run_until([&] { return f.handled == 2; });
    int turns = 0; // in which nothing more comes
    f.run_until([&] { return ++turns > 100; });
    CHECK(f.handled == 2);
    const Fd root = connect_as(0, f.dir / "control");
    send_line(root, read_request);
    f.run_until([&] { return f.handled == 3; });
    f.kept.at(2)(api::encode_ok(nlohmann::json::object()));
    f.run_until([&] { return is_readable(root); });
    readers.at(5).reset(); // one that waits goes
    for (std::size_t i = 0; i < 2; ++i) {
        f.kept.at(i)(api::encode_ok(nlohmann::json::object()));
    }
    for (std::size_t next = 3; next < 10; ++next) {
        f.run_until([&] { return f.kept.size() > next; });
        f.kept.at(next)(api::encode_ok(nlohmann::json::object()));
    }
    CHECK(f.handled == 10); // nine of them, and root
}

TEST_CASE("control socket: what monitors are told leaves in turns that come later, and all of it arrives") {
    Fixture f;
    std::vector<Fd> monitors;
    for (int i = 0; i < 20; ++i) {
        monitors.push_back(std::move(*sys::connect_unix(f.dir / "control")));
        send_line(monitors.back(), watch_request);
    }
    const auto all_readable = [&] { return std::ranges::all_of(monitors, is_readable); };
    f.run_until(all_readable);
    for (const auto &monitor : monitors) { // the answer
        std::array<char, 1024> answer{};
        REQUIRE(::read(monitor.get(), answer.data(), answer.size()) > 0);
    }
    for (int i = 0; i < 100; ++i) {
        f.server->broadcast("{\"n\":" + std::to_string(i) + "}\n");
    }
    CHECK(std::ranges::none_of(monitors, is_readable));
    f.run_until(all_readable);
    for (const auto &monitor : monitors) {
        std::array<char, 4096> news{};
        const auto n = ::read(monitor.get(), news.data(), news.size());
        const std::string text(news.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
        CHECK(text.starts_with("{\"n\":0}\n"));
        CHECK(text.ends_with("{\"n\":99}\n"));
    }
}

TEST_CASE("control socket: what is not fetched is bounded, of all as of each; root is not concerned") {
    if (::getuid() != 0) {
        WARN("SKIPPED: needs root");
        return;
    }
    Fixture f;
    std::vector<Fd> monitors;
    for (int i = 0; i < 12; ++i) {
        monitors.push_back(connect_as(i == 0 ? 0 : 65534, f.dir / "control"));
        send_line(monitors.back(), watch_request);
    }
    const auto all_readable = [&] { return std::ranges::all_of(monitors, is_readable); };
    f.run_until(all_readable);
    const std::string line(100000, 'x');
    for (int i = 0; i < 39; ++i) { // nearly 4 MiB each: nobody is too far behind by himself
        f.server->broadcast(line + "\n");
        int turns = 0;
        f.run_until([&] { return ++turns > 2; });
    }
    CHECK_FALSE(ended(monitors.front()));
    const auto cut_off = std::ranges::count_if(monitors, ended);
    CHECK(cut_off >= 2); // eleven would be 43 MB
    CHECK(cut_off <= 4);
}

TEST_CASE("control socket: replies that nobody fetches are bounded as well, one that is large goes through") {
    if (::getuid() != 0) {
        WARN("SKIPPED: needs root");
        return;
    }
    Fixture f;
    f.later = true;
    const auto reply = [&](std::size_t n, std::size_t size) {
        f.run_until([&] { return f.kept.size() > n; });
        f.kept.at(n)(std::string(size, 'x') + "\n");
    };
    std::vector<Fd> readers;
    for (std::size_t i = 0; i < 6; ++i) {
        readers.push_back(connect_as(65534, f.dir / "control"));
        send_line(readers.back(), read_request);
        reply(i, i == 0 ? ControlServer::max_backlogs + (8U << 20) : ControlServer::max_backlogs / 4);
        CHECK_FALSE(ended(readers.back()));
    }
    CHECK(ended(readers.at(0)));
    CHECK(std::ranges::count_if(readers, ended) == 2);
}
