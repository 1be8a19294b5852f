// SPDX-License-Identifier: MIT
#include "tests/harness/netns.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "tests/harness/sandbox.h"
#include "tests/harness/throw_errno.h"

namespace xbond::harness {
namespace {

void in_thread(const std::function<void()> &body) {
    std::exception_ptr failure;
    std::thread([&] {
        try {
            body();
        } catch (...) {
            failure = std::current_exception();
        }
    }).join();
    if (failure) {
        std::rethrow_exception(failure);
    }
}

std::string sysctl_path(std::string key) {
    std::replace(key.begin(), key.end(), '.', '/');
    return "/proc/sys/" + key;
}

void write_sysctl(const std::string &key, const std::string &value) {
    std::ofstream file(sysctl_path(key));
    file << value << std::flush;
    if (!file) {
        throw std::runtime_error("cannot write sysctl " + key);
    }
}

} // namespace

void enter_fresh_netns() {
    check(unshare(CLONE_NEWNET) == 0, "unshare(CLONE_NEWNET)");
    Devices().set_up("lo", true);
    for (const char *which : {"all", "default"}) { // no address detection, no membership reports
        write_sysctl(std::string("net.ipv6.conf.") + which + ".disable_ipv6", "1");
    }
}

PrivateNetns::PrivateNetns() : home_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    entered_ = unshare(CLONE_NEWNET) == 0;
    if (!entered_) {
        std::puts("SKIPPED: may not make a network namespace");
    }
}

PrivateNetns::~PrivateNetns() {
    if (entered_ && setns(home_.get(), CLONE_NEWNET) != 0) {
        std::abort(); // never let the next test touch what it should not
    }
}

NetNs::NetNs() {
    enter_sandbox();
    in_thread([&] {
        enter_fresh_netns();
        fd_ = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
        check(bool(fd_), "open the new network namespace");
        devices_.emplace();
    });
}

std::string NetNs::path() const { return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_.get()); }

std::uint64_t NetNs::inode() const {
    struct stat st {};
    if (fstat(fd_.get(), &st) != 0) {
        throw_errno("fstat of the network namespace");
    }
    return st.st_ino;
}

CommandResult NetNs::run(const Argv &argv, const std::string &input) const {
    return harness::run(argv, fd_.get(), input);
}

void NetNs::ip(const std::string &lines) const {
    const auto result = run({"ip", "-batch", "-"}, lines + "\n");
    if (!result.ok()) {
        throw std::runtime_error("ip: " + result.err + "in:\n" + lines);
    }
}

nlohmann::json NetNs::ip_json(const std::string &arguments) const {
    const auto result = run(split("ip -d -s -j " + arguments));
    if (!result.ok()) {
        throw std::runtime_error("ip " + arguments + ": " + result.err);
    }
    return nlohmann::json::parse(result.out);
}

nlohmann::json NetNs::link(const std::string &ifname) const { return ip_json("link show dev " + ifname).at(0); }

void NetNs::inside(const std::function<void()> &body) const {
    in_thread([&] {
        if (setns(fd_.get(), CLONE_NEWNET) != 0) {
            throw_errno("setns");
        }
        body();
    });
}

void NetNs::veth(const std::string &name, const NetNs &peer_ns, const std::string &peer_name) const {
    ip("link add " + name + " type veth peer name " + peer_name + " netns " + peer_ns.path());
}

bool NetNs::carrier(const std::string &ifname) const {
    const auto all = link(ifname).at("flags");
    return std::find(all.begin(), all.end(), "LOWER_UP") != all.end();
}

std::string NetNs::sysctl(const std::string &key) const {
    std::string value;
    inside([&] {
        std::ifstream file(sysctl_path(key));
        if (!std::getline(file, value)) {
            throw std::runtime_error("cannot read sysctl " + key);
        }
    });
    return value;
}

void NetNs::set_sysctl(const std::string &key, const std::string &value) const {
    inside([&] { write_sysctl(key, value); });
}

} // namespace xbond::harness
