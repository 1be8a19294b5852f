// SPDX-License-Identifier: MIT
// teamd.conf(5) as options of a bond.
#include <algorithm>
#include <array>
#include <set>

#include "user/core/options/option_table.h"
#include "user/core/options/targets.h"
#include "user/core/options/text.h"
#include "user/import/syntax/text.h"
#include "user/import/team.h"

namespace xbond::import {

namespace {

using Member = Node::Member;

struct Pair {
    std::string_view team, bond;
};
constexpr std::array runners{Pair{"broadcast", "broadcast"},     Pair{"roundrobin", "balance-rr"},
                             Pair{"random", "balance-rr"},       Pair{"activebackup", "active-backup"},
                             Pair{"loadbalance", "balance-xor"}, Pair{"lacp", "802.3ad"}};
constexpr std::array address_policies{Pair{"same_all", "none"}, Pair{"by_active", "active"},
                                      Pair{"only_active", "follow"}};

class Team {
public:
    Team(const Place &at, Bond &bond, Notes &notes) : at_(at), bond_(bond), notes_(notes) {}

    Result<void> read(const Node &root) {
        if (root.kind == Node::Kind::null) {
            set("mode", "balance-rr", at_.line, "runner");
            return {};
        }
        if (!root.is_mapping()) {
            return refuse(at_, "expected an object");
        }
        XB_TRY_VOID(runner(root.find("runner")));
        for (const auto &member : root.members) {
            if (member.key == "link_watch") {
                XB_TRY_VOID(watches(member, root.find("link_watch_policy")));
            } else if (member.key == "notify_peers") {
                pair(member, "num_grat_arp", "peer_notify_delay");
            } else if (member.key == "mcast_rejoin") {
                pair(member, "resend_igmp", "");
            } else if (member.key == "hwaddr") {
                const auto mac = mac_text(member.value->text);
                if (!mac) {
                    return refuse(place(member), "hwaddr: " + core::quoted(member.value->text) + " is no MAC address");
                }
                bond_.address = *mac;
            } else if (member.key == "ports") {
                XB_TRY_VOID(ports(member));
            } else if (!is_one_of(member.key, {"device", "runner", "link_watch_policy", "debug_level"})) {
                left(member);
            }
        }
        return {};
    }

    void port(const Node &root, SlaveRef &slave) {
        for (const auto &member : root.members) {
            const auto number = whole_number(member.value->text);
            if (member.key == "prio" && number) {
                slave.prio = number;
            } else if (member.key == "queue_id" && number) {
                slave.queue_id = number;
            } else {
                left(member);
            }
        }
    }

private:
    Place place(const Member &member) const { return {at_.file, member.line}; }
    void left(const Member &member) {
        notes_.push_back({place(member), member.key + ": a bond has nothing like it, not carried"});
    }
    void set(std::string name, std::string value, unsigned line, std::string key) {
        bond_.settings.push_back({std::move(name), std::move(value), {at_.file, line}, std::move(key)});
    }
    void set(std::string_view name, const std::string &value, const Member &from) {
        set(std::string(name), value, from.line, from.key);
    }
    static std::string flag(const Member &member) { return member.value->text == "true" ? "1" : "0"; }

    Result<void> runner(const Member *runner) {
        const Member *name = nullptr;
        if (runner != nullptr) {
            if (!runner->value->is_mapping()) {
                return refuse(place(*runner), "runner: expected an object");
            }
            name = runner->value->find("name");
        }
        const std::string word = name == nullptr ? "roundrobin" : name->value->text;
        const auto *found = std::ranges::find(runners, word, &Pair::team);
        if (found == runners.end()) {
            return refuse(place(*name), "no runner " + core::quoted(word));
        }
        mode_ = *core::parse_mode(found->bond);
        set("mode", std::string(found->bond), name == nullptr ? at_.line : name->line, "runner");
        if (word == "random") {
            set("packets_per_slave", "0", name->line, "runner");
        }
        if (runner != nullptr) {
            for (const auto &member : runner->value->members) {
                XB_TRY_VOID(runner_key(member));
            }
        }
        return {};
    }

    Result<void> runner_key(const Member &member) {
        const auto &key = member.key;
        if (key == "hwaddr_policy") {
            const auto *found = std::ranges::find(address_policies, member.value->text, &Pair::team);
            if (found == address_policies.end()) {
                return refuse(place(member), "hwaddr_policy: bad value " + core::quoted(member.value->text));
            }
            set("fail_over_mac", std::string(found->bond), member);
        } else if (key == "active") {
            set("lacp_active", flag(member), member);
        } else if (key == "fast_rate") {
            set("lacp_rate", flag(member), member);
        } else if (key == "sys_prio") {
            set("ad_actor_sys_prio", member.value->text, member);
        } else if (key == "min_ports") {
            set("min_links", member.value->text, member);
        } else if (key == "agg_select_policy") {
            if (is_one_of(member.value->text, {"bandwidth", "count"})) {
                set("ad_select", member.value->text, member);
            } else {
                left(member);
            }
        } else if (key == "tx_hash") {
            return hash(member);
        } else if (key != "name") {
            left(member);
        }
        return {};
    }

    Result<void> hash(const Member &member) {
        if (!member.value->is_sequence()) {
            return refuse(place(member), "tx_hash: expected a list");
        }
        std::set<std::string> parts;
        for (const auto &item : member.value->items) {
            parts.insert(item->text);
        }
        const auto any = [&](std::initializer_list<std::string_view> names) {
            return std::ranges::any_of(names, [&](std::string_view name) { return parts.contains(std::string(name)); });
        };
        const bool eth = any({"eth"}), ip = any({"ip", "l3", "ipv4", "ipv6"}), l4 = any({"l4", "tcp", "udp", "sctp"});
        const auto *policy = l4 ? "layer3+4" : ip ? "layer2+3" : "layer2";
        if ((l4 && (eth || !ip)) || (!l4 && ip && !eth) || any({"vlan"}) || parts.empty()) {
            notes_.push_back(
                {place(member), "tx_hash: no policy hashes just that, " + std::string(policy) + " is the nearest"});
        }
        set("xmit_hash_policy", policy, member);
        return {};
    }

    void pair(const Member &member, std::string_view count, std::string_view interval) {
        for (const auto &part : member.value->members) {
            if (part.key == "count") {
                set(std::string(count), part.value->text, part.line, member.key + ".count");
            } else if (part.key == "interval" && !interval.empty()) {
                set(std::string(interval), part.value->text, part.line, member.key + ".interval");
            } else {
                left(part);
            }
        }
    }

    // One watch, or a list of which any or all have to say that a link is up.
    Result<void> watches(const Member &member, const Member *policy) {
        std::vector<Node::Ptr> list = member.value->is_sequence() ? member.value->items : std::vector{member.value};
        bool mii = false;
        std::size_t arp = 0;
        for (const auto &watch : list) {
            const auto *name = watch->find("name");
            const std::string word = name == nullptr ? "" : name->value->text;
            if (!is_one_of(word, {"ethtool", "arp_ping", "nsna_ping"})) {
                return refuse({at_.file, watch->line}, "no link_watch " + core::quoted(word));
            }
            mii = mii || word == "ethtool";
            arp += word == "ethtool" ? 0 : 1;
        }
        const bool all = policy != nullptr && policy->value->text == "all";
        const bool alone = core::traits(mode_).arp_alone && !mii;
        if (arp > 0 && !alone) {
            set("monitors", list.size() > 1 && !all ? "any" : "all", member.line, member.key);
            if (!mii) {
                notes_.push_back({place(member), "link_watch: this mode looks at the carrier too"});
            }
        }
        for (const auto &watch : list) {
            watch_settings(*watch);
        }
        if (arp > 1 && all) {
            set("arp_all_targets", "all", member.line, member.key);
        }
        return {};
    }

    void watch_settings(const Node &watch) {
        const auto &kind = watch.find("name")->value->text;
        if (kind == "ethtool") {
            for (const auto &part : watch.members) {
                if (part.key == "delay_up" || part.key == "delay_down") {
                    set(part.key == "delay_up" ? "updelay" : "downdelay", part.value->text, part);
                } else if (part.key != "name") {
                    left(part);
                }
            }
            return;
        }
        const auto *interval = watch.find("interval");
        const std::string milliseconds = interval == nullptr ? "1000" : interval->value->text;
        const auto line = interval == nullptr ? watch.line : interval->line;
        const auto before = std::ranges::find(bond_.settings, "arp_interval", &Setting::name);
        if (before == bond_.settings.end()) {
            set("arp_interval", milliseconds, line, "interval");
        } else if (before->value != milliseconds) {
            notes_.push_back({{at_.file, line}, "interval: a bond has one for all targets, " + before->value + " ms"});
        }
        std::string validate;
        for (const auto &part : watch.members) {
            if (part.key == "missed_max") {
                set("arp_missed_max", part.value->text, part);
            } else if (part.key == "target_host") {
                target(part, kind == "arp_ping");
            } else if (is_one_of(part.key, {"validate_active", "validate_inactive"})) {
                const auto *word = part.key == "validate_active" ? "active" : "backup";
                validate = part.value->text != "true" ? validate : validate.empty() ? word : "all";
            } else if (!is_one_of(part.key, {"name", "interval"})) {
                left(part);
            }
        }
        if (!validate.empty()) {
            set("arp_validate", validate, watch.line, "validate");
        }
    }

    void target(const Member &member, bool ipv4) {
        const auto &text = member.value->text;
        if (ipv4 ? !core::parse_ipv4(text) : !core::parse_ipv6(text)) {
            notes_.push_back({place(member), "target_host: " + core::quoted(text) + " is no address, not carried"});
            return;
        }
        if (ipv4) {
            set("arp_ip_target", "+" + text, member);
        } else {
            targets6_ += (targets6_.empty() ? "" : ",") + text;
            set("ns_ip6_target", targets6_, member);
        }
    }

    Result<void> ports(const Member &member) {
        if (!member.value->is_mapping()) {
            return refuse(place(member), "ports: expected an object");
        }
        for (const auto &one : member.value->members) {
            SlaveRef slave;
            slave.name = one.key;
            port(*one.value, slave);
            add_slave(bond_, slave);
        }
        return {};
    }

    Place at_;
    Bond &bond_;
    Notes &notes_;
    Mode mode_{};
    std::string targets6_;
};

} // namespace

Result<void> team_to_bond(const Node &root, const Place &at, Bond &bond, Notes &notes) {
    bond.module_defaults = false;
    bond.monitored = true;
    return Team(at, bond, notes).read(root);
}

void team_port(const Node &root, const Place &at, SlaveRef &slave, Notes &notes) {
    Bond unused;
    Team(at, unused, notes).port(root, slave);
}

Result<Draft> read_teamd(const Machine &machine) {
    Draft draft;
    const std::string directory = "etc/teamd";
    for (const auto &name : machine.files.list(directory)) {
        const auto path = directory + "/" + name;
        XB_TRY(text, read_text(machine.files, path));
        if (!name.ends_with(".conf") || !*text) {
            continue;
        }
        XB_TRY(root, parse_json(**text, {path, 1}));
        const auto *device = (*root)->find("device");
        const std::string bond_name = device == nullptr ? name.substr(0, name.size() - 5) : device->value->text;
        const Place at{path, device == nullptr ? 1 : device->line};
        if (!is_interface_name(bond_name)) {
            return refuse(at, core::quoted(bond_name) + " is no name of an interface");
        }
        if (draft.find(bond_name) != nullptr) {
            return refuse(at, "team " + bond_name + " is also defined in " + draft.find(bond_name)->at.file);
        }
        XB_TRY_VOID(team_to_bond(**root, at, draft.bond(bond_name, at), draft.notes));
    }
    return draft;
}

} // namespace xbond::import
