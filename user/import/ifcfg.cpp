// SPDX-License-Identifier: MIT
// Red Hat's ifcfg files, as initscripts and NetworkManager's reader of them have them.
#include <algorithm>

#include "user/core/options/text.h"
#include "user/import/ifcfg.h"
#include "user/import/syntax/shell.h"
#include "user/import/syntax/text.h"
#include "user/import/team.h"

namespace xbond::import {

const ShellVariable *IfcfgFile::find(std::string_view key) const {
    const auto found = std::ranges::find(variables, key, &ShellVariable::name);
    return found == variables.end() ? nullptr : &*found;
}

std::string IfcfgFile::value(std::string_view key) const {
    const auto *found = find(key);
    return found == nullptr ? "" : std::string(trim(found->value));
}

bool IfcfgFile::is(std::string_view key, bool otherwise) const { return yes_or_no(value(key)).value_or(otherwise); }

// What decides about bonds has to be known without a shell.
Result<void> check_known(const IfcfgFile &file) {
    for (const auto &variable : file.variables) {
        const auto &name = variable.name;
        const bool decides = name.starts_with("BONDING_") || name.starts_with("TEAM_") || name.starts_with("MASTER") ||
                             is_one_of(name, {"DEVICE", "SLAVE", "HWADDR", "TYPE", "VLAN", "MTU", "MACADDR", "LLADDR",
                                              "BOND_PORT_QUEUE_ID", "BOND_PORT_PRIO", "PHYSDEV", "ETHERDEVICE"});
        if (decides && variable.has_blanks) {
            return refuse(variable.at, name + " holds blanks and is not quoted");
        }
        if (decides && variable.expands) {
            return refuse(variable.at, name + " needs a shell to be known");
        }
    }
    return {};
}

Result<std::vector<IfcfgFile>> read_ifcfg_files(const Files &files, const std::string &directory) {
    std::vector<IfcfgFile> out;
    for (const auto &name : files.list(directory)) {
        if (!name.starts_with("ifcfg-") || name == "ifcfg-" ||
            ends_with_one_of(name, {"~", ".bak", ".old", ".orig", ".rpmnew", ".rpmorig", ".rpmsave", ".rej", ".augnew",
                                    ".augtmp", ".swp", ".scpmbackup", ".template"})) {
            continue;
        }
        const auto path = directory + "/" + name;
        XB_TRY(text, read_text(files, path));
        if (!*text) {
            continue;
        }
        XB_TRY(variables, parse_variables(**text, path));
        IfcfgFile file{path, name.substr(6), std::move(*variables)};
        XB_TRY_VOID(check_known(file));
        out.push_back(std::move(file));
    }
    return out;
}

void note_left(Draft &draft, const IfcfgFile &file, std::initializer_list<std::string_view> quiet) {
    for (const auto &variable : file.variables) {
        const auto &name = variable.name;
        const auto value = lower(trim(variable.value));
        if (is_one_of(name, quiet) || value.empty()) {
            continue;
        }
        if (is_one_of(name,
                      {"BOOTPROTO", "IPV6INIT", "DHCPV6C", "IPV6_AUTOCONF", "IPV6FORWARDING", "PEERDNS", "DEFROUTE"})) {
            if (name == "BOOTPROTO" && !is_one_of(value, {"none", "static"})) {
                draft.note(variable.at, "BOOTPROTO=" + core::quoted(value) + ": dhcp and the like are not carried");
            } else if (name == "DHCPV6C" && value == "yes") {
                draft.note(variable.at, "DHCPV6C: dhcp is not carried");
            }
            continue;
        }
        draft.note(variable.at, name + ": not carried, stays with the network scripts");
    }
}

namespace {

class RedHat {
public:
    explicit RedHat(const Machine &machine) : machine_(machine) {}

    Result<Draft> read() {
        XB_TRY(files, read_ifcfg_files(machine_.files, directory));
        files_ = std::move(*files);
        find_bonds();
        for (const auto &file : files_) {
            if (is_bond(file)) {
                XB_TRY_VOID(bond(file));
            }
        }
        for (const auto &file : files_) {
            XB_TRY_VOID(port(file));
            note_around(file);
        }
        return std::move(draft_);
    }

private:
    static std::string device(const IfcfgFile &file) {
        const auto name = file.value("DEVICE");
        return name.empty() && file.value("HWADDR").empty() ? file.name : name;
    }
    static bool is_vlan(const IfcfgFile &file) { return file.is("VLAN") || lower(file.value("TYPE")) == "vlan"; }
    static bool is_team(const IfcfgFile &file) {
        return file.find("TEAM_CONFIG") != nullptr || is_one_of(lower(file.value("DEVICETYPE")), {"team"}) ||
               lower(file.value("TYPE")) == "team";
    }
    // The name of the bond or team that a port belongs to; empty: it is none.
    std::string master(const IfcfgFile &file) const {
        if (file.find("SLAVE") != nullptr && !file.is("SLAVE") && file.find("MASTER_UUID") == nullptr) {
            return "";
        }
        for (const auto *key : {"MASTER_UUID", "MASTER", "TEAM_MASTER_UUID", "TEAM_MASTER"}) {
            const auto wanted = file.value(key);
            if (wanted.empty()) {
                continue;
            }
            for (const auto &other : files_) {
                if (lower(other.value("UUID")) == lower(wanted)) {
                    return device(other);
                }
            }
            if (is_interface_name(wanted)) {
                return wanted;
            }
        }
        return "";
    }

    void find_bonds() {
        bonds_ = machine_.bonds;
        for (const auto &file : files_) {
            const bool declared = lower(file.value("TYPE")) == "bond" || file.is("BONDING_MASTER") ||
                                  (file.find("BONDING_OPTS") != nullptr && !is_vlan(file)) || is_team(file);
            if (declared && !is_vlan(file)) {
                bonds_.push_back(device(file));
            }
            if (const auto name = master(file); !name.empty() && !is_vlan(file)) {
                bonds_.push_back(name);
            }
        }
    }
    bool is_known_bond(std::string_view name) const { return std::ranges::find(bonds_, name) != bonds_.end(); }
    bool is_bond(const IfcfgFile &file) const { return is_known_bond(device(file)) && !is_vlan(file); }

    Result<void> bond(const IfcfgFile &file) {
        const auto name = device(file);
        const Place at{file.path, file.variables.empty() ? 1 : file.variables.front().at.line};
        if (auto *other = draft_.find(name)) {
            if (options_of(*other) == file.value("BONDING_OPTS")) {
                return {};
            }
            return refuse(at, "bond " + name + " is defined differently in " + other->at.file);
        }
        auto &bond = draft_.bond(name, at);
        options_[name] = file.value("BONDING_OPTS");
        if (is_team(file)) {
            XB_TRY_VOID(team(file, bond));
        } else if (const auto *options = file.find("BONDING_OPTS")) {
            bonding_options(*options, bond);
        }
        XB_TRY_VOID(device_settings(file, bond));
        note_left(draft_, file,
                  {"DEVICE",
                   "NAME",
                   "UUID",
                   "TYPE",
                   "ONBOOT",
                   "ONPARENT",
                   "HOTPLUG",
                   "BONDING_MASTER",
                   "BONDING_OPTS",
                   "USERCTL",
                   "NM_CONTROLLED",
                   "DEVICETYPE",
                   "TEAM_CONFIG",
                   "MTU",
                   "MACADDR",
                   "MASTER",
                   "SLAVE",
                   "MASTER_UUID",
                   "HWADDR",
                   "PROXY_METHOD",
                   "BROWSER_ONLY",
                   "IPV4_FAILURE_FATAL",
                   "IPV6_FAILURE_FATAL",
                   "IPV6_ADDR_GEN_MODE",
                   "AUTOCONNECT_SLAVES",
                   "SLAVES",
                   "SUBCHANNELS",
                   "NETTYPE",
                   "IPV6_DEFROUTE"});
        return {};
    }

    std::string options_of(const Bond &bond) const {
        const auto found = options_.find(bond.name);
        return found == options_.end() ? "" : found->second;
    }

    // mode and miimon first, then the others as written, primary at last: so does install_bonding_driver.
    static void bonding_options(const ShellVariable &variable, Bond &bond) {
        std::vector<Setting> first, rest, last;
        for (const auto &word : words(variable.value)) {
            const auto equals = word.find('=');
            const auto key = word.substr(0, equals);
            const auto value = equals == std::string::npos ? "" : word.substr(equals + 1);
            auto &to = is_one_of(key, {"mode", "miimon"}) ? first : key == "primary" ? last : rest;
            if (key != "arp_ip_target") {
                to.push_back({key, value, variable.at, key});
                continue;
            }
            for (auto &target : words(value, ",")) { // each is added
                to.push_back({key, target.starts_with('+') ? target : "+" + target, variable.at, key});
            }
        }
        // The mode before the rest, or what belongs to it would be refused.
        std::ranges::stable_partition(first, [](const Setting &s) { return s.name == "mode"; });
        for (auto *part : {&first, &rest, &last}) {
            bond.settings.insert(bond.settings.end(), part->begin(), part->end());
        }
    }

    static Result<void> device_settings(const IfcfgFile &file, Bond &bond) {
        if (const auto *mtu = file.find("MTU"); mtu != nullptr && !trim(mtu->value).empty()) {
            const auto number = whole_number(trim(mtu->value));
            if (!number || *number < 68 || *number > 65535) {
                return refuse(mtu->at, "MTU: bad value " + core::quoted(mtu->value));
            }
            bond.mtu = static_cast<std::uint32_t>(*number);
        }
        if (const auto *address = file.find("MACADDR")) {
            bond.address = mac_text(trim(address->value)).value_or("");
        }
        return {};
    }

    Result<void> team(const IfcfgFile &file, Bond &bond) {
        const auto *config = file.find("TEAM_CONFIG");
        XB_TRY(root,
               config == nullptr ? Result<Node::Ptr>(std::make_shared<Node>()) : parse_json(config->value, config->at));
        return team_to_bond(**root, config == nullptr ? bond.at : config->at, bond, draft_.notes);
    }

    Result<void> port(const IfcfgFile &file) {
        const auto name = master(file);
        auto *bond = name.empty() || is_vlan(file) ? nullptr : &draft_.bond(name, {file.path, 1});
        if (bond == nullptr || device(file) == name) {
            return {};
        }
        SlaveRef slave;
        slave.name = device(file);
        if (const auto *hwaddr = file.find("HWADDR")) {
            const auto mac = mac_text(trim(hwaddr->value));
            if (!mac && slave.name.empty()) {
                return refuse(hwaddr->at, "HWADDR: " + core::quoted(hwaddr->value) + " is no MAC address");
            }
            slave.mac = mac.value_or("");
        }
        slave.queue_id = whole_number(file.value("BOND_PORT_QUEUE_ID"));
        slave.prio = whole_number(file.value("BOND_PORT_PRIO"));
        if (const auto *config = file.find("TEAM_PORT_CONFIG")) {
            XB_TRY(root, parse_json(config->value, config->at));
            team_port(**root, config->at, slave, draft_.notes);
        }
        add_slave(*bond, slave);
        note_left(draft_, file,
                  {"DEVICE",
                   "NAME",
                   "UUID",
                   "TYPE",
                   "ONBOOT",
                   "HOTPLUG",
                   "USERCTL",
                   "NM_CONTROLLED",
                   "DEVICETYPE",
                   "MASTER",
                   "SLAVE",
                   "MASTER_UUID",
                   "TEAM_MASTER",
                   "TEAM_MASTER_UUID",
                   "TEAM_PORT_CONFIG",
                   "HWADDR",
                   "BOND_PORT_QUEUE_ID",
                   "BOND_PORT_PRIO",
                   "PROXY_METHOD",
                   "BROWSER_ONLY",
                   "IPV4_FAILURE_FATAL",
                   "IPV6_FAILURE_FATAL",
                   "SUBCHANNELS",
                   "NETTYPE"});
        return {};
    }

    // VLANs on a bond, aliases, and the files of its routes.
    void note_around(const IfcfgFile &file) {
        const auto name = device(file);
        const auto parent = file.value("PHYSDEV").empty() ? name.substr(0, name.find('.')) : file.value("PHYSDEV");
        const bool vlan = is_vlan(file) || (name.find('.') != std::string::npos && !is_known_bond(name));
        if (vlan && is_known_bond(parent)) {
            const auto *key = file.find("VLAN");
            key = key != nullptr ? key : file.find("DEVICE");
            draft_.note(key == nullptr ? Place{file.path, 1} : key->at,
                        "VLAN " + core::quoted(name) + " on " + parent + ": not carried, make it on the new bond");
        }
        const auto colon = file.name.find(':');
        if (colon != std::string::npos && is_known_bond(file.name.substr(0, colon))) {
            note_left(draft_, file, {"DEVICE", "NAME", "ONBOOT", "ONPARENT", "TYPE"});
        }
        if (!is_bond(file)) {
            return;
        }
        for (const auto *kind : {"route-", "route6-", "rule-", "rule6-"}) {
            note_lines(draft_, machine_.files, std::string(directory) + "/" + kind + file.name, "route");
        }
    }

    static constexpr const char *directory = "etc/sysconfig/network-scripts";
    const Machine &machine_;
    std::vector<IfcfgFile> files_;
    std::vector<std::string> bonds_;
    std::map<std::string, std::string> options_;
    Draft draft_;
};

} // namespace

void note_lines(Draft &draft, const Files &files, const std::string &path, const std::string &what) {
    const auto text = read_text(files, path);
    const std::string content = text && *text ? **text : "";
    unsigned number = 0;
    for (const auto line : lines(content)) {
        ++number;
        if (!trim(line).empty() && !trim(line).starts_with('#')) {
            draft.note({path, number}, what + ": not carried");
        }
    }
}

Result<Draft> read_ifcfg(const Machine &machine) { return RedHat(machine).read(); }

} // namespace xbond::import
