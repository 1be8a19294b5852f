// SPDX-License-Identifier: MIT
// A bond's state as an application maps it.
#include <catch2/catch.hpp>

#include <cstring>
#include <dirent.h>
#include <iostream>
#include <linux/bpf.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/netns/afxdp/application.h"
#include "tests/netns/frames.h"
#include "xbond/view.h"

using namespace xbond::harness;

namespace {

// Descriptors of BPF maps in this process: the view's is the only one, the daemon being another process.
std::vector<int> map_descriptors() {
    std::vector<int> found;
    DIR *const all = ::opendir("/proc/self/fd");
    while (const dirent *entry = ::readdir(all)) {
        char target[64] = "";
        const std::string path = std::string("/proc/self/fd/") + entry->d_name;
        if (::readlink(path.c_str(), target, sizeof target - 1) > 0 && std::strstr(target, "bpf-map") != nullptr) {
            found.push_back(std::atoi(entry->d_name));
        }
    }
    ::closedir(all);
    return found;
}

} // namespace

TEST_CASE("an application sees a bond's slaves, who sends and who is heard, and hears of each change") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode active-backup primary e0");
    const State state(lab.ns(), lab.daemon());
    const auto bond = state.bond();
    CHECK(bond.mode == 1);
    CHECK(bond.n_slaves == 2);
    CHECK(bond.ifindex == lab.ns().ifindex("bond0"));
    CHECK(state.senders() == std::vector<std::string>{"e0"});
    CHECK(state.slave("e0").heard == 1);
    CHECK(state.slave("e1").heard == 0);
    CHECK(state.slave("e1").carrier == 1);
    CHECK(state.slave("e1").queues == 1);
    CHECK(state.choice(udp_frame(1)) == "e0");
    while (state.has_news()) {
        (void)state.update();
    }

    lab.host().cut(0);
    CHECK(wait_until([&] { return state.senders() == std::vector<std::string>{"e1"}; }));
    CHECK(wait_until([&] { return state.has_news(); }));
    CHECK(state.update() == 1);
    CHECK(state.slave("e0").carrier == 0);
    CHECK(state.choice(udp_frame(1)) == "e1");

    lab.cli().ok("link set e1 nomaster");
    CHECK(wait_until([&] { return state.bond().n_slaves == 1; }));
    lab.cli().ok("link delete bond0");
    CHECK(wait_until([&] { return state.update() == -ENODEV; }));
}

TEST_CASE("a carrier that is lost shows in an application's memory while no controller runs") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode active-backup primary e0");
    const State state(lab.ns(), lab.daemon());
    REQUIRE(state.choice(udp_frame(1)) == "e0");
    lab.daemon().kill9();
    lab.host().cut(0);
    CHECK(wait_until([&] { return state.choice(udp_frame(1)) == "e1"; }));
    CHECK(state.slave("e0").carrier == 0);
    CHECK(state.senders() == std::vector<std::string>{"e1"});
}

TEST_CASE("an application goes back to an xbondd that was restarted, and misses nothing") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode active-backup primary e0");
    const State state(lab.ns(), lab.daemon());
    lab.daemon().kill9();
    CHECK(wait_until([&] { return state.has_news(); }));
    CHECK(state.update() >= 0);
    lab.daemon().start();
    CHECK(wait_until([&] { return state.update() == 1; }));
    lab.cli().ok("link set bond0 type bond active_slave e1");
    CHECK(wait_until([&] { return state.senders() == std::vector<std::string>{"e1"}; }));
}

TEST_CASE("balance-rr and balance-xor choose in an application as on the bond") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode balance-rr");
    const State state(lab.ns(), lab.daemon());
    const auto first = state.choice(udp_frame(1)), second = state.choice(udp_frame(1));
    CHECK(first != second);
    CHECK(state.senders().size() == 2);

    lab.cli().ok("link set e0 nomaster");
    lab.cli().ok("link set e1 nomaster");
    lab.cli().ok("link set bond0 down");
    lab.cli().ok("link set bond0 type bond mode balance-xor xmit_hash_policy layer3+4");
    lab.cli().ok("link set bond0 up");
    lab.enslave(0);
    lab.enslave(1);
    CHECK(wait_until([&] { return state.senders().size() == 2; }));
    CHECK(state.bond().mode == 2);
    CHECK(state.bond().policy == 1);
    for (std::uint16_t port = 1000; port < 1064; ++port) {
        const auto frame = xbond::test::Packet(station_mac, xbond::test::test_mac(1))
                               .ipv4("10.99.0.1", "10.99.0.2")
                               .udp(port, 9)
                               .payload(18)
                               .build();
        std::string hex;
        for (const auto byte : frame) {
            constexpr const char *digits = "0123456789abcdef";
            hex += {digits[byte >> 4], digits[byte & 15]};
        }
        const auto explained = lab.cli().json("explain bond0 --frame " + hex);
        CHECK(state.choice(frame) == explained.at("slave").get<std::string>());
        CHECK(xbond_state_hash(state.get(), frame.data(), frame.size()) == explained.at("hash").get<std::uint32_t>());
    }
}

TEST_CASE("what an application has of a bond it cannot write, by no way of its descriptor") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode active-backup");
    const State state(lab.ns(), lab.daemon());
    const auto maps = map_descriptors();
    REQUIRE(maps.size() == 1);
    const int fd = maps.front();
    void *const writable = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(writable == MAP_FAILED);
    void *const readable = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
    REQUIRE(readable != MAP_FAILED);
    CHECK(::mprotect(readable, 4096, PROT_READ | PROT_WRITE) != 0);
    ::munmap(readable, 4096);
    std::vector<char> value(8192);
    std::uint32_t key = 0;
    bpf_attr attributes{};
    attributes.map_fd = static_cast<std::uint32_t>(fd);
    attributes.key = reinterpret_cast<std::uintptr_t>(&key);
    attributes.value = reinterpret_cast<std::uintptr_t>(value.data());
    CHECK(::syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attributes, sizeof attributes) != 0);
    CHECK(errno == EPERM);
}

TEST_CASE(
    "what an application sees is kept true until the bond's device has gone, and no longer, without a controller") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode active-backup");
    if (lab.status().carrier_check == "none") {
        std::cout << "SKIPPED: this kernel lets no program see devices\n";
        return;
    }
    const State state(lab.ns(), lab.daemon());
    const auto maps = map_descriptors();
    REQUIRE(maps.size() == 1);
    void *const memory = ::mmap(nullptr, sizeof(xb_view), PROT_READ, MAP_SHARED, maps.front(), 0);
    REQUIRE(memory != MAP_FAILED);
    const auto runs = [&] { return __atomic_load_n(&static_cast<const xb_view *>(memory)->runs, __ATOMIC_RELAXED); };
    const auto goes_on = [&] {
        const auto before = runs();
        return wait_until([&] { return runs() != before; }, 300ms);
    };
    lab.daemon().kill9();
    CHECK(goes_on());
    lab.ns().ip("link del bond0");
    CHECK(wait_until([&] { return !goes_on(); }));
    ::munmap(memory, sizeof(xb_view));
}
