// SPDX-License-Identifier: MIT
// xb_xdp on veth slaves, native and generic. Where libxdp has no dispatcher (Features.freplace) it sits there alone.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <catch2/catch.hpp>
#include <linux/if_link.h>

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

constexpr MacAddr multicast{{0x33, 0x33, 0, 0, 0, 1}};

std::uint32_t xdp_program_on(const std::string &device) {
    std::uint32_t id = 0;
    bpf_xdp_query_id(static_cast<int>(ifindex(device)), 0, &id);
    return id;
}

Bank bank_that_drops_early() {
    Bank bank = test::bank_on(1);
    bank.slot[0].flags = XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP;
    return bank;
}

} // namespace

TEST_CASE("XDP is attached native or generic, switched live and removed") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    path.publish(test::bank_on(0));
    const auto set = [&](XdpPolicy policy) { return need(path.set_xdp(0, ifindex("s0"), policy, "veth")); };
    Wire bond("xb0");
    const Wire wire("s0p");
    std::uint64_t sent = 0;
    std::uint32_t program = 0;
    for (const auto &[policy, attached] :
         {std::pair{XdpPolicy::native, Attached::native}, std::pair{XdpPolicy::generic, Attached::generic},
          std::pair{XdpPolicy::native, Attached::native}, std::pair{XdpPolicy::off, Attached::none},
          std::pair{XdpPolicy::generic, Attached::generic}, std::pair{XdpPolicy::automatic, Attached::none}}) {
        const XdpState state = set(policy);
        CHECK(state.attached == attached);
        CHECK_FALSE(state.why.empty());
        program = xdp_program_on("s0");
        CHECK((program != 0) == (attached != Attached::none));
        set(policy); // the same again is nothing
        CHECK(xdp_program_on("s0") == program);
        wire.send(test::bond_mac);
        ++sent;
        CHECK(wait_until([&] { return bond.received() == sent; }));
    }
    CHECK(set(XdpPolicy::automatic).why.find("veth") != std::string::npos);
    CHECK(std::filesystem::is_empty(lab.bpffs() / "xdp")); // libxdp's pins
}

TEST_CASE("XDP drops early what the receive program would drop, in the same tables") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    path.detach_slave(0, ifindex("s0")); // only XDP is left to count
    path.publish(bank_that_drops_early());
    const Wire wire("s0p");
    Wire slave("s0");
    std::uint64_t dropped = 0;
    for (const XdpPolicy policy : {XdpPolicy::native, XdpPolicy::generic}) {
        need(path.set_xdp(0, ifindex("s0"), policy, "veth"));
        wire.send(multicast);
        ++dropped;
        CHECK(wait_until([&] { return path.counters().slot[0].rx_suppressed == dropped; }));
    }
    CHECK(slave.received() == 0);
    need(path.set_xdp(0, ifindex("s0"), XdpPolicy::off, "veth"));
    wire.send(multicast);
    CHECK(wait_until([&] { return slave.received() == 1; }));
}

TEST_CASE("XDP survives the controller, is found again by adopt and leaves nothing at teardown") {
    const test::Lab lab;
    const Features features = test::features();
    const XdpPolicy policy = GENERATE(XdpPolicy::native, XdpPolicy::generic);
    {
        DataPath path = test::make_path(lab, features);
        path.publish(bank_that_drops_early());
        need(path.set_xdp(0, ifindex("s0"), policy, "veth"));
    }
    const std::uint32_t program = xdp_program_on("s0");
    CHECK(program != 0);
    Wire("s0p").send(multicast);
    DataPath path = need(DataPath::adopt(lab.config(), features));
    CHECK(wait_until([&] { return path.counters().slot[0].rx_suppressed == 1; }));
    const XdpState state = need(path.set_xdp(0, ifindex("s0"), policy, "veth"));
    CHECK(state.attached == (policy == XdpPolicy::native ? Attached::native : Attached::generic));
    CHECK(xdp_program_on("s0") == program);
    path.teardown();
    CHECK(xdp_program_on("s0") == 0);
    CHECK_FALSE(std::filesystem::exists(lab.bpffs() / "xbond" / "1"));
    CHECK(std::filesystem::is_empty(lab.bpffs() / "xdp")); // libxdp's pins
}

TEST_CASE("another's XDP program is neither replaced nor removed") {
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    const Fd foreign = test::foreign_program(true);
    const auto device = static_cast<int>(ifindex("s0"));
    REQUIRE(bpf_xdp_attach(device, foreign.get(), XDP_FLAGS_DRV_MODE, nullptr) == 0);
    const std::uint32_t program = xdp_program_on("s0");

    CHECK(path.set_xdp(0, ifindex("s0"), XdpPolicy::native, "veth").error().code == EBUSY);
    const XdpState state = need(path.set_xdp(0, ifindex("s0"), XdpPolicy::automatic, "ixgbe"));
    CHECK(state.attached == Attached::none);
    CHECK(state.why.find("refused") != std::string::npos);
    need(path.set_xdp(0, ifindex("s0"), XdpPolicy::off, "veth"));
    path.teardown();
    CHECK(xdp_program_on("s0") == program);
}
