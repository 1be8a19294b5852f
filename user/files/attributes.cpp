// SPDX-License-Identifier: MIT
#include "user/files/attributes.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "user/core/options/option_table.h"

namespace xbond::files {

using nlohmann::ordered_json;

namespace {

constexpr std::size_t page = 4096, name_size = 16;

std::string line(const std::string &text) { return text + "\n"; }
std::string text_of(const ordered_json &value) { return value.is_string() ? value.get<std::string>() : value.dump(); }
std::string name_line(const ordered_json &name) { return name.is_string() ? line(name.get<std::string>()) : ""; }

bool speaks_lacp(const ordered_json &bond) { return bond.contains("lacp"); }

// The option, whose spelling in sysfs may be another one than ip's.
std::string option_text(std::string_view name, const ordered_json &bond) {
    const auto *row = core::find_option(name);
    return text_of(bond.at("options").at(std::string(row->name)));
}

// A number, also where xbond has a word for it.
std::string value(std::string_view name, const ordered_json &bond) {
    const auto text = option_text(name, bond);
    const auto number = core::value_of(core::find_option(name)->words, text);
    return line(number ? std::to_string(*number) : text);
}

// "active-backup 1"
std::string word_and_number(std::string_view name, const ordered_json &bond) {
    const auto word = option_text(name, bond);
    const auto number = core::value_of(core::find_option(name)->words, word);
    return line(word + " " + std::to_string(number.value_or(0)));
}

std::string lacp_value(std::string_view name, const ordered_json &bond) {
    return speaks_lacp(bond) ? value(name, bond) : "";
}

std::string targets(std::string_view name, const ordered_json &bond) {
    auto list = option_text(name, bond);
    std::ranges::replace(list, ',', ' ');
    return list.empty() ? "" : line(list);
}

std::string slave_names(std::string_view, const ordered_json &bond) {
    std::vector<std::string> names;
    for (const auto &slave : bond.at("slaves")) {
        names.push_back(slave.at("name").get<std::string>());
    }
    return name_list(names);
}

std::string queue_ids(std::string_view, const ordered_json &bond) {
    std::vector<std::string> pairs;
    for (const auto &slave : bond.at("slaves")) {
        pairs.push_back(slave.at("name").get<std::string>() + ":" + slave.at("queue_id").dump());
    }
    return name_list(pairs);
}

// In modes that have one; the kernel keeps it to itself in the others.
std::string of_primary_modes(const ordered_json &bond, const char *key) {
    const auto mode = core::parse_mode(option_text("mode", bond));
    return mode && core::traits(*mode).has_primary ? name_line(bond.at(key)) : "";
}
std::string active_slave(std::string_view, const ordered_json &bond) { return of_primary_modes(bond, "active_slave"); }
std::string primary(std::string_view, const ordered_json &bond) { return of_primary_modes(bond, "primary"); }
std::string carrier(std::string_view, const ordered_json &bond) {
    return line(bond.at("carrier").get<bool>() ? "up" : "down");
}

// Of the aggregator that carries the traffic; 0 where there is none.
template <const char *Key> std::string aggregator_number(std::string_view, const ordered_json &bond) {
    if (!speaks_lacp(bond)) {
        return "";
    }
    for (const auto &aggregator : bond.at("aggregators")) {
        if (aggregator.at("active").get<bool>()) {
            return line(aggregator.at(Key).dump());
        }
    }
    return line("0");
}
constexpr char id_key[] = "id", ports_key[] = "num_ports", actor_key[] = "actor_key", partner_key[] = "partner_key";

std::string partner_mac(std::string_view, const ordered_json &bond) {
    if (speaks_lacp(bond)) {
        for (const auto &aggregator : bond.at("aggregators")) {
            if (aggregator.at("active").get<bool>()) {
                return line(aggregator.at("partner").at("mac").get<std::string>());
            }
        }
    }
    return "";
}

constexpr bool writable = true, read_only = false;
constexpr std::array of_bond{Attribute{"slaves", writable, slave_names},
                             Attribute{"mode", writable, word_and_number},
                             Attribute{"fail_over_mac", writable, word_and_number},
                             Attribute{"arp_validate", writable, word_and_number},
                             Attribute{"arp_all_targets", writable, word_and_number},
                             Attribute{"arp_interval", writable, value},
                             Attribute{"arp_ip_target", writable, targets},
                             Attribute{"arp_missed_max", writable, value},
                             Attribute{"downdelay", writable, value},
                             Attribute{"updelay", writable, value},
                             Attribute{"peer_notif_delay", writable, value},
                             Attribute{"lacp_active", writable, word_and_number},
                             Attribute{"lacp_rate", writable, word_and_number},
                             Attribute{"ad_select", writable, word_and_number},
                             Attribute{"xmit_hash_policy", writable, word_and_number},
                             Attribute{"num_grat_arp", writable, value},
                             Attribute{"num_unsol_na", writable, value},
                             Attribute{"miimon", writable, value},
                             Attribute{"primary", writable, primary},
                             Attribute{"primary_reselect", writable, word_and_number},
                             Attribute{"use_carrier", writable, value},
                             Attribute{"active_slave", writable, active_slave},
                             Attribute{"queue_id", writable, queue_ids},
                             Attribute{"all_slaves_active", writable, value},
                             Attribute{"resend_igmp", writable, value},
                             Attribute{"min_links", writable, value},
                             Attribute{"lp_interval", writable, value},
                             Attribute{"packets_per_slave", writable, value},
                             Attribute{"tlb_dynamic_lb", writable, value},
                             Attribute{"ad_actor_sys_prio", writable, lacp_value},
                             Attribute{"ad_actor_system", writable, lacp_value},
                             Attribute{"ad_user_port_key", writable, lacp_value},
                             Attribute{"mii_status", read_only, carrier},
                             Attribute{"ad_aggregator", read_only, aggregator_number<id_key>},
                             Attribute{"ad_num_ports", read_only, aggregator_number<ports_key>},
                             Attribute{"ad_actor_key", read_only, aggregator_number<actor_key>},
                             Attribute{"ad_partner_key", read_only, aggregator_number<partner_key>},
                             Attribute{"ad_partner_mac", read_only, partner_mac}};

// ---- a slave ----

template <const char *Key> std::string slave_value(std::string_view, const ordered_json &slave) {
    return line(text_of(slave.at(Key)));
}
constexpr char state_key[] = "state", link_key[] = "link", failures_key[] = "failures", perm_mac_key[] = "perm_mac",
               queue_id_key[] = "queue_id";

bool aggregated(const ordered_json &slave) {
    return slave.contains("lacp") && slave.at("lacp").is_object() && !slave.at("lacp").at("aggregator_id").is_null();
}

std::string aggregator_id(std::string_view, const ordered_json &slave) {
    return line(aggregated(slave) ? slave.at("lacp").at("aggregator_id").dump() : "N/A");
}
constexpr char actor_side[] = "actor", partner_side[] = "partner";
template <const char *Side> std::string port_state(std::string_view, const ordered_json &slave) {
    return line(aggregated(slave) ? slave.at("lacp").at(Side).at("state").dump() : "N/A");
}

constexpr std::array of_slave{Attribute{"state", read_only, slave_value<state_key>},
                              Attribute{"mii_status", read_only, slave_value<link_key>},
                              Attribute{"link_failure_count", read_only, slave_value<failures_key>},
                              Attribute{"perm_hwaddr", read_only, slave_value<perm_mac_key>},
                              Attribute{"queue_id", read_only, slave_value<queue_id_key>},
                              Attribute{"ad_aggregator_id", read_only, aggregator_id},
                              Attribute{"ad_actor_oper_port_state", read_only, port_state<actor_side>},
                              Attribute{"ad_partner_oper_port_state", read_only, port_state<partner_side>}};

} // namespace

std::span<const Attribute> bond_attributes() { return of_bond; }
std::span<const Attribute> slave_attributes() { return of_slave; }

const Attribute *find(std::span<const Attribute> attributes, std::string_view name) {
    const auto found = std::ranges::find(attributes, name, &Attribute::name);
    return found == attributes.end() ? nullptr : &*found;
}

std::string name_list(std::span<const std::string> names) {
    std::string out;
    for (const auto &name : names) {
        if (out.size() > page - name_size) {
            out.resize(std::min(out.size(), page - 10));
            out += "++more++ ";
            break;
        }
        out += name + " ";
    }
    if (!out.empty()) {
        out.back() = '\n';
    }
    return out;
}

} // namespace xbond::files
