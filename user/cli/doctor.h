// SPDX-License-Identifier: MIT
// What this kernel and these NICs can do for xbond, and what to do about it. Gathering and judging are apart, so that
// the judgement is tested without a machine that has the trouble.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "loader/features.h"
#include "xbond/result.h"

namespace xbond::cli {

struct Nic {
    std::string name, driver;
    bool native_xdp = false; // what `xdp auto` does
    std::string reason;
};

struct SlaveNic { // as the daemon says
    std::string bond, name;
    std::string vlans; // how it lets in the bond's VLANs
    std::string why;
    std::string not_by_xdp; // what keeps `receive xdp` from it; empty: nothing, or it was not asked for
};

struct KeptFrom { // what is on a device and does not meet the bond's frames, in words
    std::string device;
    bool is_slave = false; // else a bond whose visibility is fast
    std::vector<std::string> what;
};

struct DoctorFacts {
    std::string kernel;
    bool root = false;
    std::optional<std::string> daemon; // socket of the daemon that answered
    std::vector<Feature> features;
    std::string detect_error;    // why there are none
    bool bpffs = false;          // on /sys/fs/bpf
    bool bpffs_is_open = false;  // anybody may write there
    std::optional<long> backlog; // net.core.netdev_max_backlog; none: not visible in this namespace
    std::optional<long> jit;     // net.core.bpf_jit_enable
    std::vector<Nic> nics;
    std::vector<SlaveNic> slaves; // of the daemon's bonds
    std::vector<KeptFrom> kept_from;
};

enum class Severity { ok, note, warning, problem };

struct Finding {
    Severity severity = Severity::ok;
    std::string check;  // "tcx", "bpffs", ...
    std::string detail; // what is so
    std::string advice; // what to do; empty: nothing
};

// `features`: of the running daemon; without them they are tried out, which needs root.
DoctorFacts gather(std::vector<Feature> features, std::optional<std::string> daemon);
std::vector<SlaveNic> slave_nics(const nlohmann::ordered_json &status);
// Ingress filters and programs of a slave that stand behind xbond's hook. Programs are told to root only.
KeptFrom behind_the_hook(const std::string &slave);
std::vector<Finding> assess(const DoctorFacts &);
bool usable(const std::vector<Finding> &); // no problem among them

nlohmann::ordered_json doctor_json(const DoctorFacts &, const std::vector<Finding> &);
std::string doctor_text(const DoctorFacts &, const std::vector<Finding> &);

} // namespace xbond::cli
