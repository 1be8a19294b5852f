// SPDX-License-Identifier: MIT
// 64 bonds in mode 802.3ad at the fast rate in one xbondd: what it costs, and that no PDU is late. Minutes of work,
// serial.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/netns/lacp/lab.h"
#include "tests/netns/lacp/partner.h"

using namespace xbond::harness;
using nlohmann::json;

namespace {

constexpr int bonds = 64, links = 2 * bonds;
constexpr auto measured = 60s;
#ifdef __SANITIZE_ADDRESS__
constexpr bool instrumented = true; // its CPU time says nothing
#else
constexpr bool instrumented = false;
#endif

std::string contents(const std::filesystem::path &file) {
    std::ostringstream all;
    all << std::ifstream(file).rdbuf();
    return all.str();
}

// "VmRSS: 1234 kB" of a file of /proc; 0 when the line is not there.
long number_after(const std::string &text, const std::string &key) {
    const auto at = text.find("\n" + key + ":");
    return at == std::string::npos ? 0 : std::stol(text.substr(at + key.size() + 2));
}

// Of the maps and programs that the process has open; several descriptors of one count once.
long bpf_kilobytes(pid_t pid) {
    std::map<std::string, long> objects;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fdinfo")) {
        const auto text = contents(entry.path());
        for (const std::string key : {"map_id", "prog_id"}) {
            if (const long id = number_after(text, key); id != 0) {
                objects[key + std::to_string(id)] = number_after(text, "memlock");
            }
        }
    }
    long sum = 0;
    for (const auto &[object, bytes] : objects) {
        sum += bytes;
    }
    return sum / 1024;
}

class ScaleLab {
public:
    ScaleLab() {
        std::string wires;
        for (int n = 0; n < links; ++n) {
            const auto number = std::to_string(n);
            wires += "link add e" + number + " type veth peer name p" + number + " netns " + lan_.path() + "\n";
        }
        host_.ns().ip(wires);
        for (int n = 0; n < links; ++n) {
            lan_.set_up("p" + std::to_string(n), true);
        }
        partners_ = std::make_unique<ScriptedPartners>(lan_, ports());
        host_.daemon().start();
        for (int n = 0; n < bonds; ++n) {
            const auto bond = "bond" + std::to_string(n);
            host_.cli().ok("link add " + bond + " type bond mode 802.3ad lacp_rate fast");
            host_.cli().ok("link set " + bond + " up");
            for (int slave = 2 * n; slave < 2 * n + 2; ++slave) {
                host_.cli().ok("link set e" + std::to_string(slave) + " master " + bond);
            }
        }
    }
    LacpHost &host() { return host_; }
    ScriptedPartners &partners() { return *partners_; }

    // Ports of which something is not as it is to be, and how often one expired.
    struct Tally {
        int troubled = 0;
        int expired = 0;
    };
    Tally tally() const {
        Tally tally;
        for (int n = 0; n < bonds; ++n) {
            const json shown = host_.cli().json("lacp bond" + std::to_string(n));
            for (const json &port : shown.at("slaves")) {
                const bool good = port.at("fsm").at("rx") == "CURRENT" && port.at("distributing") == true;
                tally.troubled += good ? 0 : 1;
                const json &stats = port.at("stats");
                tally.expired += stats.at("expired").get<int>() + stats.at("defaulted").get<int>();
            }
        }
        return tally;
    }

private:
    static std::vector<ScriptedPartners::Port> ports() {
        std::vector<ScriptedPartners::Port> all;
        all.reserve(links);
        for (int n = 0; n < links; ++n) {
            all.push_back({.ifname = "p" + std::to_string(n),
                           .system = static_cast<std::uint16_t>(n / 2),
                           .number = static_cast<std::uint16_t>(1 + n % 2)});
        }
        return all;
    }
    NetNs lan_;
    LacpHost host_;
    std::unique_ptr<ScriptedPartners> partners_;
};

double milliseconds(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1e6; }

} // namespace

TEST_CASE("802.3ad R11 64 bonds of 2 slaves at the fast rate: no timeout in 60 s, below 10 % of a core") {
    const auto building = Clock::now();
    ScaleLab lab;
    const std::chrono::duration<double> built = Clock::now() - building;
    std::cout << "made in " << built.count() << " s\n";
    REQUIRE(wait_until([&] { return lab.tally().troubled == 0; }, 60s, 500ms));
    const pid_t pid = lab.host().cli().json("status").at("pid");
    const auto before = lab.tally();

    lab.partners().begin_measuring();
    const auto start = Clock::now();
    const auto cpu_start = cpu_time(pid);
    CHECK(holds_for([&] { return lab.host().daemon().running(); }, measured, 1s));
    const std::chrono::duration<double> cpu = cpu_time(pid) - cpu_start;
    const std::chrono::duration<double> wall = Clock::now() - start;
    const auto gaps = lab.partners().gaps();
    const auto after = lab.tally();

    REQUIRE_FALSE(gaps.empty());
    const auto late = gaps.at(gaps.size() * 999 / 1000) - 1s;
    const double share = 100 * cpu.count() / wall.count();
    const auto status = contents("/proc/" + std::to_string(pid) + "/status");
    std::cout << links << " ports, " << gaps.size() << " LACPDUs sent in " << wall.count() << " s: controller " << share
              << " % of a core; gaps: median " << milliseconds(gaps.at(gaps.size() / 2)) << " ms, 99.9 % "
              << milliseconds(late + 1s) << " ms, longest " << milliseconds(gaps.back()) << " ms\n"
              << "VmRSS " << number_after(status, "VmRSS") << " kB, VmHWM " << number_after(status, "VmHWM")
              << " kB, BPF maps and programs " << bpf_kilobytes(pid) << " kB\n";
    CHECK(after.troubled == 0);
    CHECK(after.expired == before.expired);
    CHECK(gaps.back() < 3s);
    if (!instrumented) {
        CHECK(late < 100ms);
        CHECK(share < 10);
    }
    for (int n = 0; n < links; ++n) { // a port that fell silent leaves no gap
        CHECK(lab.partners().heard(static_cast<std::size_t>(n)).pdus > 55);
    }
}
