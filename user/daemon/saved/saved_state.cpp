// SPDX-License-Identifier: MIT
#include "user/daemon/saved/saved_state.h"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

#include "common/fd.h"
#include "user/daemon/saved/saved_options.h"

namespace xbond::daemon {
namespace {

using json = nlohmann::json;

constexpr int state_version = 3;
constexpr const char *file_name = "state.json";

template <std::size_t n> json list_of(const std::array<Time, n> &times) {
    json list = json::array();
    for (const Time t : times) {
        list.push_back(t.count());
    }
    return list;
}

json to_json(const core::Slave &s) {
    json out = {{"slot", s.slot},
                {"ifindex", s.ifindex},
                {"name", s.name},
                {"perm_mac", s.perm_mac.str()},
                {"mac", s.mac.str()},
                {"running", s.running},
                {"carrier", s.carrier},
                {"speed", s.speed},
                {"duplex", s.duplex},
                {"link", static_cast<int>(s.link)},
                {"mii", static_cast<int>(s.mii)},
                {"arp", static_cast<int>(s.arp)},
                {"reason", s.reason},
                {"last_rx", s.last_rx.count()},
                {"last_tx", s.last_tx.count()},
                {"target_rx", list_of(s.target_rx)},
                {"delay", s.delay},
                {"failures", s.failures},
                {"backup", s.backup},
                {"inactive", s.inactive},
                {"last_link_up", s.last_link_up.count()}};
    save_slave_options(out, s);
    return out;
}

MacAddr mac_of(const json &j) {
    auto mac = MacAddr::parse(j.get_ref<const std::string &>());
    if (!mac) {
        throw std::invalid_argument("not a MAC address: " + j.dump());
    }
    return *mac;
}

SlotId slot_of(const json &j) {
    const auto slot = j.get<unsigned>();
    if (slot >= XB_MAX_SLAVES && slot != no_slot) {
        throw std::invalid_argument("not a slot: " + j.dump());
    }
    return static_cast<SlotId>(slot);
}

Time time_of(const json &j) { return Time(j.get<std::int64_t>()); }

core::Link link_of(const json &j) { return static_cast<core::Link>(j.get<unsigned>() & 3U); }

core::Slave slave_of(const json &j) {
    core::Slave s;
    s.slot = slot_of(j.at("slot"));
    s.ifindex = j.at("ifindex");
    s.name = j.at("name");
    s.perm_mac = mac_of(j.at("perm_mac"));
    s.mac = mac_of(j.at("mac"));
    s.running = j.at("running");
    s.carrier = j.at("carrier");
    s.speed = j.at("speed");
    s.duplex = j.at("duplex");
    s.link = link_of(j.at("link"));
    s.mii = link_of(j.at("mii"));
    s.arp = link_of(j.at("arp"));
    s.reason = j.at("reason");
    s.last_rx = time_of(j.at("last_rx"));
    s.last_tx = time_of(j.at("last_tx"));
    std::ranges::transform(j.at("target_rx").get<std::array<std::int64_t, XB_MAX_TARGETS>>(), s.target_rx.begin(),
                           [](std::int64_t ns) { return Time(ns); });
    s.delay = j.at("delay");
    s.failures = j.at("failures");
    s.backup = j.at("backup");
    s.inactive = j.at("inactive");
    load_slave_options(j, s);
    s.last_link_up = time_of(j.at("last_link_up"));
    return s;
}

json to_json(const SlaveOriginal &o) {
    json multicast = json::array();
    for (const auto &mac : o.multicast) {
        multicast.push_back(mac.str());
    }
    return {{"name", o.name},      {"ifindex", o.ifindex}, {"mac", o.mac.str()},     {"mtu", o.mtu},
            {"up", o.up},          {"promisc", o.promisc}, {"allmulti", o.allmulti}, {"multicast", multicast},
            {"sysctls", o.sysctls}};
}

SlaveOriginal original_of(const json &j) {
    SlaveOriginal o;
    o.name = j.at("name");
    o.ifindex = j.at("ifindex");
    o.mac = mac_of(j.at("mac"));
    o.mtu = j.at("mtu");
    o.up = j.at("up");
    o.promisc = j.at("promisc");
    o.allmulti = j.at("allmulti");
    for (const auto &mac : j.at("multicast")) {
        o.multicast.push_back(mac_of(mac));
    }
    o.sysctls = j.at("sysctls");
    return o;
}

json to_json(const SavedController &bond) {
    json slaves = json::array(), originals = json::array();
    for (const auto &slave : bond.core.slaves) {
        slaves.push_back(to_json(slave));
    }
    for (const auto &original : bond.originals) {
        originals.push_back(to_json(original));
    }
    return {{"name", bond.core.name},
            {"ifindex", bond.ifindex},
            {"peer", bond.peer},
            {"mtu", bond.mtu},
            {"options", saved_options(bond.core.options)},
            {"mac", bond.core.mac.str()},
            {"mac_is_random", bond.core.mac_is_random},
            {"admin_up", bond.core.admin_up},
            {"active", bond.core.active},
            {"primary", bond.core.primary},
            {"force_primary", bond.core.force_primary},
            {"pending_notif", bond.core.pending_notif},
            {"pending_rejoin", bond.core.pending_rejoin},
            {"candidate", bond.core.candidate},
            {"aggregation_carrier", bond.core.aggregation_carrier},
            {"slaves", slaves},
            {"originals", originals}};
}

SavedController controller_of(const json &j) {
    SavedController bond;
    bond.core.name = j.at("name");
    bond.ifindex = j.at("ifindex");
    bond.peer = j.at("peer");
    bond.mtu = j.at("mtu");
    bond.core.options = options_of(j.at("options"));
    bond.core.mac = mac_of(j.at("mac"));
    bond.core.mac_is_random = j.at("mac_is_random");
    bond.core.admin_up = j.at("admin_up");
    bond.core.active = slot_of(j.at("active"));
    bond.core.primary = slot_of(j.at("primary"));
    bond.core.force_primary = j.at("force_primary");
    bond.core.pending_notif = j.at("pending_notif");
    bond.core.pending_rejoin = j.at("pending_rejoin");
    bond.core.candidate = slot_of(j.at("candidate"));
    bond.core.aggregation_carrier = j.at("aggregation_carrier");
    for (const auto &slave : j.at("slaves")) {
        bond.core.slaves.push_back(slave_of(slave));
    }
    for (const auto &original : j.at("originals")) {
        bond.originals.push_back(original_of(original));
    }
    return bond;
}

Error io_error(const std::filesystem::path &path, const char *what) {
    const int code = errno;
    return {code, std::string(what) + " " + path.string() + ": " + std::strerror(code)};
}

} // namespace

std::string boot_id() {
    std::ifstream in("/proc/sys/kernel/random/boot_id");
    std::string id;
    in >> id;
    return id;
}

Result<void> save_state(const std::filesystem::path &dir, const SavedState &state) {
    std::error_code ec;
    std::filesystem::create_directories(dir, ec);
    json bonds = json::array();
    for (const auto &bond : state.bonds) {
        bonds.push_back(to_json(bond));
    }
    const std::string text = json{{"version", state_version}, {"boot_id", state.boot_id}, {"bonds", bonds}}.dump(1);
    const auto path = dir / file_name;
    auto fresh = path;
    fresh += ".new";
    Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd) {
        return tl::unexpected(io_error(fresh, "cannot write"));
    }
    for (std::size_t done = 0; done < text.size();) {
        const auto n = ::write(fd.get(), text.data() + done, text.size() - done);
        if (n < 0) {
            return tl::unexpected(io_error(fresh, "cannot write"));
        }
        done += static_cast<std::size_t>(n);
    }
    if (::fsync(fd.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) {
        return tl::unexpected(io_error(path, "cannot replace"));
    }
    return {};
}

void forget_state(const std::filesystem::path &dir) {
    std::error_code ec;
    std::filesystem::remove(dir / file_name, ec);
    std::filesystem::remove(dir, ec);
}

Result<SavedState> load_state(const std::filesystem::path &dir) {
    SavedState state;
    state.boot_id = boot_id();
    const auto path = dir / file_name;
    std::ifstream in(path);
    if (!in) {
        return state;
    }
    try {
        const auto j = json::parse(in);
        if (j.at("boot_id") != state.boot_id) {
            return state;
        }
        if (j.at("version") != state_version) {
            return fail(EPROTO, path.string() + ": state version " + j.at("version").dump() + ", this xbondd knows " +
                                    std::to_string(state_version));
        }
        for (const auto &bond : j.at("bonds")) {
            state.bonds.push_back(controller_of(bond));
        }
    } catch (const std::exception &e) {
        return fail(EINVAL, path.string() + ": " + e.what());
    }
    return state;
}

} // namespace xbond::daemon
