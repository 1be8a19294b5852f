// SPDX-License-Identifier: MIT
// The examples of xbond.bpf.h on a port beside a bond: what comes in there leaves by the slaves that the bond would
// take.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;

namespace {

constexpr int slaves = 3;
constexpr std::uint64_t frames = 30;

// A bond on wires, and a port p0 with an example's program, whose other end g0 is a guest's.
class PortLab {
public:
    PortLab(const std::string &example, const std::string &options) : lab(Switch::Kind::wires, slaves) {
        lab.make_bond(options);
        for (int n = 0; n < slaves; ++n) { // or a veth takes no frames from XDP
            set_gro(lab.switch_ns(), "s" + std::to_string(n));
        }
        lab.ns().veth("p0", guest, "g0");
        lab.ns().set_up("p0", true);
        guest.set_up("g0", true);
        const auto bpffs = lab.daemon().pin_dir().parent_path().parent_path();
        const auto loaded = lab.ns().run({"env", "XBOND_BPFFS=" + bpffs.string(), XBOND_TEST_LOAD,
                                          XBOND_TEST_EXAMPLES + example + ".o", "bond0", "p0"});
        INFO(loaded.err);
        REQUIRE(loaded.ok());
        REQUIRE(wait_until([&] { return guest.carrier("g0"); }));
    }

    Lab lab;
    NetNs guest;

private:
    static void set_gro(const NetNs &ns, const std::string &ifname) {
        const auto set = ns.run({"ethtool", "-K", ifname, "gro", "on"});
        INFO(set.err);
        REQUIRE(set.ok());
    }
};

std::string hex(const Bytes &bytes) {
    std::string out;
    for (const std::uint8_t byte : bytes) {
        constexpr std::string_view digits = "0123456789abcdef";
        out += {digits[byte >> 4], digits[byte & 15]};
    }
    return out;
}

Bytes frame_of(std::uint64_t number) {
    return udp_frame(number, {.to = station_mac, .from = xbond::test::test_mac(static_cast<std::uint8_t>(number))});
}

} // namespace

TEST_CASE("the examples send each frame once, whole, and by the slave that explain names") {
    const auto example = GENERATE(as<std::string>{}, "xdp_uplink", "tc_uplink");
    const auto mode = GENERATE(as<std::string>{}, "balance-rr", "active-backup", "balance-xor", "broadcast",
                               "balance-tlb tlb_dynamic_lb 0", "balance-alb");
    DYNAMIC_SECTION(example << ", " << mode) {
        PortLab port(example, "mode " + mode);
        const Wires wires(port.lab, slaves);
        const Injector guest(port.guest, "g0");
        const OnOneCpu pinned;
        for (std::uint64_t n = 0; n < frames; ++n) {
            guest.send(frame_of(n));
        }
        const bool to_all = mode == "broadcast", keeps_source = mode.find("lb") == std::string::npos;
        const std::size_t copies = to_all ? slaves : 1;
        CHECK(wires.wait_total(numbered_udp(), frames * copies));
        for (std::uint64_t n = 0; n < frames; ++n) {
            const auto sent = frame_of(n);
            if (keeps_source) {
                CHECK(wires.total(same_as(sent)) == copies);
            }
            if (mode == "balance-xor" || mode == "active-backup") {
                const auto why = port.lab.cli().json("explain bond0 --frame " + hex(sent));
                for (int slave = 0; slave < slaves; ++slave) {
                    const bool chosen = why.at("slave") == "e" + std::to_string(slave);
                    CHECK(wires.count(slave, same_as(sent)) == (chosen ? 1 : 0));
                }
            }
        }
        CHECK(wires.total(numbered_udp()) == frames * copies);
        std::uint64_t counted = 0;
        for (const auto &slave : port.lab.status().slaves) {
            counted += slave.tx_packets;
        }
        CHECK(counted >= frames * copies); // and what the controller announced
    }
}

TEST_CASE("an example fails over with the bond, without anybody's help, and follows its mode") {
    const auto example = GENERATE(as<std::string>{}, "xdp_uplink", "tc_uplink");
    DYNAMIC_SECTION(example) {
        PortLab port(example, "mode active-backup");
        const Wires wires(port.lab, slaves);
        const Injector guest(port.guest, "g0");
        guest.send(frame_of(1));
        CHECK(wires.wait_total(same_as(frame_of(1)), 1));
        CHECK(wires.count(0, same_as(frame_of(1))) == 1);
        port.lab.daemon().freeze();
        port.lab.host().cut(0);
        guest.send(frame_of(2));
        CHECK(wires.wait_total(same_as(frame_of(2)), 1));
        CHECK(wires.count(0, same_as(frame_of(2))) == 0);
        port.lab.daemon().thaw();
        port.lab.host().join(0);
        REQUIRE(port.lab.wait_link("e0", "up"));
        REQUIRE(port.lab.cli()("link set bond0 down").ok());
        for (int n = 0; n < slaves; ++n) {
            port.lab.cli().ok("link set e" + std::to_string(n) + " nomaster");
        }
        port.lab.cli().ok("link set bond0 type bond mode broadcast");
        port.lab.cli().ok("link set bond0 up");
        for (int n = 0; n < slaves; ++n) {
            port.lab.enslave(n);
        }
        for (int n = 0; n < slaves; ++n) {
            REQUIRE(port.lab.wait_link("e" + std::to_string(n), "up"));
        }
        guest.send(frame_of(3));
        CHECK(wires.wait_total(same_as(frame_of(3)), slaves));
    }
}
