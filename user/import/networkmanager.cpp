// SPDX-License-Identifier: MIT
// NetworkManager's keyfiles: connection profiles, which it takes or leaves as a whole.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "user/core/options/targets.h"
#include "user/core/options/text.h"
#include "user/import/driver.h"
#include "user/import/syntax/ini.h"
#include "user/import/syntax/text.h"
#include "user/import/team.h"

namespace xbond::import {

namespace {

// Options of [bond]; what is not among them makes a profile invalid.
constexpr std::array option_names{"mode",
                                  "miimon",
                                  "downdelay",
                                  "updelay",
                                  "arp_interval",
                                  "arp_ip_target",
                                  "arp_validate",
                                  "primary",
                                  "primary_reselect",
                                  "fail_over_mac",
                                  "use_carrier",
                                  "ad_select",
                                  "xmit_hash_policy",
                                  "resend_igmp",
                                  "lacp_rate",
                                  "active_slave",
                                  "ad_actor_sys_prio",
                                  "ad_actor_system",
                                  "ad_user_port_key",
                                  "all_slaves_active",
                                  "arp_all_targets",
                                  "min_links",
                                  "num_grat_arp",
                                  "num_unsol_na",
                                  "packets_per_slave",
                                  "tlb_dynamic_lb",
                                  "lp_interval",
                                  "peer_notif_delay",
                                  "arp_missed_max",
                                  "lacp_active",
                                  "ns_ip6_target",
                                  "balance-slb"};

struct Profile {
    std::string path;
    std::vector<IniEntry> entries;

    const IniEntry *find(std::string_view section, std::string_view key) const {
        return find_entry(entries, section, key);
    }
    std::string value(std::string_view section, std::string_view key) const {
        const auto *found = find(section, key);
        return found == nullptr ? "" : found->value;
    }
    // Of several names that one thing had over the years.
    const IniEntry *find_any(std::initializer_list<std::pair<std::string_view, std::string_view>> keys) const {
        for (const auto &[section, key] : keys) {
            if (const auto *found = find(section, key)) {
                return found;
            }
        }
        return nullptr;
    }
    std::string type() const { return value("connection", "type"); }
    std::string name() const { return value("connection", "interface-name"); }
    std::string uuid() const { return value("connection", "uuid"); }
    const IniEntry *controller() const { return find_any({{"connection", "controller"}, {"connection", "master"}}); }
    std::string port_type() const {
        const auto *found = find_any({{"connection", "port-type"}, {"connection", "slave-type"}});
        return found == nullptr ? "" : found->value;
    }
    const IniEntry *ethernet(std::string_view key) const {
        return find_any({{"ethernet", key}, {"802-3-ethernet", key}});
    }
};

class NetworkManager {
public:
    explicit NetworkManager(const Machine &machine) : machine_(machine) {}

    Result<Draft> read() {
        XB_TRY_VOID(profiles());
        for (const auto &profile : profiles_) {
            if (is_one_of(profile.type(), {"bond", "team"})) {
                XB_TRY_VOID(bond(profile));
            }
        }
        for (const auto &profile : profiles_) {
            if (auto *bond = controlled_by(profile)) {
                XB_TRY_VOID(port(profile, *bond));
            }
            around(profile);
        }
        return std::move(draft_);
    }

private:
    // Any name in /etc, as older releases wrote them; elsewhere only *.nmconnection. One profile a UUID, /etc first.
    Result<void> profiles() {
        const bool netplan = std::ranges::any_of(machine_.files.list("etc/netplan"),
                                                 [](const std::string &n) { return n.ends_with(".yaml"); });
        std::map<std::string, std::size_t> by_uuid;
        for (const std::string directory :
             {"etc/NetworkManager/system-connections", "run/NetworkManager/system-connections",
              "usr/lib/NetworkManager/system-connections"}) {
            const bool etc = directory.starts_with("etc/");
            for (const auto &name : machine_.files.list(directory)) {
                const bool complete = name.ends_with(".nmconnection");
                if (name.starts_with('.') || name.starts_with('#') || (!etc && !complete) ||
                    (netplan && !etc && name.starts_with("netplan-")) ||
                    ends_with_one_of(name, {"~", ".swp", ".swpx", ".pem", ".der", ".bak", ".orig", ".rpmnew",
                                            ".rpmsave", ".rpmorig", ".rej"})) {
                    continue;
                }
                const auto path = directory + "/" + name;
                XB_TRY(text, read_text(machine_.files, path));
                if (!*text) {
                    continue;
                }
                XB_TRY(entries, parse_keyfile(**text, path));
                Profile profile{path, std::move(*entries)};
                const auto [other, fresh] = by_uuid.emplace(profile.uuid(), profiles_.size());
                if (fresh || profile.uuid().empty()) {
                    profiles_.push_back(std::move(profile));
                } else if (etc && complete && !profiles_[other->second].path.ends_with(".nmconnection")) {
                    profiles_[other->second] = std::move(profile);
                }
            }
        }
        return {};
    }

    Result<void> bond(const Profile &profile) {
        const auto *type = profile.find("connection", "type");
        const auto *name = profile.find("connection", "interface-name");
        if (name == nullptr || !is_interface_name(name->value)) {
            return refuse(name == nullptr ? type->at : name->at, "a bond without interface-name");
        }
        if (const auto *other = draft_.find(name->value)) {
            return refuse(name->at, "bond " + name->value + " is also defined in " + other->at.file);
        }
        auto &bond = draft_.bond(name->value, name->at);
        bond.monitored = true;
        if (profile.type() == "team") {
            const auto *config = profile.find("team", "config");
            XB_TRY(root, config == nullptr ? Result<Node::Ptr>(std::make_shared<Node>())
                                           : parse_json(config->value, config->at));
            XB_TRY_VOID(team_to_bond(**root, config == nullptr ? bond.at : config->at, bond, draft_.notes));
        } else {
            XB_TRY_VOID(options(profile, bond));
        }
        if (const auto *mtu = profile.ethernet("mtu")) {
            const auto number = whole_number(mtu->value);
            if (number && *number >= 68 && *number <= 65535) {
                bond.mtu = static_cast<std::uint32_t>(*number);
            }
        }
        const auto *address = profile.ethernet("cloned-mac-address");
        if (address != nullptr && mac_text(address->value)) {
            bond.address = *mac_text(address->value);
        }
        left(profile);
        return {};
    }

    Result<void> options(const Profile &profile, Bond &bond) {
        std::map<std::string, const IniEntry *> given;
        for (const auto &entry : profile.entries) {
            if (entry.section != "bond" || entry.key == "interface-name") {
                continue;
            }
            if (std::ranges::find(option_names, entry.key) == option_names.end()) {
                return refuse(entry.at, "invalid option " + core::quoted(entry.key));
            }
            given[entry.key] = &entry;
        }
        if (const auto slb = given.find("balance-slb"); slb != given.end()) {
            draft_.note(slb->second->at, "balance-slb: NetworkManager makes it of filters, not carried");
            given.erase(slb);
        }
        const auto text = [&](const std::string &key) {
            return given.contains(key) ? given[key]->value : std::string();
        };
        const auto number = [&](const std::string &key) { return whole_number(text(key)).value_or(0); };
        const auto *mode_entry = given.contains("mode") ? given["mode"] : nullptr;
        const auto mode = core::parse_mode(mode_entry == nullptr ? "balance-rr" : mode_entry->value);
        if (!mode) {
            return refuse(mode_entry->at, "mode: unknown mode " + core::quoted(mode_entry->value));
        }
        for (const auto &[key, entry] : given) {
            XB_TRY_VOID(valid(key, *entry, *mode));
        }
        if (given.contains("num_grat_arp") && given.contains("num_unsol_na")) {
            if (number("num_grat_arp") != number("num_unsol_na")) {
                return refuse(given["num_unsol_na"]->at, "num_grat_arp and num_unsol_na differ");
            }
            given.erase("num_unsol_na");
        }
        for (const std::string key : {"updelay", "downdelay"}) {
            if (number(key) > 0 && given.contains("miimon") && number("miimon") == 0) {
                return refuse(given[key]->at, key + " needs miimon");
            }
        }
        return monitors(given, bond, *mode);
    }

    // Values as NetworkManager checks them before it takes a profile.
    static Result<void> valid(const std::string &key, const IniEntry &entry, Mode mode) {
        const auto *row = core::find_option(key);
        const auto &traits = core::traits(mode);
        const bool number = row->words.empty() && row->range.first <= row->range.last;
        if (number || (row->range.first <= row->range.last && !is_one_of(entry.value, {"off"}))) {
            const auto value = whole_number(entry.value);
            if (!value || *value < 0 || static_cast<std::uint64_t>(*value) > row->range.last) {
                return refuse(entry.at, key + ": invalid value " + core::quoted(entry.value));
            }
        } else if (!row->words.empty() && key != "use_carrier" && !core::value_of(row->words, entry.value)) {
            return refuse(entry.at, key + ": invalid value " + core::quoted(entry.value));
        }
        if (is_one_of(key, {"primary", "active_slave"}) && !traits.has_primary) {
            return refuse(entry.at, key + " is not valid in mode " + std::string(core::mode_name(mode)));
        }
        if (key == "lacp_rate" && !traits.lacp && !is_one_of(entry.value, {"slow", "0"})) {
            return refuse(entry.at, "lacp_rate is not valid in mode " + std::string(core::mode_name(mode)));
        }
        return {};
    }

    // With miimon the ARP monitor is not applied; without one of the two the carrier is watched.
    Result<void> monitors(std::map<std::string, const IniEntry *> &given, Bond &bond, Mode mode) {
        const auto number = [&](const std::string &key) {
            return given.contains(key) ? whole_number(given[key]->value).value_or(0) : 0;
        };
        const bool mii = number("miimon") > 0, arp = number("arp_interval") > 0;
        const bool targets = given.contains("arp_ip_target") || given.contains("ns_ip6_target");
        if (arp && !mii && !core::traits(mode).arp_alone) {
            return refuse(given["arp_interval"]->at,
                          "arp_interval is not valid in mode " + std::string(core::mode_name(mode)));
        }
        if (arp && !targets) {
            return refuse(given["arp_interval"]->at, "arp_interval needs arp_ip_target");
        }
        if (given.contains("arp_ip_target") && !arp) {
            return refuse(given["arp_ip_target"]->at, "arp_ip_target needs arp_interval");
        }
        if (mii && arp) {
            for (const std::string key :
                 {"arp_interval", "arp_ip_target", "ns_ip6_target", "arp_validate", "arp_all_targets"}) {
                if (given.contains(key)) {
                    draft_.note(given[key]->at, key + ": not applied beside miimon, left out");
                    given.erase(key);
                }
            }
        }
        for (const auto &[key, entry] : given) {
            if (key == "arp_ip_target") {
                XB_TRY_VOID(add_targets(*entry, bond));
            } else if (key == "active_slave") { // the name that primary had
                if (!given.contains("primary")) {
                    bond.settings.push_back({"primary", entry->value, entry->at, key});
                }
            } else if (core::find_option(key)->modes.contains(mode) || key == "mode") {
                bond.settings.push_back({key, entry->value, entry->at, key});
            } else {
                draft_.note(entry->at, key + ": not in mode " + std::string(core::mode_name(mode)) + ", left out");
            }
        }
        in_option_order(bond.settings);
        return {};
    }

    static Result<void> add_targets(const IniEntry &entry, Bond &bond) {
        for (const auto &target : words(entry.value, ", ")) {
            if (!core::parse_ipv4(target)) {
                return refuse(entry.at, "arp_ip_target: invalid address " + core::quoted(target));
            }
            bond.settings.push_back({"arp_ip_target", "+" + target, entry.at, entry.key});
        }
        return {};
    }

    // By the name of its interface, or by its UUID.
    Bond *by_reference(const std::string &reference) {
        for (const auto &profile : profiles_) {
            if (is_one_of(profile.type(), {"bond", "team"}) &&
                (lower(profile.uuid()) == lower(reference) || profile.name() == reference)) {
                return draft_.find(profile.name());
            }
        }
        return nullptr;
    }

    Bond *controlled_by(const Profile &profile) {
        const auto *controller = profile.controller();
        const bool port = is_one_of(profile.port_type(), {"bond", "team", ""});
        return controller == nullptr || !port ? nullptr : by_reference(controller->value);
    }

    Result<void> port(const Profile &profile, Bond &bond) {
        SlaveRef slave;
        slave.name = profile.name();
        if (const auto *mac = profile.ethernet("mac-address")) {
            const auto address = mac_text(mac->value);
            if (!address) {
                return refuse(mac->at, "mac-address: " + core::quoted(mac->value) + " is no MAC address");
            }
            slave.mac = *address;
        }
        slave.prio = whole_number(profile.value("bond-port", "prio"));
        slave.queue_id = whole_number(profile.value("bond-port", "queue-id"));
        if (const auto *config = profile.find("team-port", "config")) {
            XB_TRY(root, parse_json(config->value, config->at));
            team_port(**root, config->at, slave, draft_.notes);
        }
        const auto list = [&](const char *key) { return words(profile.value("match", key), "; "); };
        if (!slave.name.empty() || !slave.mac.empty()) {
            add_slave(bond, slave);
            return {};
        }
        for (const auto &name : list("interface-name")) {
            slave.name = is_glob(name) ? "" : name;
            slave.match = is_glob(name) ? name : "";
            add_slave(bond, slave);
        }
        slave.name = slave.match = "";
        for (const auto &path : list("path")) {
            slave.path = path;
            add_slave(bond, slave);
        }
        slave.path = "";
        for (const auto &driver : list("driver")) {
            slave.driver = driver;
            add_slave(bond, slave);
        }
        if (profile.find("match", "interface-name") == nullptr && profile.find("match", "path") == nullptr &&
            profile.find("match", "driver") == nullptr) {
            draft_.note(profile.controller()->at,
                        profile.controller()->key + ": the profile fits any device and names none, left out");
        }
        return {};
    }

    // What of a bond's profile stays with NetworkManager.
    void left(const Profile &profile) {
        for (const auto &entry : profile.entries) {
            const auto &section = entry.section, &key = entry.key;
            const bool ip = section == "ipv4" || section == "ipv6";
            if (section == "bond" || section == "team" || entry.value.empty() ||
                (section == "connection" &&
                 !is_one_of(key, {"zone", "master", "controller", "secondaries", "mdns", "llmnr"})) ||
                (is_one_of(section, {"ethernet", "802-3-ethernet"}) &&
                 (key == "mtu" || (key == "cloned-mac-address" && mac_text(entry.value)))) ||
                (ip && key == "method" && is_one_of(entry.value, {"manual", "disabled", "ignore", "link-local"})) ||
                (ip && is_one_of(key, {"addr-gen-mode", "may-fail", "ip6-privacy"}))) {
                continue;
            }
            const bool bridge = is_one_of(key, {"master", "controller"}) && section == "connection";
            draft_.note(entry.at,
                        (bridge ? "bridge (" + key + ")" : key + (key == "method" ? " (dhcp and the like)" : "")) +
                            ": not carried, stays with NetworkManager");
        }
    }

    void around(const Profile &profile) {
        for (const auto *section : {"vlan", "macvlan", "ip-tunnel", "vxlan"}) {
            const auto *parent = profile.find(section, "parent");
            if (parent != nullptr && by_reference(parent->value) != nullptr) {
                draft_.note(parent->at, std::string(section) + " on the bond (parent): not carried");
            }
        }
    }

    const Machine &machine_;
    std::vector<Profile> profiles_;
    Draft draft_;
};

} // namespace

Result<Draft> read_networkmanager(const Machine &machine) { return NetworkManager(machine).read(); }

} // namespace xbond::import
