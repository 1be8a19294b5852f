// SPDX-License-Identifier: MIT
// xbond metrics --listen: what Prometheus would scrape, of a real daemon; and who does not behave.
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/harness/wait.h"
#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

constexpr std::uint16_t port = 9720;

Fd connected() {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr *>(&to), sizeof to) != 0) {
        fd.reset();
    }
    return fd;
}

std::string exchange(const Fd &fd, const std::string &request) {
    std::string out;
    if (fd && ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) > 0) {
        char buffer[65536];
        for (ssize_t n = 0; (n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;) {
            out.append(buffer, static_cast<std::size_t>(n));
        }
    }
    return out;
}

std::string get(const NetNs &ns, const std::string &path) {
    std::string out;
    ns.inside([&] { out = exchange(connected(), "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"); });
    return out;
}

Argv server(const std::string &where, const std::filesystem::path &socket) {
    return {program("xbond"), "--socket", socket, "metrics", "--listen", where};
}

} // namespace

TEST_CASE("metrics: served on the loopback interface, a link that is lost is in the next page, a restart is survived") {
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode active-backup miimon 50");
    Process process(server("127.0.0.1:9720", lab.daemon().socket()), lab.ns().fd());
    REQUIRE(wait_until([&] { return get(lab.ns(), "/metrics").starts_with("HTTP/1.1 200 OK\r\n"); }));
    CHECK(get(lab.ns(), "/metrics").find("\nnode_bonding_active{master=\"bond0\"} 2\n") != std::string::npos);
    CHECK(get(lab.ns(), "/other").starts_with("HTTP/1.1 404 "));
    lab.network().cut("s0");
    CHECK(wait_until([&] {
        return get(lab.ns(), "/metrics").find("\nnode_bonding_active{master=\"bond0\"} 1\n") != std::string::npos;
    }));
    CHECK(get(lab.ns(), "/metrics").find("xbond_slave_link_failures_total{bond=\"bond0\",slave=\"e0\"} 1\n") !=
          std::string::npos);
    lab.daemon().stop();
    CHECK(get(lab.ns(), "/metrics").starts_with("HTTP/1.1 503 "));
    lab.daemon().start();
    CHECK(get(lab.ns(), "/metrics").starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("metrics: clients that say nothing, or too much, keep nobody waiting") {
    Lab lab(Kind::bridge, 0);
    Process process(server("127.0.0.1:9720", lab.daemon().socket()), lab.ns().fd());
    REQUIRE(wait_until([&] { return get(lab.ns(), "/metrics").starts_with("HTTP/1.1 200 OK\r\n"); }));
    lab.ns().inside([&] {
        std::vector<Fd> silent;
        for (int n = 0; n < 20; ++n) {
            silent.push_back(connected());
        }
        CHECK(exchange(connected(), "GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
        CHECK(exchange(connected(), "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        CHECK(exchange(connected(), std::string(100'000, 'x')).empty());
        CHECK(exchange(connected(), "GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
    });
}

TEST_CASE("metrics: on a unix socket, printed once, and never on an address that others can reach") {
    Lab lab(Kind::bridge, 1);
    lab.make_bond("mode balance-rr");
    const auto path = lab.daemon().dir() / "metrics";
    Process process(server("unix:" + path.string(), lab.daemon().socket()), lab.ns().fd());
    REQUIRE(wait_until([&] { return std::filesystem::exists(path); }));
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.native().copy(to.sun_path, sizeof to.sun_path - 1);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr *>(&to), sizeof to) == 0);
    CHECK(exchange(fd, "GET /metrics HTTP/1.0\r\n\r\n").find("node_bonding_slaves{master=\"bond0\"} 1\n") !=
          std::string::npos);
    CHECK(lab.cli().ok("metrics").find("node_bonding_slaves{master=\"bond0\"} 1\n") != std::string::npos);
    for (const char *where :
         {"0.0.0.0:9720", "192.0.2.1:9720", "[::]:9720", "127.0.0.1", "127.0.0.1:0", "localhost:1", "unix:"}) {
        INFO(where);
        CHECK(lab.cli()(std::string("metrics --listen ") + where).exit_code == 2);
    }
}
