// SPDX-License-Identifier: MIT
// What a failover announces, as tshark reads it, which knows nothing of xbond.
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <netinet/in.h>
#include <sstream>
#include <sys/socket.h>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

// A capture file, tags put back to where they were on the wire.
void write_capture(const std::filesystem::path &path, const std::vector<Frame> &frames) {
    constexpr std::uint32_t magic = 0xa1b2c3d4, version_2_4 = 2 | 4 << 16, snap_length = 65535, ethernet = 1;
    constexpr std::ptrdiff_t addresses = 12;
    std::ofstream file(path, std::ios::binary);
    const auto put = [&](std::initializer_list<std::uint32_t> words) {
        for (const std::uint32_t word : words) {
            file.write(reinterpret_cast<const char *>(&word), sizeof word);
        }
    };
    put({magic, version_2_4, 0, 0, snap_length, ethernet});
    for (const Frame &frame : frames) {
        Bytes bytes = frame.bytes;
        if (frame.vlan_tci) {
            const auto high = static_cast<std::uint8_t>(*frame.vlan_tci >> 8);
            const auto low = static_cast<std::uint8_t>(*frame.vlan_tci & 0xff);
            bytes.insert(bytes.begin() + addresses, {0x81, 0x00, high, low});
        }
        const auto length = static_cast<std::uint32_t>(bytes.size());
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(frame.time).count();
        put({static_cast<std::uint32_t>(us / 1'000'000), static_cast<std::uint32_t>(us % 1'000'000), length, length});
        file.write(reinterpret_cast<const char *>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
    REQUIRE(file.flush());
}

std::string text_of(const MacAddr &mac) {
    char text[18];
    std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac.bytes[0], mac.bytes[1], mac.bytes[2],
                  mac.bytes[3], mac.bytes[4], mac.bytes[5]);
    return text;
}

class Capture {
public:
    Capture(const Lab &lab, std::filesystem::path file) : lab_(lab), file_(std::move(file)) {}
    // A line for each frame that the filter takes: the fields, separated by blanks.
    std::vector<std::string> lines(const std::string &filter, const std::vector<std::string> &fields) const {
        Argv command{"tshark", "-n",   "-r", file_.string(), "-o", "ip.check_checksum:TRUE",
                     "-Y",     filter, "-T", "fields",       "-E", "separator=/s"};
        for (const auto &field : fields) {
            command.insert(command.end(), {"-e", field});
        }
        const auto done = lab_.ns().run(command);
        INFO(done.err);
        REQUIRE(done.ok());
        std::vector<std::string> found;
        std::istringstream text(done.out);
        for (std::string line; std::getline(text, line);) {
            found.push_back(line);
        }
        return found;
    }

private:
    const Lab &lab_;
    std::filesystem::path file_;
};

// Members of the groups 239.9.9.9 and ff05::4242 on the bond.
std::vector<Fd> join_groups(const NetNs &ns) {
    std::vector<Fd> joined(2);
    ns.inside([&] {
        joined[0].reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ip_mreqn four{};
        four.imr_multiaddr.s_addr = ::inet_addr("239.9.9.9");
        four.imr_ifindex = static_cast<int>(ns.ifindex("bond0"));
        REQUIRE(::setsockopt(joined[0].get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &four, sizeof four) == 0);
        joined[1].reset(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ipv6_mreq six{};
        ::inet_pton(AF_INET6, "ff05::4242", &six.ipv6mr_multiaddr);
        six.ipv6mr_interface = ns.ifindex("bond0");
        REQUIRE(::setsockopt(joined[1].get(), IPPROTO_IPV6, IPV6_JOIN_GROUP, &six, sizeof six) == 0);
    });
    return joined;
}

FrameMatch listener_report() {
    return [](const Frame &frame) {
        constexpr std::size_t type = 14 + 40 + 8;
        const auto &b = frame.bytes;
        return b.size() > type && b[12] == 0x86 && b[13] == 0xdd && b[20] == 0 && b[type] == 143;
    };
}

} // namespace

TEST_CASE("announce: tshark reads what a failover announces: whose addresses, to whom, sums that are right") {
    Lab lab(Kind::wires, 2);
    if (!lab.ns().run({"bash", "-c", "command -v tshark"}).ok()) {
        std::cout << "SKIPPED: tshark is not installed (scripts/deps)\n";
        return;
    }
    lab.make_bond("mode active-backup miimon 100 fail_over_mac active");
    lab.ns().set_sysctl("net.ipv6.conf.default.disable_ipv6", "0");
    lab.ns().set_sysctl("net.ipv6.conf.bond0.disable_ipv6", "0");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0\naddr add 2001:db8::1/64 dev bond0 nodad");
    const auto joined = join_groups(lab.ns());
    Wires wires(lab, 2);
    const auto announced = [&](const char *address) {
        return wires.count(1, [wanted = ::ntohl(::inet_addr(address))](const Frame &frame) {
            const auto arp = as_arp(frame);
            return arp && arp->gratuitous() && arp->sender_ip == wanted;
        });
    };
    lab.host().cut(0);
    REQUIRE(lab.wait_active("e1"));
    REQUIRE(wait_until([&] { return announced("10.99.0.1") > 0 && wires.count(1, listener_report()) > 0; }));
    const auto file = lab.daemon().dir() / "announced.pcap";
    write_capture(file, wires.wire(1).frames());
    const Capture capture(lab, file);
    const auto mac = text_of(lab.ns().mac("e1"));

    CHECK(capture
              .lines("_ws.malformed || ip.checksum.status == 0 || igmp.checksum.status == 0 || "
                     "icmpv6.checksum.status == 0",
                     {"frame.number", "_ws.col.Info"})
              .empty());
    CHECK(capture.lines("eth.src != " + mac, {"frame.number", "_ws.col.Info"}).empty());
    const auto arp = capture.lines("arp.isgratuitous == 1", {"eth.dst", "arp.opcode", "arp.src.hw_mac",
                                                             "arp.src.proto_ipv4", "arp.dst.proto_ipv4"});
    REQUIRE_FALSE(arp.empty());
    CHECK(arp.front() == "ff:ff:ff:ff:ff:ff 1 " + mac + " 10.99.0.1 10.99.0.1");
    const auto neighbours = capture.lines(
        "icmpv6.type == 136 && icmpv6.nd.na.target_address == 2001:db8::1",
        {"eth.dst", "ipv6.dst", "ipv6.hlim", "icmpv6.nd.na.flag.s", "icmpv6.nd.na.flag.o", "icmpv6.opt.linkaddr"});
    REQUIRE_FALSE(neighbours.empty());
    CHECK(neighbours.front() == "33:33:00:00:00:01 ff02::1 255 0 1 " + mac);
    const auto groups4 = capture.lines("igmp.maddr == 239.9.9.9", {"ip.ttl", "ip.opt.ra"});
    REQUIRE_FALSE(groups4.empty());
    CHECK(groups4.front() == "1 0");
    const auto groups6 = capture.lines("icmpv6.mldr.mar.multicast_address == ff05::4242", {"ipv6.hlim", "ipv6.dst"});
    REQUIRE_FALSE(groups6.empty());
    CHECK(groups6.front() == "1 ff02::16");
    CHECK_FALSE(capture.lines("icmpv6.mldr.mar.multicast_address == ff02::1:ff00:1", {"ipv6.dst"}).empty());
}
