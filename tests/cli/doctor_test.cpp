// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "user/cli/doctor.h"

using namespace xbond::cli;

namespace {

DoctorFacts healthy() {
    DoctorFacts f;
    f.kernel = "6.18";
    f.root = true;
    f.daemon = "/run/xbond/1/control";
    f.features = {{"tcx", true, ""}, {"carrier_kfunc", true, ""}};
    f.bpffs = true;
    f.backlog = 10000;
    f.jit = 1;
    f.nics = {{"eth0", "igb", true, "physical NIC"}, {"v0", "veth", false, "copies every skb"}};
    return f;
}

const Finding *find(const std::vector<Finding> &findings, const std::string &check) {
    for (const auto &f : findings) {
        if (f.check == check) {
            return &f;
        }
    }
    return nullptr;
}

} // namespace

TEST_CASE("doctor: a healthy machine has nothing to do") {
    const auto findings = assess(healthy());
    CHECK(usable(findings));
    for (const auto &f : findings) {
        INFO(f.check);
        CHECK(f.severity == Severity::ok);
        CHECK(f.advice.empty());
    }
}

TEST_CASE("doctor: each trouble is found, weighed, and told what to do about") {
    auto facts = healthy();
    facts.features[0] = {"tcx", false, "EINVAL"};
    facts.daemon.reset();
    facts.bpffs = false;
    facts.backlog = 1000;
    facts.jit = 0;
    const auto findings = assess(facts);
    CHECK(usable(findings));
    for (const char *check : {"xbondd", "tcx", "bpffs", "netdev_max_backlog", "bpf_jit"}) {
        INFO(check);
        const auto *f = find(findings, check);
        REQUIRE(f);
        CHECK(f->severity != Severity::ok);
        CHECK_FALSE(f->advice.empty());
    }
    CHECK(find(findings, "bpf_jit")->severity == Severity::warning);
    CHECK(find(findings, "tcx")->detail == "missing: EINVAL");
}

TEST_CASE("doctor: a slave that hears everything for its VLANs is told of, with the reason") {
    auto facts = healthy();
    const auto status = nlohmann::ordered_json::parse(R"({"bonds":[{"name":"bond0","slaves":[
        {"name":"eth1","nic":{"vlans":"promiscuous","why":"no VLAN devices"}},
        {"name":"eth2","nic":{"vlans":"filter set","why":""}}, {"name":"eth3"}]}]})");
    facts.slaves = slave_nics(status);
    REQUIRE(facts.slaves.size() == 3);
    const auto findings = assess(facts);
    CHECK(usable(findings));
    const auto *heard = find(findings, "eth1");
    REQUIRE(heard);
    CHECK(heard->severity == Severity::note);
    CHECK(heard->detail.find("bond0: no VLAN devices") != std::string::npos);
    REQUIRE(find(findings, "eth2"));
    CHECK(find(findings, "eth2")->severity == Severity::ok);
    CHECK(find(findings, "eth3") == nullptr);
}

TEST_CASE("doctor: a slave whose frames do not come by XDP is told of with the reason, where that was asked for") {
    auto facts = healthy();
    facts.slaves = slave_nics(nlohmann::ordered_json::parse(R"({"bonds":[{"name":"bond0","slaves":[
        {"name":"eth1","receive":{"by":"tc","why":"its driver has no XDP"}},
        {"name":"eth2","receive":{"by":"xdp","why":""}}, {"name":"eth3","receive":{"by":"tc","why":""}}]}]})"));
    const auto findings = assess(facts);
    CHECK(usable(findings));
    REQUIRE(find(findings, "eth1"));
    CHECK(find(findings, "eth1")->severity == Severity::note);
    CHECK(find(findings, "eth1")->detail == "bond0 has receive xdp, but its frames come by TC: its driver has no XDP");
    CHECK(find(findings, "eth2") == nullptr);
    CHECK(find(findings, "eth3") == nullptr);
}

TEST_CASE("doctor: a bpffs that anybody may write in is told of, with what to do") {
    auto facts = healthy();
    facts.bpffs_is_open = true;
    const auto findings = assess(facts);
    REQUIRE(find(findings, "bpffs mode"));
    CHECK(find(findings, "bpffs mode")->severity == Severity::warning);
    CHECK(find(findings, "bpffs mode")->advice.find("mode=0700") != std::string::npos);
    facts.bpffs = false;
    CHECK_FALSE(find(assess(facts), "bpffs mode"));
    CHECK(find(assess(facts), "bpffs")->advice.find("mode=0700") != std::string::npos);
}

TEST_CASE("doctor: what meets no frames is named, on a bond and on a slave") {
    auto facts = healthy();
    facts.kept_from = {{"bond0", false, {"root qdisc htb"}}, {"eth0", true, {"tcx program log", "tcx program count"}}};
    const auto findings = assess(facts);
    CHECK(usable(findings));
    const auto *bond = find(findings, "bond0");
    REQUIRE(bond);
    CHECK(bond->severity == Severity::warning);
    CHECK(bond->detail == "visibility fast goes around root qdisc htb");
    CHECK(bond->advice == "xbond link set bond0 type bond visibility auto");
    const auto *slave = find(findings, "eth0");
    REQUIRE(slave);
    CHECK(slave->detail == "xbond's hook keeps frames from tcx program log");
    CHECK(findings.size() == assess(healthy()).size() + 3);
}

TEST_CASE("doctor: without BPF xbond is not usable, without root it cannot say") {
    auto facts = healthy();
    facts.features.clear();
    facts.detect_error = "cannot load a BPF program";
    CHECK_FALSE(usable(assess(facts)));
    CHECK(find(assess(facts), "bpf")->detail == "cannot load a BPF program");
    facts.root = false;
    CHECK(usable(assess(facts)));
    CHECK(find(assess(facts), "permission")->severity == Severity::warning);
}

TEST_CASE("doctor: namespaces that do not see the sysctls get no advice on them") {
    auto facts = healthy();
    facts.backlog.reset();
    facts.jit.reset();
    CHECK_FALSE(find(assess(facts), "netdev_max_backlog"));
    CHECK_FALSE(find(assess(facts), "bpf_jit"));
}

TEST_CASE("doctor: JSON and text") {
    const auto facts = healthy();
    const auto json = doctor_json(facts, assess(facts));
    CHECK(json["usable"] == true);
    CHECK(json["findings"][0]["check"] == "xbondd");
    CHECK(json["nics"].dump() == R"([{"name":"eth0","driver":"igb","xdp_auto":"native","why":"physical NIC"},)"
                                 R"({"name":"v0","driver":"veth","xdp_auto":"off","why":"copies every skb"}])");
    CHECK(doctor_text(facts, assess(facts)).find("  v0 (veth): off, copies every skb\n") != std::string::npos);
}
