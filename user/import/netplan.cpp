// SPDX-License-Identifier: MIT
// netplan's YAML: all files are one tree, later ones override scalars and add to lists.
#include <algorithm>
#include <array>
#include <map>
#include <span>

#include "user/core/options/targets.h"
#include "user/core/options/text.h"
#include "user/import/driver.h"
#include "user/import/syntax/node.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

constexpr std::array<std::string_view, 11> types{
    "ethernets", "wifis",      "modems",        "bridges",          "bonds", "vlans", "vrfs",
    "tunnels",   "nm-devices", "dummy-devices", "virtual-ethernets"};
constexpr std::array<std::string_view, 31> common_keys{"accept-ra",
                                                       "activation-mode",
                                                       "addresses",
                                                       "critical",
                                                       "ignore-carrier",
                                                       "dhcp4",
                                                       "dhcp6",
                                                       "dhcp-identifier",
                                                       "dhcp4-overrides",
                                                       "dhcp6-overrides",
                                                       "ra-overrides",
                                                       "gateway4",
                                                       "gateway6",
                                                       "ipv6-address-generation",
                                                       "ipv6-address-token",
                                                       "ipv6-mtu",
                                                       "ipv6-privacy",
                                                       "link-local",
                                                       "macaddress",
                                                       "mtu",
                                                       "nameservers",
                                                       "optional",
                                                       "optional-addresses",
                                                       "renderer",
                                                       "routes",
                                                       "routing-policy",
                                                       "hairpin",
                                                       "port-mac-learning",
                                                       "neigh-suppress",
                                                       "networkmanager",
                                                       "openvswitch"};
constexpr std::array<std::string_view, 18> ethernet_keys{"match",
                                                         "set-name",
                                                         "wakeonlan",
                                                         "wakeonwlan",
                                                         "emit-lldp",
                                                         "receive-checksum-offload",
                                                         "transmit-checksum-offload",
                                                         "tcp-segmentation-offload",
                                                         "tcp6-segmentation-offload",
                                                         "generic-segmentation-offload",
                                                         "generic-receive-offload",
                                                         "large-receive-offload",
                                                         "auth",
                                                         "link",
                                                         "virtual-function-count",
                                                         "embedded-switch-mode",
                                                         "delay-virtual-functions-rebind",
                                                         "infiniband-mode"};

bool is_among(std::string_view word, std::span<const std::string_view> list) {
    return std::ranges::find(list, word) != list.end();
}

enum class Form : std::uint8_t { word, milliseconds, seconds, number, flag };
struct Parameter {
    std::string_view key, option;
    Form form;
    std::int64_t last = 4294967295;
};
constexpr std::array parameters{Parameter{"lacp-rate", "lacp_rate", Form::word},
                                Parameter{"mii-monitor-interval", "miimon", Form::milliseconds},
                                Parameter{"min-links", "min_links", Form::number},
                                Parameter{"transmit-hash-policy", "xmit_hash_policy", Form::word},
                                Parameter{"ad-select", "ad_select", Form::word},
                                Parameter{"all-slaves-active", "all_slaves_active", Form::flag},
                                Parameter{"all-members-active", "all_slaves_active", Form::flag},
                                Parameter{"arp-interval", "arp_interval", Form::milliseconds},
                                Parameter{"arp-validate", "arp_validate", Form::word},
                                Parameter{"arp-all-targets", "arp_all_targets", Form::word},
                                Parameter{"up-delay", "updelay", Form::milliseconds},
                                Parameter{"down-delay", "downdelay", Form::milliseconds},
                                Parameter{"fail-over-mac-policy", "fail_over_mac", Form::word},
                                Parameter{"gratuitous-arp", "num_grat_arp", Form::number},
                                Parameter{"gratuitious-arp", "num_grat_arp", Form::number},
                                Parameter{"packets-per-slave", "packets_per_slave", Form::number},
                                Parameter{"packets-per-member", "packets_per_slave", Form::number},
                                Parameter{"primary-reselect-policy", "primary_reselect", Form::word},
                                Parameter{"resend-igmp", "resend_igmp", Form::number},
                                Parameter{"learn-packet-interval", "lp_interval", Form::seconds}};

struct Port {
    Place at;
    const Node *definition = nullptr; // the last that says how it is matched
    std::string set_name;
};

class Netplan {
public:
    explicit Netplan(const Machine &machine) : machine_(machine) {}

    Result<Draft> read() {
        for (const auto &path : paths()) {
            XB_TRY_VOID(file(path));
        }
        for (const auto &[id, bond] : bonds_) {
            XB_TRY_VOID(finish(id, bond));
        }
        for (const auto &[type, id, node, at] : others_) {
            around(type, id, *node, at.file);
        }
        return std::move(draft_);
    }

private:
    struct Planned {
        std::vector<std::pair<std::string, Place>> interfaces;
        std::optional<std::pair<std::string, Place>> primary;
        std::vector<Setting> settings; // each option once
        std::optional<Setting> mode;
    };
    struct Other {
        std::string type, id;
        Node::Ptr node;
        Place at;
    };

    // By name over the directories; a name in /run hides the same in /etc, that one the same in /lib.
    std::vector<std::string> paths() const {
        std::map<std::string, std::string> found;
        for (const std::string directory : {"run/netplan", "etc/netplan", "lib/netplan", "usr/lib/netplan"}) {
            for (const auto &name : machine_.files.list(directory)) {
                if (name.ends_with(".yaml") && !name.starts_with('.')) {
                    found.emplace(name, directory + "/" + name);
                }
            }
        }
        std::vector<std::string> out;
        for (const auto &[name, path] : found) {
            out.push_back(path);
        }
        return out;
    }

    Result<void> file(const std::string &path) {
        XB_TRY(text, read_text(machine_.files, path));
        if (!*text) {
            return {};
        }
        XB_TRY(root, parse_yaml(**text, path));
        if (*root == nullptr || (*root)->kind == Node::Kind::null || ((*root)->is_scalar() && (*root)->text.empty())) {
            return {};
        }
        roots_.push_back(*root);
        if (!(*root)->is_mapping()) {
            return refuse({path, (*root)->line}, "expected a mapping");
        }
        for (const auto &member : (*root)->members) {
            if (member.key != "network") {
                return refuse({path, member.line}, "unknown key " + core::quoted(member.key));
            }
            XB_TRY_VOID(mapping(member, path));
            for (const auto &type : member.value->members) {
                XB_TRY_VOID(network_key(type, path));
            }
        }
        return {};
    }

    static bool is_empty(const Node &node) {
        return node.kind == Node::Kind::null ||
               (node.is_scalar() && !node.quoted && is_one_of(node.text, {"", "~", "null"}));
    }
    static Result<void> mapping(const Node::Member &member, const std::string &path) {
        return member.value->is_mapping() || is_empty(*member.value)
                   ? Result<void>()
                   : refuse({path, member.line}, core::quoted(member.key) + ": expected a mapping");
    }

    Result<void> network_key(const Node::Member &type, const std::string &path) {
        if (type.key == "version") {
            return type.value->text == "2" ? Result<void>() : refuse({path, type.line}, "only version 2 is supported");
        }
        if (is_one_of(type.key, {"renderer", "openvswitch"})) {
            return {};
        }
        if (!is_among(type.key, types)) {
            return refuse({path, type.line}, "unknown key " + core::quoted(type.key));
        }
        XB_TRY_VOID(mapping(type, path));
        for (const auto &device : type.value->members) {
            const Place at{path, device.line};
            if (device.key == "renderer" && device.value->is_scalar()) {
                continue;
            }
            XB_TRY_VOID(mapping(device, path));
            auto &port = defined_[device.key];
            port.at = at;
            if (type.key == "bonds") {
                XB_TRY_VOID(bond(device, path));
            } else if (type.key == "ethernets" || type.key == "wifis") {
                XB_TRY_VOID(ethernet(device, path, type.key == "ethernets", port));
            } else {
                others_.push_back({type.key, device.key, device.value, at});
            }
        }
        return {};
    }

    static Result<void> ethernet(const Node::Member &device, const std::string &path, bool ethernet, Port &port) {
        for (const auto &member : device.value->members) {
            if (ethernet && !is_among(member.key, common_keys) && !is_among(member.key, ethernet_keys)) {
                return refuse({path, member.line}, "unknown key " + core::quoted(member.key));
            }
            if (member.key == "match") {
                XB_TRY_VOID(mapping(member, path));
                port.definition = member.value.get();
                for (const auto &what : member.value->members) {
                    if (!is_one_of(what.key, {"name", "macaddress", "driver"})) {
                        return refuse({path, what.line}, "unknown key " + core::quoted(what.key));
                    }
                    if (what.key == "macaddress" && !mac_text(what.value->text)) {
                        return refuse({path, what.line}, "invalid MAC address " + core::quoted(what.value->text));
                    }
                }
            } else if (member.key == "set-name") {
                port.set_name = member.value->text;
            }
        }
        return {};
    }

    Result<void> bond(const Node::Member &device, const std::string &path) {
        const Place at{path, device.line};
        if (!is_interface_name(device.key)) {
            return refuse(at, core::quoted(device.key) + " is no name of an interface");
        }
        auto &bond = draft_.bond(device.key, at);
        auto &planned = bonds_[device.key];
        for (const auto &member : device.value->members) {
            const Place here{path, member.line};
            const auto &value = *member.value;
            if (member.key == "interfaces") {
                XB_TRY_VOID(interfaces(member, path, device.key, planned));
            } else if (member.key == "parameters") {
                XB_TRY_VOID(mapping(member, path));
                for (const auto &parameter : value.members) {
                    XB_TRY_VOID(this->parameter(parameter, path, planned));
                }
            } else if (member.key == "macaddress") {
                const auto mac = mac_text(value.text);
                if (!mac) {
                    return refuse(here, "invalid MAC address " + core::quoted(value.text));
                }
                bond.address = *mac;
            } else if (member.key == "mtu") {
                const auto mtu = whole_number(value.text);
                if (!mtu || *mtu < 0 || *mtu > 65535) {
                    return refuse(here, "invalid mtu " + core::quoted(value.text));
                }
                bond.mtu = static_cast<std::uint32_t>(*mtu);
            } else if (!is_among(member.key, common_keys)) {
                return refuse(here, "unknown key " + core::quoted(member.key));
            } else if (member.key == "openvswitch") {
                return refuse(here, "a bond of Open vSwitch, not one of the kernel");
            } else if (!is_one_of(member.key, {"optional", "renderer", "critical"}) &&
                       !(is_one_of(member.key, {"dhcp4", "dhcp6", "accept-ra"}) && yes_or_no(value.text) == false)) {
                draft_.note(here, member.key + ": not carried, stays with netplan");
            }
        }
        return {};
    }

    Result<void> interfaces(const Node::Member &member, const std::string &path, const std::string &id,
                            Planned &planned) {
        if (!member.value->is_sequence()) {
            return refuse({path, member.line}, "interfaces: expected a list");
        }
        for (const auto &item : member.value->items) {
            const Place at{path, item->line};
            if (!item->is_scalar()) {
                return refuse(at, "interfaces: expected a name");
            }
            const auto [owner, fresh] = owners_.emplace(item->text, id);
            if (!fresh && owner->second != id) {
                return refuse(at, id + ": interface " + core::quoted(item->text) + " is already assigned to bond " +
                                      owner->second);
            }
            if (fresh) {
                planned.interfaces.emplace_back(item->text, at);
            }
        }
        return {};
    }

    Result<void> parameter(const Node::Member &member, const std::string &path, Planned &planned) {
        const Place at{path, member.line};
        const auto &key = member.key;
        if (key == "arp-ip-targets") {
            return targets(member, path, planned);
        }
        if (!member.value->is_scalar()) {
            return refuse(at, key + ": expected a value");
        }
        const auto &text = member.value->text;
        if (key == "mode") {
            const auto mode = core::parse_mode(text);
            if (!mode || core::mode_name(*mode) != text) {
                return refuse(at, "unknown mode " + core::quoted(text));
            }
            planned.mode = Setting{"mode", text, at, key};
            return {};
        }
        if (key == "primary") {
            if (planned.primary && planned.primary->first != text) {
                return refuse(at, "primary: the bond already has one");
            }
            planned.primary = {text, at};
            return {};
        }
        const auto *found = std::ranges::find(parameters, key, &Parameter::key);
        if (found == parameters.end()) {
            return refuse(at, "unknown key " + core::quoted(key));
        }
        XB_TRY(value, plain(*found, text, at));
        if (*value) {
            std::erase_if(planned.settings, [&](const Setting &old) { return old.name == found->option; });
            planned.settings.push_back({std::string(found->option), **value, at, key});
        }
        return {};
    }

    // None: the backend ignores the value, which is noted.
    Result<std::optional<std::string>> plain(const Parameter &parameter, const std::string &text, const Place &at) {
        const std::string key(parameter.key);
        switch (parameter.form) {
        case Form::flag: {
            const auto flag = yes_or_no(text);
            return flag ? Result<std::optional<std::string>>(*flag ? "1" : "0")
                        : refuse(at, key + ": invalid boolean " + core::quoted(text));
        }
        case Form::number: {
            const auto number = whole_number(text);
            return number && *number >= 0 && *number <= parameter.last
                       ? Result<std::optional<std::string>>(std::to_string(*number))
                       : refuse(at, key + ": invalid number " + core::quoted(text));
        }
        case Form::milliseconds:
        case Form::seconds: {
            const bool seconds = parameter.form == Form::seconds;
            const auto time = time_span(text, seconds ? 1000000 : 1000);
            if (!time) {
                draft_.note(at, key + ": " + core::quoted(text) + " is no time, left out");
                return std::optional<std::string>();
            }
            return std::optional(std::to_string(*time / (seconds ? 1000000 : 1000)));
        }
        default:
            return std::optional(text);
        }
    }

    Result<void> targets(const Node::Member &member, const std::string &path, Planned &planned) {
        if (!member.value->is_sequence()) {
            return refuse({path, member.line}, "arp-ip-targets: expected a list");
        }
        for (const auto &item : member.value->items) {
            if (!core::parse_ipv4(item->text)) {
                return refuse({path, item->line}, "arp-ip-targets: invalid address " + core::quoted(item->text));
            }
            const std::string value = "+" + item->text;
            if (std::ranges::none_of(planned.settings, [&](const Setting &s) { return s.value == value; })) {
                planned.settings.push_back({"arp_ip_target", value, {path, item->line}, member.key});
            }
        }
        return {};
    }

    // What an ID stands for: one name, or what matches.
    Result<void> slaves(const std::string &id, const Place &at, Bond &bond) {
        const auto found = defined_.find(id);
        if (found == defined_.end()) {
            return refuse(at, bond.name + ": interface " + core::quoted(id) + " is not defined");
        }
        const auto *match = found->second.definition;
        SlaveRef slave;
        slave.name = match == nullptr ? id : found->second.set_name;
        if (match == nullptr) {
            add_slave(bond, slave);
            return {};
        }
        if (const auto *mac = match->find("macaddress")) {
            slave.mac = mac_text(mac->value->text).value_or("");
        }
        if (const auto *name = match->find("name"); name != nullptr && slave.name.empty()) {
            (is_glob(name->value->text) ? slave.match : slave.name) = name->value->text;
        }
        const auto *driver = match->find("driver");
        if (driver == nullptr) {
            if (slave.name.empty() && slave.mac.empty() && slave.match.empty()) {
                slave.match = "*";
            }
            add_slave(bond, slave);
        } else {
            for (const auto &one : driver->value->is_sequence() ? driver->value->items : std::vector{driver->value}) {
                slave.driver = one->text;
                bond.slaves.push_back(slave);
            }
        }
        return {};
    }

    Result<void> finish(const std::string &id, const Planned &planned) {
        auto &bond = draft_.bond(id, {});
        for (const auto &[name, at] : planned.interfaces) {
            XB_TRY_VOID(slaves(name, at, bond));
        }
        if (planned.mode) {
            bond.settings.push_back(*planned.mode);
        }
        bond.settings.insert(bond.settings.end(), planned.settings.begin(), planned.settings.end());
        if (planned.primary) {
            XB_TRY_VOID(primary(planned.primary->first, planned.primary->second, bond));
        }
        in_option_order(bond.settings);
        return exclusive(bond);
    }

    Result<void> primary(const std::string &id, const Place &at, Bond &bond) {
        const auto found = defined_.find(id);
        if (found == defined_.end()) {
            return refuse(at, bond.name + ": primary: interface " + core::quoted(id) + " is not defined");
        }
        const auto name = found->second.definition == nullptr ? id : found->second.set_name;
        if (name.empty()) {
            draft_.note(at, "primary: " + core::quoted(id) + " has no name of its own (set-name), left out");
        } else {
            bond.settings.push_back({"primary", name, at, "primary"});
        }
        return {};
    }

    // The backend asks for a bond with both, and the kernel refuses to make it.
    static Result<void> exclusive(const Bond &bond) {
        const auto on = [&](std::string_view name) -> const Setting * {
            const auto found =
                std::ranges::find_if(bond.settings, [&](const Setting &s) { return s.name == name && s.value != "0"; });
            return found == bond.settings.end() ? nullptr : &*found;
        };
        const auto *arp = on("arp_interval");
        if (on("miimon") != nullptr && arp != nullptr) {
            return refuse(arp->at,
                          "mii-monitor-interval and arp-interval exclude each other: the bond could not be made");
        }
        return {};
    }

    void around(const std::string &type, const std::string &id, const Node &node, const std::string &path) {
        const auto is_bond = [&](const Node &name) { return draft_.find(name.text) != nullptr; };
        if (const auto *link = node.find("link"); link != nullptr && is_bond(*link->value)) {
            draft_.note({path, link->line}, (type == "vlans" ? "vlan " : type + ": ") + core::quoted(id) + " on " +
                                                link->value->text + " is not carried");
        }
        if (const auto *ports = node.find("interfaces")) {
            for (const auto &port : ports->value->items) {
                if (is_bond(*port)) {
                    draft_.note({path, ports->line}, (type == "bridges" ? "bridge " : type + ": ") + core::quoted(id) +
                                                         " with " + port->text + " in it is not carried");
                }
            }
        }
    }

    const Machine &machine_;
    std::vector<Node::Ptr> roots_; // ports point into them
    std::map<std::string, Port> defined_;
    std::map<std::string, std::string> owners_;
    std::map<std::string, Planned> bonds_;
    std::vector<Other> others_;
    Draft draft_;
};

} // namespace

Result<Draft> read_netplan(const Machine &machine) { return Netplan(machine).read(); }

} // namespace xbond::import
