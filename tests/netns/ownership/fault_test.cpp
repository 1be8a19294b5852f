// SPDX-License-Identifier: MIT
// Every call on the way of a change fails once, with each errno that it may have, or is where the controller is killed.
// Afterwards there is the old state or the new one, never one between; a start works, and --teardown gives back
// everything.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <iostream>
#include <linux/sockios.h>
#include <map>
#include <net/if.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/harness/trouble/syscall_fault.h"
#include "tests/netns/frames.h"
#include "tests/netns/lab.h"
#include "tests/netns/xdp/chained.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;
namespace fs = std::filesystem;

namespace {

#ifdef XB_ALL_FAULTS
#define XB_FAULTS "all "
constexpr unsigned one_in = 1;
#else
#define XB_FAULTS ""
constexpr unsigned one_in = 10;
#endif
constexpr unsigned seed = 13;

bool is_promiscuous(const NetNs &ns, const std::string &ifname) {
    bool promiscuous = false;
    ns.inside([&] {
        const xbond::Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ifreq request{};
        ifname.copy(request.ifr_name, IFNAMSIZ - 1);
        promiscuous = ioctl(fd.get(), SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_PROMISC) != 0;
    });
    return promiscuous;
}

// All of the host that a bond of two slaves touches, and a port of it.
std::string state_of(Lab &lab) {
    std::ostringstream text;
    for (const std::string name : {"e0", "e1", "d0", "bond0", "bond0p"}) {
        if (!lab.ns().exists(name)) {
            continue;
        }
        const bool slave = name.front() == 'e';
        text << (is_promiscuous(lab.ns(), name) ? "promiscuous " : "") << name
             << (lab.ns().is_up(name) ? " up" : " down") << " mtu " << lab.ns().mtu(name);
        if (slave) { // the bond's own may be random
            text << " mac " << lab.ns().mac(name).str() << " arp_ignore "
                 << lab.ns().sysctl("net.ipv4.conf." + name + ".arp_ignore");
        }
        text << "\n";
    }
    if (const auto pins = lab.daemon().pin_dir() / "bond0"; fs::exists(pins)) {
        text << "pins of hooks:";
        for (const std::string hook : {"tx_bond", "tx_peer", "rx_0", "rx_1"}) {
            text << (fs::exists(pins / hook) ? " " + hook : "");
        }
        text << "\n";
    }
    text << (fs::exists(lab.daemon().state_dir() / "bonds/bond0.json") ? "saved\n" : "");
    const auto status = lab.cli()("-j status");
    if (!status.ok()) {
        return text.str() + "no controller\n";
    }
    const auto all = json::parse(status.out);
    for (const auto &bond : all.at("bonds")) {
        text << "bond " << bond.at("name") << " mode " << bond.at("mode") << (bond.at("admin_up") ? " up" : " down");
        for (const auto &slave : bond.at("slaves")) {
            text << " " << slave.at("name");
        }
        text << " miimon " << bond.at("options").at("miimon");
        for (const auto &port : bond.value("ports", json::array())) {
            text << " port " << port.at("name");
        }
        if (const auto &path = bond.at("datapath"); path.contains("chained")) {
            text << " chained " << path.at("chained").at("program");
        }
        if (bond.contains("netns")) {
            text << " is " << bond.at("netns").at("state");
        }
        text << "\n";
    }
    for (const auto &left : all.at("not_under_control")) {
        text << "left alone: " << left.at("name") << "\n";
    }
    return text.str();
}

std::string tail(const std::string &log) { return log.size() > 1500 ? log.substr(log.size() - 1500) : log; }

struct Operation {
    std::string name;
    std::function<void(Lab &)> prepare, undo; // undo: from the new state to the old one
    std::function<CommandResult(Lab &)> perform;
};

const char *const config = R"({"bonds":{"bond0":{"mode":"balance-xor","slaves":["e0","e1"],"mtu":1400}}})";

void make_bond(Lab &lab) {
    lab.cli().ok("link add bond0 type bond mode active-backup");
    lab.cli().ok("link set e0 master bond0");
}

// Done by `words`, undone by others.
Operation by_words(std::string name, std::vector<std::string> before, std::string words, std::string back) {
    return {std::move(name),
            [before](Lab &lab) {
                make_bond(lab);
                for (const auto &each : before) {
                    lab.cli().ok(each);
                }
            },
            [back](Lab &lab) { lab.cli().ok(back); }, [words](Lab &lab) { return lab.cli()(words); }};
}

const std::vector<Operation> operations{
    {"create", [](Lab &) {}, [](Lab &lab) { lab.cli().ok("link del bond0"); },
     [](Lab &lab) { return lab.cli()("link add bond0 type bond mode active-backup"); }},
    {"enslave", [](Lab &lab) { lab.cli().ok("link add bond0 type bond mode active-backup"); },
     [](Lab &lab) { lab.cli().ok("link set e0 nomaster"); },
     [](Lab &lab) { return lab.cli()("link set e0 master bond0"); }},
    {"release",
     [](Lab &lab) {
         lab.cli().ok("link add bond0 type bond mode active-backup");
         lab.cli().ok("link set e0 master bond0");
         lab.cli().ok("link set e1 master bond0");
     },
     [](Lab &lab) { lab.cli().ok("link set e1 master bond0"); },
     [](Lab &lab) { return lab.cli()("link set e1 nomaster"); }},
    {"apply", [](Lab &) {}, [](Lab &lab) { lab.cli().ok("link del bond0"); },
     [](Lab &lab) {
         return lab.cli().run({"apply", "-"}, config);
     }},
    {"delete",
     [](Lab &lab) {
         lab.cli().ok("link add bond0 type bond mode active-backup");
         lab.cli().ok("link set e0 master bond0");
     },
     [](Lab &lab) {
         lab.cli().ok("link add bond0 type bond mode active-backup");
         lab.cli().ok("link set e0 master bond0");
     },
     [](Lab &lab) { return lab.cli()("link del bond0"); }},
};

struct Fault {
    SyscallFault::Point where;
    int how;
    std::string text;
};

// The same part every time, whatever else is there: by what it is, not by its place in the list.
bool falls_on(const std::string &operation, const Fault &fault, unsigned one_of) {
    std::uint64_t hash = 14695981039346656037U ^ seed; // FNV-1a
    for (const char byte : operation + " " + fault.text) {
        hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211U;
    }
    return (hash >> 32) % one_of == 0;
}

std::vector<Fault> faults_of(const std::string &operation, const std::vector<SyscallFault::Point> &points,
                             unsigned one_of = one_in) {
    std::vector<Fault> all;
    for (const auto &point : points) {
        const std::string call = point.what + ", call " + std::to_string(point.nth);
        all.push_back({point, SyscallFault::kill, "killed at " + call});
        for (const int code : point.errnos) {
            all.push_back({point, code, std::string(strerrorname_np(code)) + " at " + call});
        }
    }
    std::erase_if(all, [&](const Fault &fault) { return !falls_on(operation, fault, one_of); });
    return all;
}

class Trial {
public:
    explicit Trial(Lab &lab) : lab_(lab) {}

    void run(const Operation &operation) {
        operation.prepare(lab_);
        old_ = state_of(lab_);
        fault_ = std::make_unique<SyscallFault>(lab_.daemon().pid());
        fault_->count();
        REQUIRE(operation.perform(lab_).ok());
        const auto points = fault_->disarm();
        new_ = state_of(lab_);
        REQUIRE(old_ != new_);
        back(operation);
        for (const auto &fault : faults_of(operation.name, points)) {
            inject(operation, fault);
        }
        std::cout << operation.name << ": " << points.size() << " calls, " << tried_ << " faults tried so far\n";
        fault_.reset();
    }
    unsigned tried() const { return tried_; }

private:
    void inject(const Operation &operation, const Fault &fault) {
        INFO(operation.name << ": " << fault.text);
        fault_->arm(fault.where, fault.how);
        const auto done = operation.perform(lab_);
        (void)fault_->disarm();
        ++tried_;
        if (fault.how == SyscallFault::kill && fault_->met()) {
            restart();
        }
        std::string now;
        const bool whole = wait_until(
            [&] {
                now = state_of(lab_);
                return now == old_ || now == new_;
            },
            3s, 20ms);
        INFO("before:\n"
             << old_ << "expected:\n"
             << new_ << "is:\n"
             << now << done.err << "log:\n"
             << tail(lab_.daemon().log()));
        CHECK(whole);
        if (whole && fault.how != SyscallFault::kill) {
            CHECK((now == new_) == done.ok());
        }
        if (whole && now == new_) {
            back(operation);
        } else if (!whole) {
            from_scratch(operation);
        }
    }

    void restart() {
        fault_.reset();
        end();
        lab_.daemon().start();
        fault_ = std::make_unique<SyscallFault>(lab_.daemon().pid());
    }

    void back(const Operation &operation) {
        operation.undo(lab_);
        const auto now = state_of(lab_);
        if (now != old_) {
            INFO("was:\n" << old_ << "is:\n" << now);
            CHECK(now == old_);
            from_scratch(operation);
        }
    }

    void from_scratch(const Operation &operation) {
        fault_.reset();
        end();
        const auto torn = lab_.daemon().run_to_end({"--teardown"});
        untouch();
        INFO(torn.err);
        REQUIRE(torn.ok());
        lab_.daemon().start();
        operation.prepare(lab_);
        REQUIRE(state_of(lab_) == old_);
        fault_ = std::make_unique<SyscallFault>(lab_.daemon().pid());
    }

    void untouch() const { // what was damaged harms no later trial
        if (lab_.ns().exists("d0")) {
            lab_.ns().ip("link set d0 promisc off");
        }
        for (const std::string name : {"e0", "e1"}) {
            lab_.ns().ip("link set " + name + " down mtu 1500 address " + macs_.at(name).str());
            lab_.ns().set_sysctl("net.ipv4.conf." + name + ".arp_ignore", "0");
        }
    }

    void end() const {
        if (lab_.daemon().running()) {
            lab_.daemon().kill9();
        }
    }

    Lab &lab_;
    std::map<std::string, xbond::MacAddr> macs_{{"e0", lab_.ns().mac("e0")}, {"e1", lab_.ns().mac("e1")}};
    std::unique_ptr<SyscallFault> fault_;
    std::string old_, new_;
    unsigned tried_ = 0;
};

void try_all(Lab &lab, const std::vector<Operation> &all) {
    const auto untouched = state_of(lab);
    const auto mac = lab.ns().mac("e0");
    Trial trial(lab);
    for (const auto &operation : all) {
        trial.run(operation);
        (void)lab.cli()("link del bond0");
        REQUIRE(state_of(lab) == untouched);
    }
    CHECK(trial.tried() > 0);
    lab.daemon().kill9();
    CHECK(lab.daemon().run_to_end({"--teardown"}).ok());
    CHECK(lab.ns().mac("e0") == mac);
}

} // namespace

TEST_CASE(XB_FAULTS "faults: a change is done whole or not at all, whichever call fails or is the last") {
    Lab lab(Kind::wires, 2);
    try_all(lab, operations);
}

TEST_CASE(XB_FAULTS "faults: options are set whole or not at all, whichever call fails or is the last") {
    Lab lab(Kind::wires, 2);
    try_all(lab,
            {by_words("options", {}, "link set bond0 type bond miimon 70", "link set bond0 type bond miimon 100")});
}

TEST_CASE(XB_FAULTS "faults: a port comes and goes whole or not at all, whichever call fails or is the last") {
    Lab lab(Kind::wires, 2);
    lab.ns().ip("link add d0 type bridge\nlink set d0 up"); // hears only its own, as a NIC does
    try_all(lab, {by_words("port add", {}, "port add bond0 d0", "port del bond0 d0"),
                  by_words("port del", {"port add bond0 d0"}, "port del bond0 d0", "port add bond0 d0")});
}

TEST_CASE(XB_FAULTS "faults: a bond's device moves whole or not at all, whichever call fails or is the last") {
    Lab lab(Kind::wires, 2);
    const NetNs other;
    const auto away = "link set bond0 netns " + other.path(), home = "link set bond0 netns " + lab.ns().path();
    try_all(lab, {by_words("move away", {}, away, home), by_words("move home", {away}, home, away)});
}

TEST_CASE(XB_FAULTS "faults: an XDP program is chained whole or not at all, whichever call fails or is the last") {
    Lab lab(Kind::wires, 2);
    const auto attach = "xdp attach bond0 " + object("drop");
    try_all(lab, {by_words("xdp attach", {}, attach, "xdp detach bond0"),
                  by_words("xdp detach", {attach}, "xdp detach bond0", attach)});
}

TEST_CASE(XB_FAULTS "faults: a bond is adopted or goes on as it was, whichever call of a start fails or is the last") {
    Lab lab(Kind::wires, 2);
    lab.cli().ok("link add bond0 type bond mode active-backup");
    for (const auto *slave : {"e0", "e1"}) {
        lab.cli().ok("link set " + std::string(slave) + " master bond0");
    }
    lab.cli().ok("link set bond0 up");
    REQUIRE(lab.wait_link("e1", "up"));
    const auto whole = state_of(lab);
    const auto start = [&](const SyscallFault::Point &where, int how) {
        if (lab.daemon().running()) {
            lab.daemon().kill9();
        }
        std::unique_ptr<SyscallFault> fault;
        (void)lab.daemon().start_watched([&](pid_t pid) {
            fault = std::make_unique<SyscallFault>(pid);
            fault->arm(where, how);
        });
        return fault->disarm();
    };
    const auto faults = faults_of("start", start({}, 0), one_in > 1 ? one_in * 4 : 1); // a second each
    REQUIRE(wait_until([&] { return state_of(lab) == whole; }));
    for (const auto &fault : faults) {
        INFO(fault.text);
        (void)start(fault.where, fault.how);
        const bool forwards = [&] {
            const Wires wires(lab, 2);
            Injector(lab.ns(), "bond0").send(udp_frame(0));
            return wires.wait_total(numbered_udp(), 1);
        }();
        CHECK(forwards);
        if (!lab.daemon().running()) {
            lab.daemon().start();
        }
        std::string now;
        const bool adopted = wait_until([&] { return (now = state_of(lab)) == whole; }, 8s, 50ms);
        INFO("expected:\n" << whole << "is:\n" << now << lab.daemon().log());
        REQUIRE(adopted);
    }
    std::cout << "start: " << faults.size() << " faults tried\n";
    lab.daemon().kill9();
    CHECK(lab.daemon().run_to_end({"--teardown"}).ok());
    CHECK_FALSE(lab.ns().exists("bond0"));
}
