// SPDX-License-Identifier: MIT
#include "tests/netns/lab.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/harness/wait.h"
#include "tests/netns/frames.h"

namespace xbond::harness {
namespace {

using nlohmann::json;

std::string text(const json &value) { return value.is_null() ? std::string() : value.get<std::string>(); }

MacAddr mac(const json &value) { return MacAddr::parse(value.get<std::string>()).value(); }

SlaveStatus slave_status(const json &s) {
    const json &counters = s.at("counters");
    return {.name = s.at("name"),
            .state = s.at("state"),
            .link = s.at("link"),
            .fallback = text(s.at("fallback")),
            .xdp = s.at("xdp").at("attached"),
            .mac = mac(s.at("mac")),
            .perm_mac = mac(s.at("perm_mac")),
            .active = s.at("active"),
            .primary = s.at("primary"),
            .suppressed = s.at("suppressed"),
            .carrier = s.at("carrier"),
            .failures = s.at("failures"),
            .tx_packets = counters.at("tx_packets"),
            .rx_packets = counters.at("rx_packets"),
            .rx_suppressed = counters.at("rx_suppressed"),
            .failover_tx = counters.at("failover_tx")};
}

} // namespace

const SlaveStatus &BondStatus::slave(const std::string &name) const {
    const auto found = std::find_if(slaves.begin(), slaves.end(), [&](const auto &s) { return s.name == name; });
    if (found == slaves.end()) {
        throw std::runtime_error(name + " is no slave of the bond");
    }
    return *found;
}

Lab::Lab(Switch::Kind kind, int slaves) : switch_(kind), host_(switch_, slaves), slaves_(slaves), daemon_(host_.ns()) {
    daemon_.start();
}

void Lab::make_bond(const std::string &options) {
    cli().ok("link add bond0 type bond " + options);
    cli().ok("link set bond0 up");
    for (int n = 0; n < slaves_; ++n) {
        enslave(n);
    }
    const bool up = wait_until([&] {
        const auto now = status();
        return std::all_of(now.slaves.begin(), now.slaves.end(), [](const auto &s) { return s.link == "up"; });
    });
    if (!up) {
        throw std::runtime_error("the slaves' links do not come up; the daemon's log:\n" + daemon_.log());
    }
}

void Lab::enslave(int n) const { cli().ok("link set e" + std::to_string(n) + " master bond0"); }

BondStatus Lab::status() const {
    const json bond = cli().json("status bond0").at("bonds").at(0);
    BondStatus status{.active_slave = text(bond.at("active_slave")),
                      .primary = text(bond.at("primary")),
                      .visibility = bond.at("datapath").at("visibility"),
                      .hook = bond.at("datapath").at("hook"),
                      .carrier_check = bond.at("datapath").at("carrier_check"),
                      .mac = mac(bond.at("mac")),
                      .carrier = bond.at("carrier"),
                      .tx_dropped = bond.at("counters").at("tx_dropped"),
                      .pick = {},
                      .slaves = {}};
    for (const json &name : bond.at("table").at("pick")) {
        status.pick.push_back(text(name));
    }
    for (const json &slave : bond.at("slaves")) {
        status.slaves.push_back(slave_status(slave));
    }
    return status;
}

std::string Lab::status_without_times() const {
    json all = cli().json("status");
    for (const char *key : {"now_ns", "started_ns", "pid", "turns", "hands"}) {
        all.erase(key);
    }
    for (json &bond : all.at("bonds")) {
        bond.erase("counters");
        bond.erase("history");
        bond.at("datapath").erase("watch_runs");
        for (json &slave : bond.at("slaves")) {
            slave.erase("counters");
        }
    }
    return all.dump(1);
}

std::string Lab::refusal(const std::string &request_json) const {
    const auto reply = ControlClient(daemon_.socket()).exchange(request_json + "\n");
    const json answer = json::parse(reply.value());
    return answer.at("ok") ? std::string() : answer.at("error").at("name").get<std::string>();
}

bool Lab::wait_active(const std::string &slave, std::chrono::milliseconds limit) const {
    return wait_until([&] { return status().active_slave == slave; }, limit);
}

bool Lab::wait_link(const std::string &slave, const std::string &link, std::chrono::milliseconds limit) const {
    return wait_until([&] { return status().slave(slave).link == link; }, limit);
}

Wires::Wires(const Lab &lab, int slaves) {
    for (int n = 0; n < slaves; ++n) {
        sniffers_.push_back(std::make_unique<Sniffer>(lab.switch_ns(), "s" + std::to_string(n),
                                                      Sniffer::Options{.incoming_only = true, .on_frame = {}}));
    }
}

std::size_t Wires::total(const FrameMatch &match) const {
    std::size_t sum = 0;
    for (const auto &sniffer : sniffers_) {
        sum += sniffer->count(match);
    }
    return sum;
}

bool Wires::wait_total(const FrameMatch &match, std::size_t wanted) const {
    return wait_until([&] { return total(match) >= wanted; });
}

std::vector<int> Wires::path(std::size_t frames) const {
    std::vector<int> path(frames, -1);
    for (std::size_t wire = 0; wire < sniffers_.size(); ++wire) {
        for (const Frame &frame : sniffers_[wire]->frames()) {
            if (const auto number = number_of(frame); number && *number < frames) {
                path[*number] = static_cast<int>(wire);
            }
        }
    }
    return path;
}

void Wires::clear() {
    for (auto &sniffer : sniffers_) {
        sniffer->clear();
    }
}

} // namespace xbond::harness
