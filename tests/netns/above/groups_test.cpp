// SPDX-License-Identifier: MIT
// Groups that are joined on a bond: how soon its slaves' filters have them, and in which order at a failover. Serial:
// time is measured.
#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <catch2/catch.hpp>
#include <iostream>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdexcept>
#include <sys/socket.h>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"
#include "user/sys/device/filter.h"
#include "user/sys/io.h"
#include "user/sys/proc_net.h"

using namespace xbond;
using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

// In the namespace of the calling thread.
Fd join(int ifindex, int number) {
    Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ip_mreqn request{};
    request.imr_multiaddr.s_addr = ::htonl(0xef010200U + static_cast<unsigned>(number)); // 239.1.2.x
    request.imr_ifindex = ifindex;
    if (::setsockopt(fd.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) != 0) {
        throw std::runtime_error("cannot join a group");
    }
    return fd;
}

MacAddr mac_of_group(int number) { return {{0x01, 0x00, 0x5e, 0x01, 0x02, static_cast<std::uint8_t>(number)}}; }

bool has_group(const sys::MulticastLists &lists, const std::string &ifname, int number) {
    const auto list = sys::multicast_list(ifname, lists);
    return std::ranges::find(list, mac_of_group(number), &sys::MulticastEntry::mac) != list.end();
}

// The same by a packet socket: the kernel tells nobody of it.
Fd join_by_packet_socket(int ifindex, int number) {
    Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    packet_mreq request{};
    request.mr_ifindex = ifindex;
    request.mr_type = PACKET_MR_MULTICAST;
    request.mr_alen = 6;
    const MacAddr mac = mac_of_group(number);
    std::copy(mac.bytes.begin(), mac.bytes.end(), request.mr_address);
    if (::setsockopt(fd.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) != 0) {
        throw std::runtime_error("cannot join a group");
    }
    return fd;
}

using Join = Fd (*)(int ifindex, int number);
using Times = std::vector<std::chrono::milliseconds>;

// From each of ten joins until the slave's filter has the group.
Times times_of_joins(const Lab &lab, const std::string &slave, Join join) {
    constexpr int joins = 10;
    Times times;
    lab.ns().inside([&] {
        const auto bond = static_cast<int>(lab.ns().ifindex("bond0"));
        std::vector<Fd> joined;
        for (int number = 1; number <= joins; ++number) {
            const auto begin = Clock::now();
            joined.push_back(join(bond, number));
            if (wait_until([&] { return has_group(sys::multicast_lists(), slave, number); }, 5s, 1ms)) {
                times.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin));
            }
        }
        REQUIRE(times.size() == joins);
        joined.clear();
        CHECK(wait_until([&] { return !has_group(sys::multicast_lists(), slave, 1); }));
    });
    std::ranges::sort(times);
    std::cout << "a group is in the slave's filter after " << times.front().count() << " to " << times.back().count()
              << " ms\n";
    return times;
}

} // namespace

TEST_CASE("groups: a group that is joined on the bond is in the slave's filter within 20 ms, whatever miimon is") {
    const auto options = GENERATE(as<std::string>{}, "mode active-backup miimon 100", "mode active-backup miimon 0",
                                  "mode balance-xor miimon 1000");
    Lab lab(Kind::wires, 2);
    lab.make_bond(options);
    REQUIRE(wait_until([&] { return lab.status().carrier; }));
    const auto times = times_of_joins(lab, "e0", join);
    CHECK(times[3] <= 20ms); // others run, too
}

TEST_CASE("groups: one that the kernel tells nobody of, as all were before 6.14, is in the slave's filter as soon") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 1000");
    const auto status = lab.status();
    REQUIRE(status.carrier);
    if (status.carrier_check == "none") {
        std::cout << "SKIPPED: no carrier watch on this kernel\n";
        return;
    }
    const auto times = times_of_joins(lab, "e0", join_by_packet_socket);
    CHECK(times[3] <= 20ms);
}

TEST_CASE("groups: the new active slave lets them in before it is announced") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    std::optional<Fd> joined;
    lab.ns().inside([&] { joined.emplace(join(static_cast<int>(lab.ns().ifindex("bond0")), 1)); });
    const auto path = "/proc/" + std::to_string(lab.daemon().pid()) + "/net/dev_mcast";
    const auto lists = [&path] { return sys::parse_dev_mcast(sys::read_file(path).value_or("")); };
    REQUIRE(wait_until([&] { return has_group(lists(), "e0", 1); }));
    std::atomic<int> announced{0}, in_time{0};
    const Sniffer wire(lab.switch_ns(), "s1", {.incoming_only = true, .on_frame = [&](const Frame &frame) {
                                                   const auto arp = as_arp(frame);
                                                   if (arp && arp->gratuitous() && announced++ == 0) {
                                                       in_time = has_group(lists(), "e1", 1) ? 1 : 0;
                                                   }
                                               }});
    lab.host().cut(0);
    REQUIRE(wait_until([&] { return announced > 0; }));
    CHECK(wait_until([&] { return in_time == 1; }, 100ms));
    CHECK(wait_until([&] { return !has_group(lists(), "e0", 1); }));
}
