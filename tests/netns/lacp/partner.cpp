// SPDX-License-Identifier: MIT
#include "tests/netns/lacp/partner.h"

#include <algorithm>

#include "tests/netns/frames.h"

namespace xbond::harness {
namespace {

lacp::PortInfo info_of(const ScriptedPartners::Port &port) {
    const MacAddr system{
        {0x02, 0x50, 0, 0, static_cast<std::uint8_t>(port.system >> 8), static_cast<std::uint8_t>(port.system & 0xff)}};
    return {.system_priority = 32768,
            .system = system,
            .key = 1,
            .port_priority = 32768,
            .port = port.number,
            .state = port.state};
}

} // namespace

ScriptedPartners::ScriptedPartners(const NetNs &ns, std::vector<Port> ports, OnPdu on_pdu)
    : on_pdu_(std::move(on_pdu)) {
    for (auto &port : ports) {
        Injector wire(ns, port.ifname);
        const auto ifindex = ns.ifindex(port.ifname);
        const auto info = info_of(port);
        sides_.push_back({std::move(port), std::move(wire), ifindex, info});
    }
    sniffer_ = std::make_unique<Sniffer>(ns, "",
                                         Sniffer::Options{.protocol = lacp::slow_protocols_ethertype,
                                                          .incoming_only = true,
                                                          .on_frame = [this](const Frame &frame) { take(frame); }});
    talker_ = std::thread([this] { talk(); });
}

ScriptedPartners::~ScriptedPartners() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    stopping_.notify_all();
    talker_.join();
    sniffer_.reset();
}

void ScriptedPartners::take(const Frame &frame) {
    const auto classified = lacp::classify(frame.bytes, MacAddr{});
    if (classified.verdict != lacp::Verdict::lacpdu) {
        return;
    }
    const auto &pdu = classified.pdu;
    std::size_t port = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto side = std::ranges::find(sides_, frame.ifindex, &Side::ifindex);
        if (side == sides_.end()) {
            return;
        }
        port = static_cast<std::size_t>(side - sides_.begin());
        Heard &heard = side->heard;
        if (heard.last.count() != 0) {
            gaps_.push_back(frame.time - heard.last);
            heard.longest_gap = std::max(heard.longest_gap, gaps_.back());
        }
        const bool news = heard.last.count() == 0 || heard.actor != pdu.actor;
        heard = {pdu.actor, pdu.partner, heard.pdus + 1, frame.time, heard.longest_gap};
        if (news) {
            say(*side);
        }
    }
    if (on_pdu_) {
        on_pdu_(port, pdu);
    }
}

void ScriptedPartners::say(const Side &side) const {
    const lacp::Lacpdu pdu{.actor = side.info, .partner = side.heard.actor};
    side.wire.send(lacp::encode(pdu, test::test_mac(0x50)));
}

// Port after port, each once a second.
void ScriptedPartners::talk() {
    const auto step = std::chrono::nanoseconds(1s) / sides_.size();
    auto due = Clock::now();
    std::unique_lock lock(mutex_);
    for (std::size_t next = 0; !stop_; next = (next + 1) % sides_.size()) {
        say(sides_[next]);
        due += step;
        stopping_.wait_until(lock, due, [this] { return stop_; });
    }
}

ScriptedPartners::Heard ScriptedPartners::heard(std::size_t port) const {
    const std::lock_guard lock(mutex_);
    return sides_.at(port).heard;
}

std::vector<std::chrono::nanoseconds> ScriptedPartners::gaps() const {
    const std::lock_guard lock(mutex_);
    auto sorted = gaps_;
    std::ranges::sort(sorted);
    return sorted;
}

void ScriptedPartners::begin_measuring() {
    const std::lock_guard lock(mutex_);
    gaps_.clear();
    for (Side &side : sides_) {
        side.heard.pdus = 0;
        side.heard.longest_gap = {};
    }
}

void ScriptedPartners::set_state(std::size_t port, std::uint8_t state) {
    const std::lock_guard lock(mutex_);
    Side &side = sides_.at(port);
    side.info.state = state;
    say(side);
}

void ScriptedPartners::send(std::size_t port, std::span<const std::uint8_t> frame) const {
    sides_.at(port).wire.send(frame); // a side's wire never changes
}

PartnerLab::PartnerLab(int links, ScriptedPartners::OnPdu on_pdu, int rx_queues) {
    const auto queues = " numrxqueues " + std::to_string(rx_queues) + " numtxqueues " + std::to_string(rx_queues);
    std::vector<ScriptedPartners::Port> ports;
    for (int n = 0; n < links; ++n) {
        const auto number = std::to_string(n);
        slaves_.push_back("e" + number);
        ports.push_back({.ifname = "p" + number, .number = static_cast<std::uint16_t>(1 + n)});
        host_.ns().ip("link add e" + number + queues + " type veth peer name p" + number + queues + " netns " +
                      lan_.path());
        lan_.set_up("p" + number, true);
    }
    partners_ = std::make_unique<ScriptedPartners>(lan_, std::move(ports), std::move(on_pdu));
}

bool PartnerLab::make_bond(const std::string &options) {
    host_.make_bond(options, slaves_);
    host_.ns().ip("addr add 10.97.0.1/24 dev bond0\n"
                  "neigh add 10.97.0.2 lladdr " +
                  station_mac.str() + " dev bond0");
    return host_.wait_negotiated() && host_.wait_distributing(slaves_);
}

int PartnerLab::expired() const {
    const auto stats = host_.show().at("lacp").at("stats");
    return stats.at("expired").get<int>() + stats.at("defaulted").get<int>();
}

} // namespace xbond::harness
