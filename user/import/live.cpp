// SPDX-License-Identifier: MIT
// A bond of the kernel as sysfs shows it, or /proc/net/bonding where sysfs is not there.
#include <algorithm>
#include <array>

#include "user/core/options/option_table.h"
#include "user/core/options/text.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

constexpr const char *net = "sys/class/net/";

// "word number": the word.
std::string first_of(const std::string &text) { return std::string(core::first_word(text)); }

class Live {
public:
    explicit Live(const Files &files) : files_(files) {}

    Result<Draft> read() {
        auto names = words(content(std::string(net) + "bonding_masters"));
        for (const auto &name : files_.list("sys/class/net")) {
            if (std::ranges::find(names, name) == names.end() &&
                files_.kind(net + name + "/bonding") == Files::Kind::directory) {
                names.push_back(name);
            }
        }
        for (const auto &name : names) {
            if (is_interface_name(name) && files_.kind(net + name + "/bonding/mode") == Files::Kind::file) {
                sysfs(name);
            }
        }
        for (const auto &name : files_.list("proc/net/bonding")) {
            if (is_interface_name(name) && draft_.find(name) == nullptr) {
                proc(name);
            }
        }
        return failed_ ? Result<Draft>(tl::unexpected(*failed_)) : Result<Draft>(std::move(draft_));
    }

private:
    // Empty: it is not there, or not for everybody to read. The first file that is no text of the kernel's is kept.
    std::string content(const std::string &path) {
        auto text = read_text(files_, path);
        if (!text && !failed_) {
            failed_ = text.error();
        }
        return text && *text ? std::string(trim(**text)) : "";
    }
    void refuse_it(const Place &at, const std::string &why) {
        failed_ = failed_ ? failed_ : std::optional(refuse(at, why).value());
    }

    Bond &bond(const std::string &name, const std::string &file) {
        auto &out = draft_.bond(name, {file, 1});
        out.module_defaults = false;
        out.monitored = true; // miimon 100 is not written; no monitor becomes that one
        return out;
    }

    void sysfs(const std::string &name) {
        const std::string base = net + name + "/";
        auto &out = bond(name, base + "bonding/mode");
        for (const auto &row : core::option_table()) {
            std::string file(row.name == "peer_notify_delay" ? "peer_notif_delay" : row.name);
            const auto path = base + "bonding/" + file;
            auto value = content(path);
            if (value.find('\n') != std::string::npos) {
                refuse_it({path, 2}, "more than one line");
            }
            if (value.empty() || is_one_of(row.name, {"active_slave", "queue_id"})) {
                continue;
            }
            value = row.words.empty() || row.name == "miimon" ? value : first_of(value);
            if (row.name == "arp_ip_target") {
                std::ranges::replace(value, ' ', ',');
            }
            take(out, row, value, {path, 1});
        }
        for (const auto &slave : words(content(base + "bonding/slaves"))) {
            const auto of_slave = net + slave + "/bonding_slave/";
            SlaveRef ref;
            ref.name = slave;
            ref.mac = mac_text(content(of_slave + "perm_hwaddr")).value_or("");
            const auto queue = whole_number(content(of_slave + "queue_id"));
            ref.queue_id = queue && *queue != 0 ? queue : std::nullopt;
            if (is_interface_name(slave)) {
                add_slave(out, ref);
            }
        }
        constexpr std::int64_t usual = 1500;
        if (const auto mtu = whole_number(content(base + "mtu")); mtu && *mtu != usual && *mtu >= 68 && *mtu <= 65535) {
            out.mtu = static_cast<std::uint32_t>(*mtu);
        }
        if (content(base + "addr_assign_type") == "3") { // set by somebody, not taken from a slave
            out.address = mac_text(content(base + "address")).value_or("");
        }
        for (const auto &above : files_.list(net + name)) {
            if (above.starts_with("upper_")) {
                draft_.note({base + above, 0}, core::quoted(above.substr(6)) +
                                                   " stands on the bond (vlan, bridge or the like): not carried");
            }
        }
    }

    // Only what differs from the driver's default: the others say nothing. Of a mode that has the option.
    static void take(Bond &out, const core::OptionRow &row, const std::string &value, const Place &at) {
        core::Options fresh;
        if (const auto mode = std::ranges::find(out.settings, "mode", &Setting::name); mode != out.settings.end()) {
            (void)core::set_option(fresh, {}, {"mode", mode->value}, nullptr);
        }
        if (row.name != "mode" &&
            (!core::check_applicable(fresh, {}, row.name) || core::get_option(fresh, row) == value)) {
            return;
        }
        if (row.name == "miimon" && value == "0") {
            return;
        }
        if (row.name != "mode" && value == row.fallback) {
            return;
        }
        out.settings.push_back({std::string(row.name), value, at, std::string(row.name)});
    }

    struct Line {
        std::string_view label, option;
    };
    static constexpr std::array labels{Line{"MII Polling Interval (ms)", "miimon"},
                                       Line{"Up Delay (ms)", "updelay"},
                                       Line{"Down Delay (ms)", "downdelay"},
                                       Line{"Peer Notification Delay (ms)", "peer_notify_delay"},
                                       Line{"ARP Polling Interval (ms)", "arp_interval"},
                                       Line{"ARP Missed Max", "arp_missed_max"},
                                       Line{"LACP active", "lacp_active"},
                                       Line{"LACP rate", "lacp_rate"},
                                       Line{"Min links", "min_links"},
                                       Line{"Aggregator selection policy (ad_select)", "ad_select"},
                                       Line{"Transmit Hash Policy", "xmit_hash_policy"},
                                       Line{"Primary Slave", "primary"},
                                       Line{"System priority", "ad_actor_sys_prio"},
                                       Line{"ARP IP target/s (n.n.n.n form)", "arp_ip_target"}};

    void proc(const std::string &name) {
        const std::string path = "proc/net/bonding/" + name;
        const auto text = content(path);
        unsigned number = 0;
        std::string slave;
        for (const auto line : lines(text)) {
            const Place at{path, ++number};
            const auto colon = line.find(':');
            const auto label = trim(line.substr(0, colon));
            const std::string value(colon == std::string_view::npos ? std::string_view{}
                                                                    : trim(line.substr(colon + 1)));
            if (label == "Bonding Mode") {
                proc_mode(name, value, at);
            } else if (label == "Slave Interface" && is_interface_name(value)) {
                slave = value;
            }
            auto *out = draft_.find(name);
            if (out == nullptr) {
                continue;
            }
            proc_line(*out, std::string(label), value, slave, at);
        }
        if (draft_.find(name) == nullptr) {
            refuse_it({path, 1}, "no Bonding Mode that is known");
        }
    }

    void proc_mode(const std::string &name, const std::string &value, const Place &at) {
        for (const auto &traits : core::mode_table) {
            if (value.starts_with(traits.proc_text)) {
                auto &out = bond(name, at.file);
                take(out, *core::find_option("mode"), std::string(traits.keyword), at);
                const auto policy = value.find("(fail_over_mac ");
                if (policy != std::string::npos) {
                    take(out, *core::find_option("fail_over_mac"),
                         value.substr(policy + 15, value.find(')', policy) - policy - 15), at);
                }
            }
        }
    }

    static void proc_line(Bond &out, const std::string &label, const std::string &value, const std::string &slave,
                          const Place &at) {
        SlaveRef ref;
        ref.name = slave;
        if (label == "Permanent HW addr") {
            ref.mac = mac_text(value).value_or("");
        } else if (label == "Slave queue ID" && value != "0") {
            ref.queue_id = whole_number(value);
        }
        if (!slave.empty()) {
            return add_slave(out, ref);
        }
        const auto *found = std::ranges::find(labels, label, &Line::label);
        if (found == labels.end() || value == "None") {
            return;
        }
        auto text = found->option == "arp_ip_target" ? value : first_of(value);
        std::erase(text, ' ');
        take(out, *core::find_option(found->option), text, at);
        const auto reselect = value.find("(primary_reselect ");
        if (found->option == "primary" && reselect != std::string::npos) {
            take(out, *core::find_option("primary_reselect"),
                 value.substr(reselect + 18, value.find(')', reselect) - reselect - 18), at);
        }
    }

    const Files &files_;
    std::optional<Error> failed_;
    Draft draft_;
};

} // namespace

Result<Draft> read_live(const Machine &machine) { return Live(machine.files).read(); }

} // namespace xbond::import
