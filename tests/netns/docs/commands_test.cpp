// SPDX-License-Identifier: MIT
// Every block of commands in the documents, run on a machine of its own: three NICs at a switch, a controller, the
// kernel's files below /run/xbond. What cannot run there says why in the document. README.zh-CN.md has a test of its
// own, tests/netns/files/procedure_test.cpp.
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <sstream>
#include <sys/mount.h>
#include <system_error>

#include "tests/docs/options_page.h"
#include "tests/docs/pages.h"
#include "tests/netns/files/mounted.h"
#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
namespace fs = std::filesystem;
namespace docs = xbond::test::docs;
using Kind = Switch::Kind;

namespace {

void write(const fs::path &path, const std::string &text, bool executable = false) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    fs::permissions(path, fs::perms(executable ? 0755 : 0644));
}

class Machine {
public:
    Machine() : sw_(Kind::bridge), host_(sw_, 0), daemon_(host_.ns()) {
        for (int n = 0; n < 3; ++n) {
            const auto name = "eth" + std::to_string(n), port = "s" + std::to_string(n);
            host_.ns().veth(name, sw_.ns(), port);
            sw_.add_port(port);
        }
        sw_.ns().ip("addr add 192.0.2.1/24 dev br0\nlink set br0 up");
        write(etc() / "group", "root:x:0:\nquant:x:4711:\n");
        write(etc() / "network/interfaces", "auto bond7\niface bond7 inet static\n  address 192.0.2.7/24\n"
                                            "  bond-mode active-backup\n  bond-slaves eth0 eth1\n");
        // In the test's mount namespace, for xbondd as well.
        mount_on("/etc/group", (etc() / "group").c_str(), nullptr, MS_BIND);
        mount_on("/sys/fs/bpf", "bpf", "bpf", 0);
        daemon_.start();
        // Where they are on a machine: the control socket of its namespace. /run is this test's.
        const fs::path own = fs::path("/run/xbond") / std::to_string(host_.ns().inode());
        fs::create_directories(own);
        fs::create_symlink(daemon_.socket(), own / "control");
        write(bin() / "sudo", "#!/bin/sh\nexec \"$@\"\n", true);
        write(bin() / "xbondd", "#!/bin/sh\nexit 0 # it runs already\n", true);
        fs::create_directories(work() / "build/release");
        fs::create_symlink(fs::path(program("xbond")).parent_path(), work() / "build/release/bin");
        fs::create_directory(daemon_.dir() / "sbin");
    }
    Machine(const Machine &) = delete;
    Machine &operator=(const Machine &) = delete;
    ~Machine() {
        ::umount2("/sys/fs/bpf", MNT_DETACH);
        ::umount2("/etc/group", MNT_DETACH);
    }

    // Bash with its own /etc and /usr/local/sbin; the first command that fails ends it.
    CommandResult shell(const std::string &script) const {
        const std::string begin =
            "mount --bind " + etc().string() + " /etc && mount --bind " + (daemon_.dir() / "sbin").string() +
            " /usr/local/sbin || exit 1; PATH=" + bin().string() + ":" +
            fs::path(program("xbond")).parent_path().string() + ":$PATH; cd " + work().string() + "; set -e; ";
        return host_.ns().run({"unshare", "--mount", "bash", "-c", begin + "eval \"$0\"", script});
    }
    fs::path work() const { return daemon_.dir() / "work"; }
    Cli cli() const { return daemon_.cli(); }
    const NetNs &ns() const { return host_.ns(); }
    const Switch &network() const { return sw_; }
    const harness::Daemon &daemon() const { return daemon_; }
    std::string active_slave() const {
        const auto bond = cli().json("status bond0")["bonds"][0];
        return bond["active_slave"].is_string() ? bond["active_slave"].get<std::string>() : "";
    }
    std::size_t links_up() const { // of the slaves of all bonds
        std::size_t up = 0;
        const auto status = cli().json("status");
        for (const auto &bond : status["bonds"]) {
            for (const auto &slave : bond["slaves"]) {
                up += slave["link"] == "up" ? 1 : 0;
            }
        }
        return up;
    }
    bool wait_up(std::size_t slaves) const {
        return wait_until([&] { return links_up() == slaves; });
    }

private:
    fs::path etc() const { return daemon_.dir() / "etc"; }
    fs::path bin() const { return daemon_.dir() / "bin"; }
    static void mount_on(const char *where, const char *what, const char *type, unsigned long flags) {
        if (::mount(what, where, type, flags, nullptr) != 0) {
            throw std::system_error(errno, std::generic_category(), std::string("mount ") + where);
        }
    }

    Switch sw_;
    Host host_;
    harness::Daemon daemon_;
};

// What is the same each time and everywhere: without numbers, addresses and the widths that follow from them, and
// without what depends on the kernel.
std::string shape(const std::string &text) {
    auto out = std::regex_replace(text, std::regex("kernel [^,]+"), "kernel N");
    out = std::regex_replace(out, std::regex("data path: \\w+, carrier check \\w+"), "data path");
    out = std::regex_replace(out, std::regex("([0-9a-f]{2}:){5}[0-9a-f]{2}"), "MAC");
    out = std::regex_replace(out, std::regex("\\b[0-9]+(\\.[0-9]+)*\\b"), "N");
    return std::regex_replace(out, std::regex(" +"), " ");
}

// Of a status the history may have more than its sample shows; the rest is the same, line for line.
bool same(const std::string &sample, const std::string &printed) {
    std::istringstream wanted(shape(sample)), there(shape(printed));
    bool history = false;
    for (std::string line, next; std::getline(wanted, line);) {
        do {
            if (!std::getline(there, next)) {
                return false;
            }
        } while (history && next != line);
        if (next != line) {
            return false;
        }
        history = history || line == " last changes";
    }
    std::string more;
    return history || !std::getline(there, more);
}

void lose_eth1(const Machine &machine) {
    REQUIRE(machine.wait_up(2));
    REQUIRE(machine.active_slave() == "eth1");
    REQUIRE(machine.ns().run({"ping", "-c", "20", "-i", "0.002", "192.0.2.1"}).ok());
    machine.network().cut("s1");
    REQUIRE(wait_until([&] { return machine.active_slave() == "eth2" && machine.links_up() == 1; }));
    REQUIRE(machine.ns().run({"ping", "-c", "20", "-i", "0.002", "192.0.2.1"}).ok());
}

// What a page takes to be there before a block: the word behind the language, ```sh WORD.
void bring_about(const Machine &machine, const std::string &state) {
    static const std::map<std::string, std::string> commands{
        {"", ""},
        {"with-bond0", ""},
        {"with-guests", "for n in 7 8; do ip link add veth$n type veth peer name guest$n; ip link set veth$n up; done"},
        {"with-blue", "ip netns add blue"},
        {"with-filter", "cp " XBOND_TEST_FILTER " filter.o"},
    };
    if (state == "eth1-lost") {
        lose_eth1(machine);
        return;
    }
    REQUIRE(commands.contains(state));
    if (!state.empty() && !machine.ns().exists("bond0")) {
        machine.cli().ok("link add bond0 up type bond mode active-backup miimon 20");
        machine.cli().ok("link set eth0 master bond0 up");
        machine.cli().ok("link set eth1 master bond0 up");
        REQUIRE(machine.wait_up(2));
    }
    const auto done =
        machine.ns().run({"bash", "-e", "-c", "cd " + machine.work().string() + "; " + commands.at(state)});
    INFO(done.err);
    REQUIRE(done.ok());
}

// "$ COMMAND" and what it prints.
void check_sample(const Machine &machine, const docs::Block &block) {
    bring_about(machine, block.kind);
    const auto line = block.text.substr(0, block.text.find('\n'));
    REQUIRE(line.starts_with("$ "));
    const auto done = machine.shell(line.substr(2));
    INFO(done.err);
    REQUIRE(done.ok());
    const auto printed = line + "\n" + done.out;
    if (!same(block.text, printed)) {
        docs::check_block(block, printed);
    }
}

// A request and its reply in turn.
void check_exchange(const Machine &machine, const docs::Block &block) {
    ControlClient client(machine.daemon().socket());
    std::istringstream lines(block.text);
    for (std::string request, reply; std::getline(lines, request) && std::getline(lines, reply);) {
        INFO(request);
        const auto answer = client.exchange(request + "\n");
        REQUIRE(answer);
        CHECK(nlohmann::json::parse(*answer) == nlohmann::json::parse(reply));
    }
}

void check_config(const Machine &machine, const docs::Block &block) {
    write(machine.work() / "FILE", block.text);
    const auto done = machine.shell("xbond apply FILE");
    INFO(done.err);
    CHECK(done.out == "nothing to change\n"); // "the same bond as a file"
}

// A line is one command, or more; the first that fails is told.
void check_commands(const Machine &machine, const docs::Block &block) {
    bring_about(machine, block.kind);
    const auto done = machine.shell(block.text);
    INFO(done.out << done.err);
    CHECK(done.ok());
}

bool runs(const docs::Block &block) {
    const bool config = block.language == "json" && block.kind == "config" && block.page == "README.md";
    return block.not_run.empty() && block.page != "README.zh-CN.md" &&
           (block.language == "sh" || block.language == "console" || block.kind == "exchange" || config);
}

} // namespace

TEST_CASE("docs: the commands of every page do what they are there for, and its samples are what is printed") {
    std::size_t run = 0;
    for (const auto &page : docs::pages()) {
        auto blocks = docs::blocks(page);
        std::erase_if(blocks, [](const docs::Block &block) { return !runs(block); });
        if (blocks.empty()) {
            continue;
        }
        const Machine machine;
        for (const auto &block : blocks) {
            INFO(block.where());
            ++run;
            if (block.language == "sh") {
                check_commands(machine, block);
            } else if (block.language == "console") {
                check_sample(machine, block);
            } else {
                block.kind == "exchange" ? check_exchange(machine, block) : check_config(machine, block);
            }
        }
    }
    CHECK(run >= 11);
}

TEST_CASE("docs/options.md: every option is taken as it is written there, on the command line and in its file") {
    const Machine machine;
    const bool files = !no_fuse();
    std::optional<Mounted> mounted;
    if (files) {
        mounted.emplace(machine.ns(), machine.daemon());
    }
    for (const auto &mode : core::mode_table) {
        machine.cli().ok("link add bond0 type bond mode " + std::string(mode.keyword));
        for (const auto &option : docs::written_options()) {
            const auto *row = core::find_option(option.name);
            bool first = true; // each in the first mode that knows it
            for (const auto &other : core::mode_table) {
                first = first && (other.mode >= mode.mode || !row->modes.contains(other.mode));
            }
            if (!first || !row->modes.contains(mode.mode)) {
                continue;
            }
            INFO(option.words);
            const bool of_slave = option.name == "active_slave" || option.name == "queue_id";
            if (of_slave) {
                machine.cli().ok("link set eth0 master bond0 up");
                machine.cli().ok("link set bond0 up");
                CHECK(machine.wait_up(1));
            }
            const auto done = machine.cli().run({"link", "set", "bond0", "type", "bond", option.name, option.value});
            INFO(done.err);
            CHECK(done.ok());
            for (const auto &[file, text] : option.files) {
                INFO(file);
                if (text.starts_with('+')) { // it is there already
                    machine.cli().ok("link set bond0 type bond " + option.name + " -" + option.value);
                }
                CHECK((!files || put(mounted->file(file), text + "\n") == 0));
            }
            if (of_slave) {
                machine.cli().ok("link set eth0 nomaster down");
                machine.cli().ok("link set bond0 down");
            }
        }
        machine.cli().ok("link del bond0");
    }
}

TEST_CASE("docs/command-line.md: each exit code comes of what it says") {
    const Machine machine;
    const auto cli = machine.cli();
    CHECK(cli("status").exit_code == 0);
    CHECK(cli("link del bond0").exit_code == 1);
    CHECK(cli("link del").exit_code == 2);
    CHECK(cli("status --no-such-option").exit_code == 2);
    const auto xbond = [&](const std::string &words) {
        return machine.ns().run(split(program("xbond") + " " + words));
    };
    CHECK(xbond("--socket /run/nobody/control status").exit_code == 3);
    fs::permissions(machine.daemon().dir(), fs::perms(0755)); // as /run/xbond is
    const auto socket = " --socket " + machine.daemon().socket().string();
    const auto nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups " + program("xbond") + socket;
    CHECK(machine.ns().run(split(nobody + " status")).exit_code == 0);
    CHECK(machine.ns().run(split(nobody + " link add bond0 type bond")).exit_code == 4);
}
