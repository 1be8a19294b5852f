// SPDX-License-Identifier: MIT
// A switch that listens to membership reports, and has no querier: after a failover it sends a group's frames where
// the reports that xbond repeats say.
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/harness/throw_errno.h"
#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

constexpr std::uint16_t port = 4242;

// A member of the group on bond0 that counts what it gets.
class Member {
public:
    Member(const NetNs &ns, int family, const char *group) {
        ns.inside([&] {
            socket_.reset(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            const auto ifindex = ns.ifindex("bond0");
            bool done = false;
            if (family == AF_INET) {
                ip_mreqn request{};
                request.imr_multiaddr.s_addr = ::inet_addr(group);
                request.imr_ifindex = static_cast<int>(ifindex);
                const sockaddr_in any{AF_INET, htons(port), {}, {}};
                done = ::bind(socket_.get(), reinterpret_cast<const sockaddr *>(&any), sizeof any) == 0 &&
                       ::setsockopt(socket_.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) == 0;
            } else {
                ipv6_mreq request{};
                ::inet_pton(AF_INET6, group, &request.ipv6mr_multiaddr);
                request.ipv6mr_interface = ifindex;
                const int alone = 1;
                (void)::setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone);
                const sockaddr_in6 any{AF_INET6, htons(port), 0, {}, 0};
                done = ::bind(socket_.get(), reinterpret_cast<const sockaddr *>(&any), sizeof any) == 0 &&
                       ::setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request) == 0;
            }
            if (!done) {
                throw_errno("join a group");
            }
        });
    }
    bool got_something() const {
        char byte = 0;
        bool got = false;
        while (::recv(socket_.get(), &byte, 1, 0) >= 0) {
            got = true;
        }
        return got;
    }

private:
    Fd socket_;
};

void send_to_group(const NetNs &ns, int family, const char *group) {
    ns.inside([&] {
        const Fd socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const auto ifindex = ns.ifindex("eth0");
        if (family == AF_INET) {
            ip_mreqn out{};
            out.imr_ifindex = static_cast<int>(ifindex);
            (void)::setsockopt(socket.get(), IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof out);
            sockaddr_in to{AF_INET, htons(port), {}, {}};
            to.sin_addr.s_addr = ::inet_addr(group);
            (void)::sendto(socket.get(), "x", 1, 0, reinterpret_cast<sockaddr *>(&to), sizeof to);
        } else {
            sockaddr_in6 to{AF_INET6, htons(port), 0, {}, ifindex};
            ::inet_pton(AF_INET6, group, &to.sin6_addr);
            (void)::sendto(socket.get(), "x", 1, 0, reinterpret_cast<sockaddr *>(&to), sizeof to);
        }
    });
}

} // namespace

TEST_CASE("a switch that snoops, without a querier, sends groups to the new slave after a failover") {
    const auto mode = GENERATE(as<std::string>{}, "active-backup", "active-backup resend_igmp 3", "balance-alb");
    Lab lab(Kind::bridge, 2);
    lab.switch_ns().set_sysctl("net.ipv6.conf.br0.disable_ipv6", "0"); // or the bridge snoops no MLD
    lab.switch_ns().ip("link set br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_startup_query_interval 100");
    const Server server(lab.network(), "10.99.0.2/24");
    server.ns().set_sysctl("net.ipv6.conf.eth0.disable_ipv6", "0");
    lab.make_bond("mode " + mode + " miimon 100");
    lab.ns().set_sysctl("net.ipv6.conf.default.disable_ipv6", "0");
    lab.ns().set_sysctl("net.ipv6.conf.bond0.disable_ipv6", "0");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0\naddr add 2001:db8::1/64 dev bond0 nodad");
    const Member four(lab.ns(), AF_INET, "239.9.9.9"), six(lab.ns(), AF_INET6, "ff05::4242");
    const auto comes = [&](const Member &member, int family, const char *group) {
        return wait_until(
            [&] {
                send_to_group(server.ns(), family, group);
                return member.got_something();
            },
            5s, 50ms);
    };
    REQUIRE(comes(four, AF_INET, "239.9.9.9"));
    REQUIRE(comes(six, AF_INET6, "ff05::4242"));
    const auto ports = [&](const std::string &group) {
        const auto shown = lab.switch_ns().run(split("bridge mdb show dev br0")).out;
        std::string found;
        for (const char *const name : {"s0", "s1"}) {
            found += shown.find("port " + std::string(name) + " grp " + group) != std::string::npos ? name : "";
        }
        return found;
    };
    const auto active = lab.status().active_slave;
    REQUIRE(wait_until([&] { return ports("239.9.9.9").find("s" + active.substr(1)) != std::string::npos; }));
    REQUIRE(wait_until([&] { return ports("ff05::4242").find("s" + active.substr(1)) != std::string::npos; }));
    lab.switch_ns().ip("link set br0 type bridge mcast_querier 0"); // nobody asks any more
    const std::string other = active == "e0" ? "e1" : "e0";
    lab.host().cut(active == "e0" ? 0 : 1);
    REQUIRE(lab.wait_active(other));
    CHECK(wait_until([&] { return ports("239.9.9.9").find("s" + other.substr(1)) != std::string::npos; }));
    CHECK(wait_until([&] { return ports("ff05::4242").find("s" + other.substr(1)) != std::string::npos; }));
    CHECK(wait_until([&] { return ports("ff02::1:ff00:1").find("s" + other.substr(1)) != std::string::npos; }));
    (void)four.got_something();
    (void)six.got_something();
    CHECK(comes(four, AF_INET, "239.9.9.9"));
    CHECK(comes(six, AF_INET6, "ff05::4242"));
}
