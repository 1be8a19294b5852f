// SPDX-License-Identifier: MIT
// Tools that know the kernel's files only, unmodified; and many bonds.
#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>

#include "tests/netns/files/mounted.h"
#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

// The lines of a metric, from a page that an exporter serves.
std::string metric(const std::string &page, const std::string &name) {
    std::istringstream lines(page);
    std::string out;
    for (std::string line; std::getline(lines, line);) {
        out += line.starts_with(name + "{") ? line + "\n" : "";
    }
    return out;
}

} // namespace

TEST_CASE("files: Debian's prometheus-node-exporter counts slaves and active ones, and sees one go") {
    if (no_fuse() || !installed("prometheus-node-exporter")) {
        return;
    }
    Lab lab(Kind::bridge, 2);
    const Mounted files(lab.ns(), lab.daemon());
    lab.make_bond("mode active-backup miimon 50");
    Process exporter({"prometheus-node-exporter", "--path.procfs=" + (files.dir() / "proc").string(),
                      "--path.sysfs=" + (files.dir() / "sys").string(), "--collector.disable-defaults",
                      "--collector.bonding", "--web.listen-address=127.0.0.1:9100"},
                     lab.ns().fd());
    const auto page = [&] {
        return lab.ns()
            .run({"python3", "-c",
                  "import urllib.request as u;print(u.urlopen('http://127.0.0.1:9100/metrics').read().decode())"})
            .out;
    };
    INFO(exporter.err());
    REQUIRE(wait_until(
        [&] { return metric(page(), "node_bonding_slaves") == "node_bonding_slaves{master=\"bond0\"} 2\n"; }, 20s));
    CHECK(metric(page(), "node_bonding_active") == "node_bonding_active{master=\"bond0\"} 2\n");
    lab.network().cut("s1");
    CHECK(wait_until(
        [&] { return metric(page(), "node_bonding_active") == "node_bonding_active{master=\"bond0\"} 1\n"; }));
}

TEST_CASE("files: check scripts' ways of reading: split at colons, grep for what is down, awk for the active slave") {
    if (no_fuse()) {
        return;
    }
    Lab lab(Kind::bridge, 2);
    const Mounted files(lab.ns(), lab.daemon());
    lab.make_bond("mode active-backup miimon 50");
    const std::string proc = files.proc("bond0");
    lab.network().cut("s0");
    REQUIRE(lab.wait_active("e1"));
    REQUIRE(lab.wait_link("e0", "down"));
    const auto shell = [](const std::string &command) { return run({"sh", "-c", command}).out; };
    CHECK(shell("awk -F': ' '/Currently Active Slave/{print $2}' " + proc) == "e1\n");
    CHECK(shell("grep -c '^MII Status: down' " + proc) == "1\n");
    CHECK(shell("awk -F': ' '/^Slave Interface/{s=$2} /^MII Status: down/&&s{print s}' " + proc) == "e0\n");
    CHECK(shell("for f in " + files.net().string() + "/bond0/lower_*/bonding_slave/mii_status; do cat $f; done") ==
          "down\nup\n");
    CHECK(shell("ls -l " + files.file("mode").string()).starts_with("-rw-r--r-- 1 root root 4096 "));
    CHECK(shell("wc -l < " + proc).size() > 1);
    CHECK(shell("head -1 " + proc).starts_with("Ethernet Channel Bonding Driver: v"));
    CHECK(shell("tail -1 " + proc) == "Slave queue ID: 0\n");
    CHECK(shell("dd if=" + proc + " bs=7 status=none") == lab.cli().ok("proc bond0"));
    CHECK(shell("cp " + proc + " /dev/stdout") == lab.cli().ok("proc bond0"));
}

TEST_CASE("files: 64 bonds are listed, each is read, and the walk takes seconds at most") {
    if (no_fuse()) {
        return;
    }
    Lab lab(Kind::bridge, 0);
    const Mounted files(lab.ns(), lab.daemon());
    for (int n = 0; n < 64; ++n) {
        lab.cli().ok("link add b" + std::to_string(n) + " type bond mode active-backup");
    }
    const auto begin = Clock::now();
    const auto masters = split(text_of(files.net() / "bonding_masters"));
    REQUIRE(masters.size() == 64);
    for (const auto &name : masters) {
        std::ifstream mode(files.net() / name / "bonding/mode"), proc(files.proc(name));
        std::string word, line;
        CHECK((mode >> word && word == "active-backup"));
        CHECK(std::getline(proc, line));
    }
    CHECK(run({"ls", files.dir() / "proc/net/bonding"}).out.size() > 64 * 3);
    const auto took = Clock::now() - begin;
    std::cout << "128 files of 64 bonds in " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count()
              << " ms\n";
    CHECK(took < 20s);
}
