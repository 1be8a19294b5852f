// SPDX-License-Identifier: MIT
// Ports in the data path: programs on the device, the table that makes it one, who is behind it.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <catch2/catch.hpp>
#include <linux/if_link.h>

#include "loader/xdp/takes.h"
#include "tests/harness/process.h"
#include "tests/harness/wait.h"
#include "tests/loader/lab.h"

using namespace xbond;
using namespace xbond::loader;
using harness::ifindex;
using harness::wait_until;
using test::need;
using test::Wire;
using Attached = XdpState::Attached;

namespace {

constexpr MacAddr station{{2, 0, 0, 0, 0, 0x51}}, sender{{2, 0, 0, 0, 0, 1}}; // the source of Wire's frames

void set_gro(const std::string &device, bool on) {
    REQUIRE(harness::run(harness::split("ethtool -K " + device + " gro " + (on ? "on" : "off"))).ok());
}

std::uint32_t xdp_program_on(const std::string &device) {
    std::uint32_t id = 0;
    bpf_xdp_query_id(static_cast<int>(ifindex(device)), 0, &id);
    return id;
}

Bank bank_with_ports() {
    Bank bank = test::bank_on(0);
    std::ranges::copy(test::bond_mac.bytes, bank.bond_mac);
    bank.how = XB_HOW_TOLD | static_cast<std::uint32_t>(XB_MODE_ACTIVEBACKUP) << XB_HOW_MODE;
    bank.flags = XB_BANK_PORTS;
    return bank;
}

Port port_on(const std::string &device, XdpPolicy xdp = XdpPolicy::automatic) {
    return {.ifindex = ifindex(device), .mac = {}, .own = {{2, 0, 0, 0, 0, 0x99}}, .xdp = xdp};
}

} // namespace

TEST_CASE("a veth takes frames from XDP while there is GRO at its other end") {
    const test::Lab lab;
    set_gro("s0p", false);
    CHECK_FALSE(takes_redirected(ifindex("s0")));
    set_gro("s0p", true);
    CHECK(takes_redirected(ifindex("s0")));
    CHECK_FALSE(takes_redirected(999999));
    CHECK(is_veth(ifindex("s0")));
}

TEST_CASE("a port sends by a slave and receives what is for those behind it, by XDP and by TC") {
    const auto xdp = GENERATE(XdpPolicy::native, XdpPolicy::generic, XdpPolicy::off);
    const bool gro = GENERATE(true, false);
    DYNAMIC_SECTION("policy " << static_cast<int>(xdp) << (gro ? ", GRO" : "")) {
        const test::Lab lab;
        harness::add_veth("q0", "q0p");
        DataPath path = test::make_path(lab, test::features());
        for (const char *device : {"s0p", "s1p", "q0p"}) {
            set_gro(device, gro);
        }
        path.publish(bank_with_ports());
        const auto state = need(path.set_port(port_on("q0", xdp)));
        CHECK(state.attached == (xdp == XdpPolicy::native    ? Attached::native
                                 : xdp == XdpPolicy::generic ? Attached::generic
                                                             : Attached::none));
        CHECK(path.forwards_by_xdp() == gro);
        if (xdp == XdpPolicy::native) {
            CHECK(need(path.set_xdp(0, ifindex("s0"), XdpPolicy::native, "veth")).attached == Attached::native);
        }
        Wire wire("s0p"), guest("q0p");
        guest.send(station);
        CHECK(wait_until([&] { return wire.received() == 1; }));
        REQUIRE(path.port_addresses().size() == 1);
        CHECK(path.port_addresses().front().mac == sender);
        wire.send(sender);
        CHECK(wait_until([&] { return guest.received() == 1; }));
        const auto states = path.port_states();
        REQUIRE(states.size() == 1);
        CHECK(states.front().counters.rx_packets == 1);
        CHECK(states.front().counters.tx_packets == 1);
        CHECK(states.front().takes_xdp == gro);
        CHECK(states.front().heard == 1);
        CHECK(path.counters().slot[0].tx_packets == 1);
        CHECK(path.counters().slot[0].rx_packets == 1);

        path.end_port(ifindex("q0"));
        CHECK(xdp_program_on("q0") == 0);
        CHECK(path.port_addresses().empty());
        CHECK(test::programs_on({ifindex("q0"), Direction::ingress}) == 0);
    }
}

TEST_CASE("a port goes on under the next controller, which takes it over, and ends with the data path") {
    const test::Lab lab;
    harness::add_veth("q0", "q0p");
    const auto features = test::features();
    {
        DataPath path = test::make_path(lab, features);
        path.publish(bank_with_ports());
        need(path.set_port(port_on("q0")));
    }
    const auto program = xdp_program_on("q0");
    CHECK(program != 0);
    CHECK(pinned_devices(lab.config().pin_dir).ports == std::vector{ifindex("q0")});
    DataPath path = need(DataPath::adopt(lab.config(), features));
    CHECK(path.port_devices() == std::vector{ifindex("q0")});
    need(path.set_port(port_on("q0")));
    CHECK(xdp_program_on("q0") == program);
    Wire wire("s0p");
    Wire("q0p").send(station);
    CHECK(wait_until([&] { return wire.received() == 1; }));
    CHECK(path.mend_hooks().empty());
    path.teardown();
    CHECK(xdp_program_on("q0") == 0);
    CHECK(test::programs_on({ifindex("q0"), Direction::ingress}) == 0);
}

TEST_CASE("a program of somebody else on a device keeps it from being a port, and its name is told") {
    const test::Lab lab;
    harness::add_veth("q0", "q0p");
    auto features = test::features();
    features.freplace = false;
    DataPath path = test::make_path(lab, features);
    const Fd other = test::foreign_program(true);
    REQUIRE(bpf_xdp_attach(static_cast<int>(ifindex("q0")), other.get(), XDP_FLAGS_DRV_MODE, nullptr) == 0);
    const auto refused = path.set_port(port_on("q0"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == EBUSY);
    INFO(refused.error().message);
    CHECK(refused.error().message.find("q0") != std::string::npos);
    CHECK(path.port_devices().empty());
    CHECK(test::programs_on({ifindex("q0"), Direction::ingress}) == 0);
    REQUIRE(bpf_xdp_detach(static_cast<int>(ifindex("q0")), XDP_FLAGS_DRV_MODE, nullptr) == 0);
    CHECK(need(path.set_port(port_on("q0"))).attached == Attached::native);
    // What somebody takes away comes back.
    REQUIRE(bpf_xdp_detach(static_cast<int>(ifindex("q0")), XDP_FLAGS_DRV_MODE, nullptr) == 0);
    CHECK(path.look_at_ports().size() == 1);
    CHECK(xdp_program_on("q0") != 0);
    CHECK(path.look_at_ports().empty());
}
