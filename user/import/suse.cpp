// SPDX-License-Identifier: MIT
// SUSE's ifcfg files, as wicked has them: the file's name is the interface's.
#include <algorithm>

#include "user/core/options/text.h"
#include "user/import/ifcfg.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

constexpr const char *directory = "etc/sysconfig/network";

// Anything that begins so names a slave, in the order of the file and not of the index.
bool names_a_slave(const ShellVariable &variable) {
    return variable.name.starts_with("BONDING_SLAVE") && !trim(variable.value).empty();
}

bool is_bond(const IfcfgFile &file) {
    return file.is("BONDING_MASTER") ||
           (file.find("BONDING_MASTER") == nullptr && std::ranges::any_of(file.variables, names_a_slave));
}

Result<void> options(const ShellVariable &variable, Bond &bond) {
    std::vector<Setting> mode, rest;
    const Setting *miimon = nullptr, *arp = nullptr;
    for (const auto &word : words(variable.value)) {
        const auto equals = word.find('=');
        const auto key = word.substr(0, equals);
        (key == "mode" ? mode : rest)
            .push_back({key, equals == std::string::npos ? "" : word.substr(equals + 1), variable.at, key});
    }
    for (const auto &one : rest) {
        miimon = one.name == "miimon" && one.value != "0" ? &one : miimon;
        arp = one.name == "arp_interval" && one.value != "0" ? &one : arp;
    }
    if (miimon != nullptr && arp != nullptr) {
        return refuse(variable.at, "BONDING_MODULE_OPTS: miimon and arp_interval exclude each other");
    }
    std::ranges::stable_partition(rest, [](const Setting &s) { return is_one_of(s.name, {"miimon", "arp_interval"}); });
    bond.settings = mode;
    bond.settings.insert(bond.settings.end(), rest.begin(), rest.end());
    return {};
}

Result<void> read_bond(Draft &draft, const IfcfgFile &file) {
    const Place at{file.path, 1};
    if (!is_interface_name(file.name)) {
        return refuse(at, core::quoted(file.name) + " is no name of an interface");
    }
    auto &bond = draft.bond(file.name, at);
    if (const auto *text = file.find("BONDING_MODULE_OPTS")) {
        XB_TRY_VOID(options(*text, bond));
    }
    for (const auto &variable : file.variables) {
        if (names_a_slave(variable)) {
            SlaveRef slave;
            slave.name = trim(variable.value);
            add_slave(bond, slave);
        }
    }
    if (const auto mtu = whole_number(file.value("MTU")); mtu && *mtu >= 68 && *mtu <= 65535) {
        bond.mtu = static_cast<std::uint32_t>(*mtu);
    }
    bond.address = mac_text(file.value("LLADDR")).value_or("");
    IfcfgFile rest = file;
    std::erase_if(rest.variables, names_a_slave);
    note_left(draft, rest,
              {"STARTMODE", "BONDING_MASTER", "BONDING_MODULE_OPTS", "MTU", "LLADDR", "NAME", "DEVICE", "USERCONTROL",
               "ONBOOT", "INTERFACETYPE", "NETWORK", "BROADCAST"});
    return {};
}

void note_around(Draft &draft, const IfcfgFile &file) {
    const auto known = [&](std::string_view name) { return draft.find(name) != nullptr; };
    const auto *parent = file.find("ETHERDEVICE");
    if (parent != nullptr && known(trim(parent->value))) {
        draft.note(parent->at, "ETHERDEVICE: VLAN " + core::quoted(file.name) + " on the bond is not carried");
    } else if (parent == nullptr && file.name.find('.') != std::string::npos &&
               known(file.name.substr(0, file.name.find('.')))) {
        draft.note({file.path, 1}, "VLAN " + core::quoted(file.name) + " on the bond is not carried");
    }
    if (const auto *ports = file.find("BRIDGE_PORTS")) {
        for (const auto &port : words(ports->value)) {
            if (known(port)) {
                draft.note(ports->at,
                           "BRIDGE_PORTS: bridge " + core::quoted(file.name) + " with " + port + " is not carried");
            }
        }
    }
}

} // namespace

Result<Draft> read_suse(const Machine &machine) {
    Draft draft;
    XB_TRY(files, read_ifcfg_files(machine.files, directory));
    for (const auto &file : *files) {
        const bool named = std::ranges::find(machine.bonds, file.name) != machine.bonds.end();
        if (is_bond(file) || named) {
            XB_TRY_VOID(read_bond(draft, file));
        }
    }
    for (const auto &file : *files) {
        note_around(draft, file);
        if (draft.find(file.name) != nullptr) {
            for (const auto *kind : {"ifroute-", "ifrule-"}) {
                note_lines(draft, machine.files, std::string(directory) + "/" + kind + file.name, "route");
            }
        }
    }
    XB_TRY(routes, read_text(machine.files, std::string(directory) + "/routes"));
    unsigned number = 0;
    const auto content = routes->value_or("");
    for (const auto line : lines(content)) {
        ++number;
        for (const auto &word : words(line)) {
            if (!trim(line).starts_with('#') && draft.find(word) != nullptr) {
                draft.note({std::string(directory) + "/routes", number}, "route: not carried");
            }
        }
    }
    return draft;
}

} // namespace xbond::import
