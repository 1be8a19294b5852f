// SPDX-License-Identifier: MIT
#include "user/cli/doctor.h"

#include <algorithm>
#include <charconv>
#include <linux/magic.h>
#include <net/if.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "loader/hook/hook.h"
#include "loader/xdp/drivers.h"
#include "user/sys/device/ethtool.h"
#include "user/sys/netlink.h"
#include "user/sys/sysctl.h"

namespace xbond::cli {

using nlohmann::ordered_json;

namespace {

constexpr long small_backlog = 1000; // the kernel's default; a burst of small packets on one CPU overruns it

std::optional<long> sysctl_number(std::string_view path) {
    const auto text = sys::read_sysctl(path);
    long value = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{}) {
        return std::nullopt;
    }
    return value;
}

std::vector<Nic> nics() {
    std::vector<Nic> out;
    const auto ethtool = sys::Ethtool::open();
    auto *list = ::if_nameindex();
    if (!list || !ethtool) {
        return out;
    }
    for (auto *i = list; i->if_index != 0; ++i) {
        const std::string name = i->if_name, driver = ethtool->driver(i->if_index);
        if (name != "lo") {
            const auto &rule = loader::xdp_rule(driver);
            out.push_back({name, driver, rule.native, std::string(rule.reason)});
        }
    }
    ::if_freenameindex(list);
    return out;
}

bool on_bpffs(const char *path) {
    struct statfs fs {};
    return ::statfs(path, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

// What a missing feature costs: each has a next best.
std::string missing_feature_advice(const std::string &name) {
    if (name == "tcx") {
        return "clsact is used: a packet costs some 50 ns more. Linux 6.6 has tcx";
    }
    if (name == "carrier_kfunc") {
        return "carrier_probe_read is used if it is there: some 45 ns more a packet. Linux 6.12 has the kfuncs";
    }
    if (name == "carrier_probe_read") {
        return "matters only where carrier_kfunc is missing too: then a failover waits for the controller";
    }
    if (name == "bpf_timer") {
        return "no carrier watch: a link without traffic is noticed by netlink or the next miimon poll";
    }
    if (name == "freplace") {
        return "a NIC's XDP program cannot be shared: use xdp off where another program must have it";
    }
    if (name == "af_xdp") {
        return "slow protocols are read with packet sockets instead";
    }
    return "the next best is used";
}

Finding feature_finding(const Feature &f) {
    if (f.available) {
        return {Severity::ok, f.name, f.detail.empty() ? "available" : f.detail, ""};
    }
    return {Severity::note, f.name, "missing: " + f.detail, missing_feature_advice(f.name)};
}

const char *word(Severity s) {
    switch (s) {
    case Severity::ok:
        return "ok";
    case Severity::note:
        return "note";
    case Severity::warning:
        return "warning";
    case Severity::problem:
        return "problem";
    }
    return "?";
}

void assess_access(const DoctorFacts &facts, std::vector<Finding> &out) {
    if (facts.daemon) {
        out.push_back({Severity::ok, "xbondd", "answers at " + *facts.daemon, ""});
    } else {
        out.push_back({Severity::note, "xbondd", "none answers in this network namespace", "start one: xbondd"});
    }
    if (!facts.features.empty()) {
        return;
    }
    if (facts.root) {
        out.push_back({Severity::problem, "bpf", facts.detect_error,
                       "xbond needs CAP_BPF, CAP_NET_ADMIN and a kernel with CONFIG_BPF_SYSCALL"});
    } else {
        out.push_back({Severity::warning, "permission", "without root the kernel cannot be tried out",
                       "run xbond doctor as root, or start xbondd"});
    }
}

void assess_hooks(const DoctorFacts &facts, std::vector<Finding> &out) {
    for (const auto &kept : facts.kept_from) {
        for (const auto &what : kept.what) {
            if (kept.is_slave) {
                out.push_back({Severity::warning, kept.device, "xbond's hook keeps frames from " + what,
                               "put it on the bond's device"});
            } else {
                out.push_back({Severity::warning, kept.device, "visibility fast goes around " + what,
                               "xbond link set " + kept.device + " type bond visibility auto"});
            }
        }
    }
}

} // namespace

KeptFrom behind_the_hook(const std::string &slave) {
    KeptFrom found{slave, true, {}};
    const std::uint32_t ifindex = ::if_nametoindex(slave.c_str());
    auto netlink = sys::Netlink::open();
    if (ifindex == 0 || !netlink) {
        return found;
    }
    const auto filters =
        netlink->filters(ifindex, sys::Netlink::Side::ingress).value_or(std::vector<sys::FilterInfo>{});
    const auto ours = std::ranges::find(filters, loader::filter_priority, &sys::FilterInfo::priority); // without tcx
    for (auto filter = ours == filters.end() ? filters.begin() : ours; filter != filters.end(); ++filter) {
        const std::string text =
            "ingress filter " + filter->kind + " (priority " + std::to_string(filter->priority) + ")";
        if (filter->priority != loader::filter_priority && std::ranges::find(found.what, text) == found.what.end()) {
            found.what.push_back(text);
        }
    }
    for (const auto &program : loader::programs_behind_ours({ifindex, loader::Direction::ingress})) {
        found.what.push_back("tcx program " + program);
    }
    return found;
}

DoctorFacts gather(std::vector<Feature> features, std::optional<std::string> daemon) {
    DoctorFacts out;
    utsname uts{};
    ::uname(&uts);
    out.kernel = uts.release;
    out.root = ::geteuid() == 0;
    out.daemon = std::move(daemon);
    out.features = std::move(features);
    if (out.features.empty() && out.root) {
        if (auto detected = loader::detect_features()) {
            out.features = std::move(detected->list);
        } else {
            out.detect_error = detected.error().message;
        }
    }
    out.bpffs = on_bpffs("/sys/fs/bpf");
    struct stat st {};
    out.bpffs_is_open = ::stat("/sys/fs/bpf", &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    out.backlog = sysctl_number("core/netdev_max_backlog");
    out.jit = sysctl_number("core/bpf_jit_enable");
    out.nics = nics();
    return out;
}

std::vector<Finding> assess(const DoctorFacts &facts) {
    std::vector<Finding> out;
    assess_access(facts, out);
    assess_hooks(facts, out);
    for (const auto &f : facts.features) {
        out.push_back(feature_finding(f));
    }
    out.push_back(facts.bpffs ? Finding{Severity::ok, "bpffs", "mounted on /sys/fs/bpf", ""}
                              : Finding{Severity::note, "bpffs", "not mounted on /sys/fs/bpf here",
                                        "xbondd mounts it; by hand: mount -t bpf -o mode=0700 bpf /sys/fs/bpf"});
    if (facts.bpffs && facts.bpffs_is_open) {
        out.push_back({Severity::warning, "bpffs mode", "anybody may make directories on /sys/fs/bpf",
                       "chmod 0700 /sys/fs/bpf; when it is mounted: mount -t bpf -o mode=0700 bpf /sys/fs/bpf"});
    }
    if (facts.jit && *facts.jit == 0) {
        out.push_back({Severity::warning, "bpf_jit", "BPF programs are interpreted, several times slower",
                       "sysctl -w net.core.bpf_jit_enable=1"});
    }
    if (facts.backlog && *facts.backlog <= small_backlog) {
        out.push_back(
            {Severity::note, "netdev_max_backlog",
             std::to_string(*facts.backlog) + ": what slaves receive goes through a queue of that length on each CPU",
             "for bursts of small packets: sysctl -w net.core.netdev_max_backlog=10000"});
    }
    for (const auto &slave : facts.slaves) {
        if (slave.vlans == "promiscuous") {
            out.push_back({Severity::note, slave.name,
                           "hears everything, since its VLAN filter cannot be told of the VLANs of " + slave.bond +
                               ": " + slave.why,
                           "modprobe 8021q, if the kernel has no VLAN devices"});
        } else if (slave.vlans == "filter off") {
            out.push_back({Severity::ok, slave.name, "its VLAN filter is off for the VLANs of " + slave.bond, ""});
        } else if (slave.vlans == "filter set") {
            out.push_back({Severity::ok, slave.name, "its VLAN filter lets in the VLANs of " + slave.bond, ""});
        }
        if (!slave.not_by_xdp.empty()) {
            out.push_back({Severity::note, slave.name,
                           slave.bond + " has receive xdp, but its frames come by TC: " + slave.not_by_xdp, ""});
        }
    }
    return out;
}

std::vector<SlaveNic> slave_nics(const ordered_json &status) {
    std::vector<SlaveNic> out;
    for (const auto &bond : status.value("bonds", ordered_json::array())) {
        for (const auto &slave : bond.value("slaves", ordered_json::array())) {
            const auto nic = slave.value("nic", ordered_json::object());
            const auto receive = slave.value("receive", ordered_json::object());
            out.push_back({bond.value("name", ""), slave.value("name", ""), nic.value("vlans", ""),
                           nic.value("why", ""), receive.value("why", "")});
        }
    }
    return out;
}

bool usable(const std::vector<Finding> &findings) {
    return std::ranges::none_of(findings, [](const Finding &f) { return f.severity == Severity::problem; });
}

ordered_json doctor_json(const DoctorFacts &facts, const std::vector<Finding> &findings) {
    auto list = ordered_json::array(), nics = ordered_json::array();
    for (const auto &f : findings) {
        list.push_back(ordered_json{
            {"severity", word(f.severity)}, {"check", f.check}, {"detail", f.detail}, {"advice", f.advice}});
    }
    for (const auto &n : facts.nics) {
        nics.push_back(ordered_json{
            {"name", n.name}, {"driver", n.driver}, {"xdp_auto", n.native_xdp ? "native" : "off"}, {"why", n.reason}});
    }
    return {{"kernel", facts.kernel}, {"usable", usable(findings)}, {"findings", list}, {"nics", nics}};
}

std::string doctor_text(const DoctorFacts &facts, const std::vector<Finding> &findings) {
    std::string out = "kernel " + facts.kernel + "\n";
    for (const auto &f : findings) {
        const std::string severity = word(f.severity);
        out += severity + std::string(9 - severity.size(), ' ') + f.check + ": " + f.detail + "\n";
        out += f.advice.empty() ? "" : "         -> " + f.advice + "\n";
    }
    out += facts.nics.empty() ? "" : "interfaces under xdp auto\n";
    for (const auto &n : facts.nics) {
        out += "  " + n.name + " (" + (n.driver.empty() ? "driver unknown" : n.driver) +
               "): " + (n.native_xdp ? "native" : "off") + ", " + n.reason + "\n";
    }
    return out;
}

} // namespace xbond::cli
