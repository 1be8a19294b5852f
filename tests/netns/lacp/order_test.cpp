// SPDX-License-Identifier: MIT
// Tables and PDUs on the wire: who leaves has stopped sending before the partner hears of it, who joins can receive
// before.
#include <catch2/catch.hpp>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/frames.h"
#include "tests/netns/lacp/partner.h"

using namespace xbond::harness;
using nlohmann::json;
namespace flag = xbond::lacp::flag;

namespace {

constexpr std::uint8_t in_sync = 63,
                       out_of_sync = in_sync & ~(flag::synchronization | flag::collecting | flag::distributing);
constexpr unsigned rate = 4000;
constexpr std::size_t actor_state_at = 32; // in a frame

bool is_data(const Frame &frame) { return frame.bytes[12] == 0x08 && frame.bytes[13] == 0x00; }

bool not_distributing(const Frame &frame) {
    return is_lacpdu(frame) && (frame.bytes[actor_state_at] & flag::distributing) == 0;
}

bool says_collecting(const Frame &frame) {
    return is_lacpdu(frame) && (frame.bytes[actor_state_at] & flag::collecting) != 0;
}

bool is_reflection(const Frame &frame) { return frame.bytes[12] == 0x88 && frame.bytes[13] == 0xb5; } // reflect_pdu

bool farewell(const Frame &frame) {
    constexpr auto cleared = flag::aggregation | flag::synchronization | flag::collecting | flag::distributing;
    return is_lacpdu(frame) && (frame.bytes[actor_state_at] & cleared) == 0;
}

class Outbound { // a stream out of the bond, and what comes in on p0
public:
    explicit Outbound(PartnerLab &lab)
        : wire_(lab.lan(), "p0", Sniffer::Options{.incoming_only = true, .on_frame = {}}) {
        lab.host().ns().inside([&] { socket_ = connected_udp("10.97.0.1", "10.97.0.2", 7); });
        sender_ = std::make_unique<StreamSender>(socket_.get(), 1, rate, 64);
    }
    bool wait_flowing() {
        wire_.clear();
        return wire_.wait_count(is_data, 100, 15s);
    }
    // How much data came after the first such PDU; nothing when there was none, or no data before.
    std::optional<std::size_t> data_after(const FrameMatch &pdu) {
        if (!wire_.wait_count(pdu, 1)) {
            return std::nullopt;
        }
        const auto then = sender_->sent();
        (void)wait_until([&] { return sender_->sent() > then + rate / 4; });
        const auto frames = wire_.frames();
        const auto said = std::ranges::find_if(frames, pdu);
        if (std::count_if(frames.begin(), said, is_data) == 0) {
            return std::nullopt;
        }
        return std::count_if(said, frames.end(), is_data);
    }

private:
    Sniffer wire_;
    xbond::Fd socket_;
    std::unique_ptr<StreamSender> sender_;
};

} // namespace

// One CPU for all: then what left the bond first comes to the other end first. Were the PDU sent before the tables
// change, the stream would get in between in one round of five.
TEST_CASE("802.3ad R08 when the partner drops SYNC, nothing leaves after the PDU that says so") {
    const std::string xdp = GENERATE("off", "native");
    CAPTURE(xdp);
    const OnOneCpu one;
    PartnerLab lab(1);
    REQUIRE(lab.make_bond("lacp_rate fast xdp " + xdp));
    Outbound stream(lab);
    for (int round = 0; round < 8; ++round) {
        REQUIRE(stream.wait_flowing());
        lab.partners().set_state(0, out_of_sync);
        CHECK(stream.data_after(not_distributing) == 0);
        lab.partners().set_state(0, in_sync);
    }
}

TEST_CASE("802.3ad R03 after a farewell nothing leaves on the slave") {
    const OnOneCpu one;
    PartnerLab lab(1);
    REQUIRE(lab.make_bond("lacp_rate fast"));
    Outbound stream(lab);
    REQUIRE(stream.wait_flowing());
    SECTION("the slave is released") { lab.host().cli().ok("link set e0 nomaster"); }
    SECTION("the bond is set down") { lab.host().cli().ok("link set bond0 down"); }
    SECTION("the bond is deleted") { lab.host().cli().ok("link del bond0"); }
    CHECK(stream.data_after(farewell) == 0);
}

TEST_CASE("802.3ad R09 what the partner sends at the sight of COLLECTING comes in") {
    const std::string xdp = GENERATE("off", "native");
    const std::string coupled = GENERATE("on", "off");
    CAPTURE(xdp, coupled);
    PartnerLab lab(1);
    // tc leaves directories in the BPF file system where it loads an object: in one of its own.
    const std::string hook =
        "mount -t bpf none /sys/fs/bpf; tc qdisc add dev p0 clsact; tc filter add dev p0 ingress bpf "
        "direct-action object-file " XBOND_TEST_REFLECT " section tc";
    const auto hooked = lab.lan().run({"unshare", "--mount", "sh", "-ec", hook});
    INFO(hooked.err);
    REQUIRE(hooked.ok());
    REQUIRE(lab.make_bond("lacp_rate fast xdp " + xdp + " coupled_control " + coupled));
    const auto collecting = [&] { return lab.partners().heard(0).actor.has(flag::collecting); };
    const auto leave = [&] {
        lab.partners().set_state(0, out_of_sync);
        REQUIRE(wait_until([&] { return !collecting(); }));
    };
    leave();
    const Sniffer wire(lab.lan(), "p0", Sniffer::Options{.incoming_only = true, .on_frame = {}});
    const Sniffer bond(lab.host().ns(), "bond0", Sniffer::Options{.incoming_only = true, .on_frame = {}});
    for (int round = 0; round < 5; ++round) {
        lab.partners().set_state(0, in_sync);
        REQUIRE(wait_until(collecting));
        leave();
    }
    const auto said = wire.count(says_collecting);
    CHECK(said >= 5);
    CHECK(bond.wait_count(is_reflection, said, 1s));
}
