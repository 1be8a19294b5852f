// SPDX-License-Identifier: MIT
#include "user/import/export.h"

#include <algorithm>
#include <array>

#include "user/core/options/option_table.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

enum class Form : std::uint8_t { text, milliseconds, seconds, flag, list };
struct Key {
    std::string_view option, networkd, netplan;
    Form form = Form::text;
};
constexpr std::array keys{Key{"mode", "Mode", "mode"},
                          Key{"miimon", "MIIMonitorSec", "mii-monitor-interval", Form::milliseconds},
                          Key{"updelay", "UpDelaySec", "up-delay", Form::milliseconds},
                          Key{"downdelay", "DownDelaySec", "down-delay", Form::milliseconds},
                          Key{"peer_notify_delay", "PeerNotifyDelaySec", "", Form::milliseconds},
                          Key{"arp_interval", "ARPIntervalSec", "arp-interval", Form::milliseconds},
                          Key{"arp_ip_target", "ARPIPTargets", "arp-ip-targets", Form::list},
                          Key{"arp_validate", "ARPValidate", "arp-validate"},
                          Key{"arp_all_targets", "ARPAllTargets", "arp-all-targets"},
                          Key{"arp_missed_max", "ARPMissedMax", ""},
                          Key{"primary_reselect", "PrimaryReselectPolicy", "primary-reselect-policy"},
                          Key{"fail_over_mac", "FailOverMACPolicy", "fail-over-mac-policy"},
                          Key{"xmit_hash_policy", "TransmitHashPolicy", "transmit-hash-policy"},
                          Key{"resend_igmp", "ResendIGMP", "resend-igmp"},
                          Key{"num_grat_arp", "GratuitousARP", "gratuitous-arp"},
                          Key{"all_slaves_active", "AllSlavesActive", "all-slaves-active", Form::flag},
                          Key{"min_links", "MinLinks", "min-links"},
                          Key{"lp_interval", "LearnPacketIntervalSec", "learn-packet-interval", Form::seconds},
                          Key{"packets_per_slave", "PacketsPerSlave", "packets-per-slave"},
                          Key{"lacp_rate", "LACPTransmitRate", "lacp-rate"},
                          Key{"ad_select", "AdSelect", "ad-select"},
                          Key{"ad_actor_sys_prio", "AdActorSystemPriority", ""},
                          Key{"ad_user_port_key", "AdUserPortKey", ""},
                          Key{"ad_actor_system", "AdActorSystem", ""},
                          Key{"tlb_dynamic_lb", "DynamicTransmitLoadBalancing", "", Form::flag}};

// The options that are named, as words and plain numbers, and the monitor that xbond has without a word.
std::vector<core::OptionValue> named_options(const api::BondConfig &bond) {
    core::Options options;
    std::vector<core::OptionValue> out;
    for (const auto &option : bond.options) {
        (void)core::set_option(options, {}, option, nullptr); // the parser has tried it
    }
    bool monitored = false;
    out.push_back({"mode", std::string(core::mode_name(options.mode))});
    for (const auto &row : core::option_table()) {
        const bool named = std::ranges::any_of(
            bond.options, [&](const core::OptionValue &o) { return core::find_option(o.name)->name == row.name; });
        if (named && row.name != "mode" && row.name != "use_carrier") {
            out.push_back({std::string(row.name), core::get_option(options, row).value_or("")});
            monitored = monitored || is_one_of(row.name, {"miimon", "arp_interval"});
        }
    }
    if (!monitored) {
        out.insert(out.begin() + 1, {"miimon", std::to_string(options.miimon_ms)});
    }
    return out;
}

class Export {
public:
    explicit Export(const api::Config &config) : config_(config) {}

    Exported iproute2() {
        for (const auto &bond : config_.bonds) {
            std::string options, primary;
            for (const auto &[name, value] : named_options(bond)) {
                if (core::find_option(name)->ip.form == core::IpForm::none) { // ip does not know it
                    left(bond, name);
                } else {
                    options += " " + name + " " + value;
                }
            }
            ports(bond);
            line("ip link add " + bond.name + (bond.address ? " address " + bond.address->str() : "") +
                 (bond.mtu ? " mtu " + std::to_string(*bond.mtu) : "") + " type bond" + options);
            for (const auto &slave : bond.slaves) {
                if (slave.name.empty()) {
                    left(bond, "slave " + slave.text() + ", which has no name here,");
                    continue;
                }
                line("ip link set " + slave.name + " down");
                line("ip link set " + slave.name + " master " + bond.name);
                for (const auto &[name, value] : slave.options) {
                    line("ip link set " + slave.name + " type bond_slave " + name + " " + value);
                }
            }
            if (bond.up) {
                line("ip link set " + bond.name + " up");
            }
        }
        return std::move(out_);
    }

    Exported networkd() {
        for (const auto &bond : config_.bonds) {
            ports(bond);
            line("# /etc/systemd/network/10-" + bond.name + ".netdev\n[NetDev]\nName=" + bond.name + "\nKind=bond");
            if (bond.mtu) {
                line("MTUBytes=" + std::to_string(*bond.mtu));
            }
            if (bond.address) {
                line("MACAddress=" + bond.address->str());
            }
            line("\n[Bond]");
            std::string primary;
            for (const auto &[name, value] : named_options(bond)) {
                const auto *key = find(name);
                if (name == "primary") {
                    primary = value;
                } else if (key == keys.end() || (name == "fail_over_mac" && !follows_active(bond))) {
                    if (name != "fail_over_mac" || value != "none") { // which is what it is there anyway
                        left(bond, name);
                    }
                } else {
                    line(std::string(key->networkd) + "=" + value_for(*key, value, " "));
                }
            }
            line("");
            for (std::size_t i = 0; i < bond.slaves.size(); ++i) {
                networkd_port(bond, i, primary);
            }
        }
        return std::move(out_);
    }

    Exported netplan() {
        line("network:\n  version: 2\n  ethernets:");
        for (const auto &bond : config_.bonds) {
            for (std::size_t i = 0; i < bond.slaves.size(); ++i) {
                netplan_port(bond, i);
            }
        }
        line("  bonds:");
        for (const auto &bond : config_.bonds) {
            std::string list;
            ports(bond);
            for (std::size_t i = 0; i < bond.slaves.size(); ++i) {
                if (fits_netplan(bond.slaves[i])) {
                    list += (list.empty() ? "" : ", ") + id(bond, i);
                }
            }
            line("    " + bond.name + ":\n      interfaces: [" + list + "]");
            if (bond.mtu) {
                line("      mtu: " + std::to_string(*bond.mtu));
            }
            if (bond.address) {
                line("      macaddress: \"" + bond.address->str() + "\"");
            }
            line("      parameters:");
            for (const auto &[name, value] : named_options(bond)) {
                const auto *key = find(name);
                if (name == "primary") {
                    netplan_primary(bond, value);
                } else if (key == keys.end() || key->netplan.empty()) {
                    left(bond, name);
                } else {
                    const auto text = value_for(*key, value, ", ");
                    line("        " + std::string(key->netplan) + ": " +
                         (key->form == Form::list ? "[" + text + "]" : text));
                }
            }
        }
        return std::move(out_);
    }

private:
    void line(const std::string &text) { out_.text += text + "\n"; }
    void left(const api::BondConfig &bond, const std::string &what) {
        out_.notes.push_back(bond.name + ": " + what + " is left out: there is nothing like it");
    }
    void ports(const api::BondConfig &bond) {
        for (const auto &port : bond.ports.value_or(std::vector<api::PortConfig>())) {
            left(bond, "port " + port.name);
        }
    }
    static const Key *find(std::string_view option) { return std::ranges::find(keys, option, &Key::option); }

    static std::string value_for(const Key &key, const std::string &value, std::string_view between) {
        if (key.form == Form::milliseconds) {
            return value + "ms";
        }
        if (key.form == Form::seconds) {
            return value + "s";
        }
        if (key.form == Form::flag) {
            return value == "1" ? "true" : "false";
        }
        std::string out;
        for (const auto &word : words(value, ",")) {
            out += (out.empty() ? "" : std::string(between)) + word;
        }
        return out;
    }

    void slave_options(const api::BondConfig &bond, const api::SlaveConfig &slave) {
        for (const auto &option : slave.options) {
            left(bond, slave.text() + ": " + option.name);
        }
    }

    void networkd_port(const api::BondConfig &bond, std::size_t i, const std::string &primary) {
        const auto &slave = bond.slaves[i];
        const auto file = "-" + bond.name + "-port" + std::to_string(i);
        if (slave.mac && !slave.name.empty()) { // the name is to follow the address
            line("# /etc/systemd/network/05" + file + ".link\n[Match]\nPermanentMACAddress=" + slave.mac->str() +
                 "\n\n[Link]\nName=" + slave.name + "\n");
        }
        line("# /etc/systemd/network/20" + file + ".network\n[Match]");
        if (slave.mac) {
            line("PermanentMACAddress=" + slave.mac->str());
        }
        if (!slave.name.empty()) {
            line("Name=" + slave.name);
        }
        for (const auto &[key, value] :
             {std::pair("Name", &slave.match), std::pair("Path", &slave.path), std::pair("Driver", &slave.driver)}) {
            if (!value->empty()) {
                line(std::string(key) + "=" + *value);
            }
        }
        line("\n[Network]\nBond=" + bond.name);
        if (!primary.empty() && slave.name == primary) {
            line("PrimarySlave=yes");
        }
        line("");
        slave_options(bond, slave);
    }

    static bool follows_active(const api::BondConfig &bond) {
        const auto options = named_options(bond);
        const auto mode = core::parse_mode(options.front().value); // it comes first
        return mode && core::traits(*mode).address_follows_active;
    }

    // A name is its own ID; what is matched gets one.
    static std::string id(const api::BondConfig &bond, std::size_t i) {
        const auto &slave = bond.slaves[i];
        return slave.name.empty() ? bond.name + "-port" + std::to_string(i) : slave.name;
    }
    // netplan matches by name, address and driver.
    static bool fits_netplan(const api::SlaveConfig &slave) { return slave.path.empty(); }

    void netplan_port(const api::BondConfig &bond, std::size_t i) {
        const auto &slave = bond.slaves[i];
        slave_options(bond, slave);
        if (!fits_netplan(slave)) {
            return left(bond, "slave " + slave.text());
        }
        std::string match;
        const auto add = [&](std::string_view key, const std::string &value) {
            match += (match.empty() ? "" : ", ") + std::string(key) + ": \"" + value + "\"";
        };
        if (slave.mac) {
            add("macaddress", slave.mac->str());
        }
        if (!slave.match.empty()) {
            add("name", slave.match);
        }
        if (!slave.driver.empty()) {
            add("driver", slave.driver);
        }
        const auto name = slave.mac && !slave.name.empty() ? ", set-name: \"" + slave.name + "\"" : ""; // follows it
        line("    " + id(bond, i) + ": {" + (match.empty() ? "" : "match: {" + match + "}") + name + "}");
    }

    void netplan_primary(const api::BondConfig &bond, const std::string &primary) {
        for (std::size_t i = 0; i < bond.slaves.size(); ++i) {
            if (bond.slaves[i].name == primary) {
                return line("        primary: " + id(bond, i));
            }
        }
        left(bond, "primary " + primary + ", which is no slave by name,");
    }

    const api::Config &config_;
    Exported out_;
};

} // namespace

std::vector<std::string_view> export_names() { return {"iproute2", "networkd", "netplan"}; }

Result<Exported> export_config(const api::Config &config, std::string_view format) {
    Export out(config);
    if (format == "iproute2") {
        return out.iproute2();
    }
    if (format == "networkd") {
        return out.networkd();
    }
    if (format == "netplan") {
        return out.netplan();
    }
    return fail(EINVAL, "no format " + std::string(format));
}

} // namespace xbond::import
