// SPDX-License-Identifier: MIT
// Every change while the state directory takes nothing: it is refused and nothing is changed, or it is done and stays
// done. Whoever starts next finds the same. And when there is room again all of them work.
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/netns/lab.h"
#include "tests/netns/ownership/small_disk.h"
#include "tests/netns/xdp/chained.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;

namespace {

enum class Outcome { refused, done };

struct Command {
    const char *words;
    Outcome outcome;
    const char *before = ""; // that makes it possible
};

// What the kernel keeps is true without a disk; what only the state says is not changed without one.
const std::vector<Command> commands{
    {"link set bond0 type bond miimon 50", Outcome::refused},
    {"link set bond0 type bond active_slave e1", Outcome::refused},
    {"link set bond0 type bond primary e1 primary_reselect always", Outcome::refused},
    {"link set bond0 type bond xdp off", Outcome::refused},
    {"link set bond0 type bond visibility full", Outcome::refused},
    {"link set e1 type bond_slave prio 7", Outcome::refused},
    {"link set e1 nomaster", Outcome::refused},
    {"link set e2 master bond0", Outcome::refused},
    {"link set bond0 name bond1", Outcome::refused},
    {"port add bond0 d0", Outcome::refused},
    {"port add bond0 d0 vlan 7", Outcome::refused, "port add bond0 d0"},
    {"port del bond0 d0", Outcome::refused, "port add bond0 d0"},
    {"xdp attach bond0 OBJECT", Outcome::refused},
    {"xdp detach bond0", Outcome::done, "xdp attach bond0 OBJECT"},
    {"link set bond0 netns OTHER", Outcome::refused},
    {"link set bond0 address 02:00:00:00:12:34", Outcome::done},
    {"link set bond0 mtu 1400", Outcome::done},
    {"link set bond0 down", Outcome::done},
    {"link set bond0 address 02:00:00:00:12:34 mtu 1400 type bond miimon 50", Outcome::refused},
    {"link del bond0", Outcome::done},
};

class DiskLab : public Lab {
public:
    DiskLab() : Lab(Kind::wires, 3) {
        ns().ip("link add d0 type bridge\nlink set d0 up");
        cli().ok("link add bond0 address 02:00:00:00:00:99 type bond mode active-backup miimon 100");
        cli().ok("link set bond0 up");
        enslave(0);
        enslave(1);
        REQUIRE(wait_link("e0", "up"));
        REQUIRE(wait_link("e1", "up"));
        REQUIRE(daemon().stop() == 0);
        disk_ = std::make_unique<SmallDisk>(daemon().state_dir());
        daemon().start();
    }
    std::string words(std::string text) const {
        const std::vector<std::pair<std::string, std::string>> places{{"OBJECT", object("drop")},
                                                                      {"OTHER", other_.path()}};
        for (const auto &[place, what] : places) {
            if (const auto at = text.find(place); at != std::string::npos) {
                text.replace(at, place.size(), what);
            }
        }
        return text;
    }
    const SmallDisk &disk() const { return *disk_; }

    // All that a user sees of it, and what the kernel has.
    std::string state() const {
        std::string text;
        auto all = json::parse(status_without_times());
        for (auto &bond : all.at("bonds")) {
            const auto path = bond.at("datapath");
            bond.erase("datapath"); // programs of a new controller have new numbers
            bond.erase("ports");    // as they are asked for, below
            text += bond.dump(1) + (path.contains("chained") ? " chained\n" : "\n");
        }
        for (const auto &port : cli().json("port show")) {
            for (const auto &each : port.at("ports")) {
                text += "port " + each.at("name").dump() + each.at("vlan").dump() + each.at("mac").dump() + "\n";
            }
        }
        for (const std::string name : {"e0", "e1", "e2", "d0", "bond0", "bond1"}) {
            if (ns().exists(name)) {
                const auto flags = ns().link(name).at("flags").dump();
                text += name + (ns().is_up(name) ? " up " : " down ") + std::to_string(ns().mtu(name)) + " " +
                        ns().mac(name).str() + (flags.find("\"PROMISC\"") == std::string::npos ? "" : " promisc") +
                        (ns().link(name).contains("xdp") ? " xdp" : "") + "\n";
            }
        }
        return text + (other_.exists("bond0") ? "elsewhere\n" : "");
    }
    // XDP and filters of slaves follow by themselves.
    bool comes_to(const std::string &wanted) {
        return wait_until([&] { return (seen_ = state()) == wanted; }, 5s, 50ms);
    }
    const std::string &seen() const { return seen_; }

private:
    NetNs other_;
    std::unique_ptr<SmallDisk> disk_;
    std::string seen_;
};

// The state that stays for a moment.
std::string settled(const DiskLab &lab) {
    std::string last = lab.state();
    (void)wait_until(
        [&] {
            auto now = lab.state();
            const bool same = now == last;
            last = std::move(now);
            return same;
        },
        5s, 200ms);
    return last;
}

void try_refused(const Command &command, const std::function<void(const SmallDisk &, bool)> &close) {
    DiskLab lab;
    if (*command.before != '\0') {
        lab.cli().ok(lab.words(command.before));
    }
    const auto before = settled(lab);
    close(lab.disk(), true);
    const auto answer = lab.cli()(lab.words(command.words));
    INFO(answer.err);
    CHECK(answer.ok() == (command.outcome == Outcome::done));
    std::string wanted = before;
    if (answer.ok()) {
        wanted = settled(lab);
        CHECK(wanted != before);
    } else {
        CHECK(lab.comes_to(before));
        CHECK(lab.seen() == before);
    }
    lab.daemon().kill9();
    lab.daemon().start();
    const bool the_same = lab.comes_to(wanted);
    if (!the_same) {
        CHECK(lab.seen() == wanted);
    }
    close(lab.disk(), false);
    if (!answer.ok()) {
        lab.cli().ok(lab.words(command.words));
        CHECK(settled(lab) != before);
    }
}

} // namespace

TEST_CASE("disk: while nothing can be saved each change is refused whole or done for good") {
    const auto &command = GENERATE(from_range(commands));
    DYNAMIC_SECTION(command.before << (*command.before == '\0' ? "" : ", ") << command.words) {
        try_refused(command, [](const SmallDisk &disk, bool closed) { closed ? disk.fill() : disk.empty(); });
    }
}

TEST_CASE("disk: where it has become read-only a bond is deleted all the same, and its file as soon as that can be") {
    DiskLab lab;
    const auto before = settled(lab);
    const auto file = lab.daemon().state_dir() / "bonds/bond0.json";
    lab.disk().set_read_only(true);
    const auto refused = lab.cli()("link set bond0 type bond miimon 50");
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.find("nothing was changed") != std::string::npos);
    CHECK(lab.state() == before);
    const auto deleted = lab.cli()("link del bond0");
    CHECK(deleted.err.find("bond0 is deleted") != std::string::npos);
    CHECK_FALSE(lab.ns().exists("bond0"));
    CHECK(std::filesystem::exists(file));
    lab.disk().set_read_only(false);
    CHECK(wait_until([&] { return !std::filesystem::exists(file); }, 10s));
}
