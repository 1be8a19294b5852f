// SPDX-License-Identifier: MIT
// systemd-networkd's .netdev and .network files with their drop-ins.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "user/core/options/text.h"
#include "user/import/driver.h"
#include "user/import/syntax/ini.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

constexpr std::array directories{"etc/systemd/network", "run/systemd/network", "usr/local/lib/systemd/network",
                                 "usr/lib/systemd/network", "lib/systemd/network"};

enum class Form : std::uint8_t { word, milliseconds, seconds, number, flag, address, addresses };
struct BondKey {
    std::string_view key, option;
    Form form = Form::word;
    std::string_view only = ""; // the one mode in which networkd hands it over
};
constexpr std::array bond_keys{BondKey{"Mode", "mode"},
                               BondKey{"TransmitHashPolicy", "xmit_hash_policy"},
                               BondKey{"LACPTransmitRate", "lacp_rate", Form::word, "802.3ad"},
                               BondKey{"MIIMonitorSec", "miimon", Form::milliseconds},
                               BondKey{"PeerNotifyDelaySec", "peer_notify_delay", Form::milliseconds},
                               BondKey{"UpDelaySec", "updelay", Form::milliseconds},
                               BondKey{"DownDelaySec", "downdelay", Form::milliseconds},
                               BondKey{"LearnPacketIntervalSec", "lp_interval", Form::seconds},
                               BondKey{"AdSelect", "ad_select", Form::word, "802.3ad"},
                               BondKey{"AdActorSystemPriority", "ad_actor_sys_prio", Form::number},
                               BondKey{"AdUserPortKey", "ad_user_port_key", Form::number},
                               BondKey{"AdActorSystem", "ad_actor_system", Form::address},
                               BondKey{"FailOverMACPolicy", "fail_over_mac", Form::word, "active-backup"},
                               BondKey{"ARPValidate", "arp_validate"},
                               BondKey{"ARPIntervalSec", "arp_interval", Form::milliseconds},
                               BondKey{"ARPIPTargets", "arp_ip_target", Form::addresses},
                               BondKey{"ARPAllTargets", "arp_all_targets"},
                               BondKey{"ARPMissedMax", "arp_missed_max", Form::number},
                               BondKey{"PrimaryReselectPolicy", "primary_reselect"},
                               BondKey{"ResendIGMP", "resend_igmp", Form::number},
                               BondKey{"PacketsPerSlave", "packets_per_slave", Form::number, "balance-rr"},
                               BondKey{"GratuitousARP", "num_grat_arp", Form::number},
                               BondKey{"AllSlavesActive", "all_slaves_active", Form::flag},
                               BondKey{"DynamicTransmitLoadBalancing", "tlb_dynamic_lb", Form::flag},
                               BondKey{"MinLinks", "min_links", Form::number}};

struct Unit {
    std::string path, name;
    std::vector<IniEntry> entries;

    std::vector<const IniEntry *> all(std::string_view section, std::string_view key) const {
        std::vector<const IniEntry *> out;
        for (const auto &entry : entries) {
            if (entry.section == section && entry.key == key) {
                entry.value.empty() ? out.clear() : out.push_back(&entry); // an empty one begins the list anew
            }
        }
        return out;
    }
    std::vector<std::string> list(std::string_view section, std::string_view key) const {
        std::vector<std::string> out;
        for (const auto *entry : all(section, key)) {
            const auto more = words(entry->value);
            out.insert(out.end(), more.begin(), more.end());
        }
        return out;
    }
};

class Networkd {
public:
    explicit Networkd(const Machine &machine) : machine_(machine) {}

    Result<Draft> read() {
        netplan_ =
            std::ranges::any_of(std::array{"etc/netplan", "run/netplan", "lib/netplan"}, [&](const char *directory) {
                return std::ranges::any_of(machine_.files.list(directory),
                                           [](const std::string &n) { return n.ends_with(".yaml"); });
            });
        XB_TRY(netdevs, units(".netdev"));
        XB_TRY(networks, units(".network"));
        networks_ = std::move(*networks);
        for (const auto &unit : *netdevs) {
            XB_TRY_VOID(netdev(unit));
        }
        for (const auto &unit : networks_) {
            XB_TRY_VOID(network(unit));
        }
        for (auto &bond : draft_.bonds) {
            in_option_order(bond.settings);
            XB_TRY_VOID(can_be_made(bond));
        }
        return std::move(draft_);
    }

private:
    // Files by name over the directories, the first directory that has a name wins; with their drop-ins.
    Result<std::vector<Unit>> units(std::string_view ending) {
        std::map<std::string, std::string> main;
        std::map<std::string, std::map<std::string, std::string>> drop_ins;
        for (const std::string directory : directories) {
            for (const auto &name : machine_.files.list(directory)) {
                const bool generated =
                    netplan_ && directory.starts_with("run/") && name.find("netplan-") != std::string::npos;
                if (name.ends_with(ending) && !generated) {
                    main.emplace(name, directory + "/" + name);
                } else if (name.ends_with(std::string(ending) + ".d")) {
                    for (const auto &part : machine_.files.list(directory + "/" + name)) {
                        if (part.ends_with(".conf")) {
                            drop_ins[name.substr(0, name.size() - 2)].emplace(part,
                                                                              directory + "/" + name + "/" + part);
                        }
                    }
                }
            }
        }
        std::vector<Unit> out;
        for (const auto &[name, path] : main) {
            Unit unit{path, name, {}};
            XB_TRY(there, add(unit, path));
            if (!*there) {
                continue; // masked, by a link to /dev/null or an empty file
            }
            for (const auto &[part, part_path] : drop_ins[name]) {
                XB_TRY_VOID(add(unit, part_path));
            }
            out.push_back(std::move(unit));
        }
        return out;
    }

    Result<bool> add(Unit &unit, const std::string &path) {
        XB_TRY(text, read_text(machine_.files, path));
        if (!*text || (**text).empty()) {
            return false;
        }
        XB_TRY(entries, parse_systemd(**text, path, draft_.notes));
        unit.entries.insert(unit.entries.end(), entries->begin(), entries->end());
        return true;
    }

    Result<void> netdev(const Unit &unit) {
        const auto *kind = find_entry(unit.entries, "NetDev", "Kind");
        const auto *name = find_entry(unit.entries, "NetDev", "Name");
        if (kind == nullptr || kind->value != "bond") {
            return {};
        }
        if (name == nullptr || !is_interface_name(name->value)) {
            return refuse(name == nullptr ? kind->at : name->at, "a netdev without a name");
        }
        if (const auto *other = draft_.find(name->value)) {
            draft_.note(name->at, "bond " + name->value + " is already defined by " + other->at.file + ", left out");
            return {};
        }
        auto &bond = draft_.bond(name->value, name->at);
        for (const auto &entry : unit.entries) {
            if (entry.section == "NetDev" && entry.key == "MTUBytes") {
                bond.mtu = mtu(entry);
            } else if (entry.section == "NetDev" && entry.key == "MACAddress" && entry.value != "none") {
                bond.address = mac_text(entry.value).value_or("");
            } else if (entry.section == "NetDev" && !is_one_of(entry.key, {"Name", "Kind", "Description"})) {
                draft_.note(entry.at, entry.key + ": not known, left out");
            } else if (entry.section == "Match") {
                draft_.note(entry.at, entry.key + ": a condition of the host, not carried");
            }
        }
        return options(unit, bond);
    }

    std::optional<std::uint32_t> mtu(const IniEntry &entry) {
        auto text = trim(entry.value);
        const char suffix = text.empty() ? ' ' : text.back();
        const std::int64_t factor = suffix == 'K' || suffix == 'k' ? 1024 : suffix == 'M' ? 1024 * 1024 : 1;
        text.remove_suffix(factor > 1 ? 1 : 0);
        const auto number = whole_number(text);
        if (!number || *number * factor < 68 || *number * factor > 65535) {
            draft_.note(entry.at, entry.key + ": bad value " + core::quoted(entry.value) + ", left out");
            return std::nullopt;
        }
        return static_cast<std::uint32_t>(*number * factor);
    }

    Result<void> options(const Unit &unit, Bond &bond) {
        std::string mode;
        std::map<std::string_view, Setting> settings;
        for (const auto &entry : unit.entries) {
            if (entry.section != "Bond") {
                continue;
            }
            const auto *found = std::ranges::find(bond_keys, entry.key, &BondKey::key);
            if (found == bond_keys.end()) {
                draft_.note(entry.at, entry.key + ": no key of [Bond], left out");
                continue;
            }
            if (found->form == Form::addresses) {
                for (const auto &target : words(entry.value)) {
                    bond.settings.push_back({std::string(found->option), "+" + target, entry.at, entry.key});
                }
                continue;
            }
            if (entry.value.empty() && found->option != "mode") {
                settings.erase(found->option);
                continue;
            }
            if (found->option == "mode") {
                const auto parsed = core::parse_mode(entry.value);
                if (!parsed || core::mode_name(*parsed) != entry.value) {
                    return refuse(entry.at, "unknown mode " + core::quoted(entry.value));
                }
                mode = entry.value;
            }
            if (const auto value = plain(*found, entry)) {
                settings.insert_or_assign(found->option,
                                          Setting{std::string(found->option), *value, entry.at, entry.key});
            }
        }
        for (const auto &[name, setting] : settings) {
            const auto *key = std::ranges::find(bond_keys, setting.key, &BondKey::key);
            if (!key->only.empty() && key->only != (mode.empty() ? "balance-rr" : mode)) {
                draft_.note(setting.at,
                            setting.key + ": networkd has it in mode " + std::string(key->only) + " only, left out");
            } else {
                bond.settings.push_back(setting);
            }
        }
        return {};
    }

    // A value that networkd does not take is a line that is not there.
    std::optional<std::string> plain(const BondKey &key, const IniEntry &entry) {
        std::optional<std::string> out;
        if (key.form == Form::milliseconds || key.form == Form::seconds) {
            if (const auto time = time_span(entry.value, 1000000)) {
                out = std::to_string(*time / (key.form == Form::seconds ? 1000000 : 1000));
            }
        } else if (key.form == Form::number) {
            const auto number = whole_number(entry.value);
            out = number && *number >= 0 ? std::optional(std::to_string(*number)) : std::nullopt;
        } else if (key.form == Form::flag) {
            const auto flag = yes_or_no(entry.value);
            out = flag ? std::optional<std::string>(*flag ? "1" : "0") : std::nullopt;
        } else if (key.form == Form::address) {
            out = mac_text(entry.value);
        } else if (entry.value.find_first_not_of("0123456789") != std::string::npos) { // words only, no numbers
            const auto *row = core::find_option(key.option);
            out = core::value_of(row->words, entry.value) && core::first_word(entry.value) == entry.value
                      ? std::optional(entry.value)
                      : std::nullopt;
        }
        if (!out) {
            draft_.note(entry.at, entry.key + ": " + core::quoted(entry.value) + " is not understood, left out");
        }
        return out;
    }

    // networkd asks for everything at once, and the kernel makes no bond with both monitors.
    static Result<void> can_be_made(const Bond &bond) {
        const auto on = [&](std::string_view name) -> const Setting * {
            const auto found =
                std::ranges::find_if(bond.settings, [&](const Setting &s) { return s.name == name && s.value != "0"; });
            return found == bond.settings.end() ? nullptr : &*found;
        };
        const auto *arp = on("arp_interval");
        if (on("miimon") != nullptr && arp != nullptr) {
            return refuse(arp->at, "ARPIntervalSec beside MIIMonitorSec: the kernel makes no such bond");
        }
        return {};
    }

    Result<void> network(const Unit &unit) {
        const bool matches_nothing = std::ranges::none_of(
            unit.entries, [](const IniEntry &e) { return e.section == "Match" && !e.value.empty(); });
        const auto bonds = unit.all("Network", "Bond");
        if (matches_nothing) {
            if (!bonds.empty()) {
                draft_.note(bonds.back()->at, "Bond: the file has no [Match], and counts for nothing");
            }
            return {};
        }
        const auto names = unit.list("Match", "Name");
        for (auto &bond : draft_.bonds) {
            if (std::ranges::any_of(names, [&](const std::string &n) { return glob_fits(n, bond.name); }) &&
                seen_.insert({bond.name, unit.name}).second && first_of(bond.name) == &unit) {
                of_bond(unit, bond);
            }
        }
        if (bonds.empty()) {
            return {};
        }
        auto *bond = draft_.find(bonds.back()->value);
        if (bond == nullptr) {
            draft_.note(bonds.back()->at, "Bond: no .netdev makes " + core::quoted(bonds.back()->value) + ", left out");
            return {};
        }
        ports(unit, *bond);
        return {};
    }

    // The file that counts for an interface of which only the name is known.
    const Unit *first_of(const std::string &name) const {
        for (const auto &unit : networks_) {
            const auto patterns = unit.list("Match", "Name");
            const bool name_alone = std::ranges::none_of(unit.entries, [](const IniEntry &e) {
                return e.section == "Match" && !is_one_of(e.key, {"Name", "Type"}) && !e.value.empty();
            });
            if (name_alone && std::ranges::any_of(patterns, [&](const std::string &p) { return glob_fits(p, name); })) {
                return &unit;
            }
        }
        return nullptr;
    }

    // Everything that networkd does to the bond itself.
    void of_bond(const Unit &unit, Bond &bond) {
        for (const auto &entry : unit.entries) {
            const auto flag = yes_or_no(entry.value);
            if (entry.section == "Match" || entry.key == "Description" || entry.value.empty() ||
                (is_one_of(entry.key,
                           {"DHCP", "IPv6AcceptRA", "LinkLocalAddressing", "LLDP", "EmitLLDP", "BindCarrier"}) &&
                 flag == false)) {
                continue;
            }
            if (entry.section == "Link" && entry.key == "MTUBytes") {
                bond.mtu = mtu(entry);
            } else if (entry.section == "Link" && entry.key == "MACAddress" && mac_text(entry.value)) {
                bond.address = *mac_text(entry.value);
            } else {
                draft_.note(entry.at, entry.key + ": not carried, stays with networkd");
            }
        }
    }

    void ports(const Unit &unit, Bond &bond) {
        const auto references = matched(unit);
        for (const auto &slave : references) {
            const auto *first = slave.match.empty() && !slave.name.empty() && slave.mac.empty() &&
                                        slave.driver.empty() && slave.path.empty()
                                    ? first_of(slave.name)
                                    : nullptr;
            if (first != nullptr && first != &unit && first->name < unit.name) {
                draft_.note(unit.all("Network", "Bond").back()->at,
                            "Bond: " + first->path + " comes first for " + slave.name + ", left out");
                continue;
            }
            const bool same_kind = slave.name.empty() && slave.mac.empty();
            same_kind ? bond.slaves.push_back(slave) : add_slave(bond, slave);
        }
        for (const auto &entry : unit.entries) {
            if (entry.section == "Match" || entry.value.empty() ||
                is_one_of(entry.key,
                          {"Bond", "Description", "LinkLocalAddressing", "LLDP", "EmitLLDP", "IPv6AcceptRA", "DHCP"})) {
                continue;
            }
            if (entry.key == "PrimarySlave" && entry.section == "Network") {
                primary(entry, references, bond);
            } else if (entry.key == "ActiveSlave") {
                draft_.note(entry.at, "ActiveSlave: moves the active slave once and is no configuration, not carried");
            } else {
                draft_.note(entry.at, entry.key + ": not carried, stays with networkd");
            }
        }
    }

    void primary(const IniEntry &entry, const std::vector<SlaveRef> &slaves, Bond &bond) {
        if (yes_or_no(entry.value) != true) {
            return;
        }
        if (slaves.size() != 1 || slaves.front().name.empty()) {
            return draft_.note(entry.at, "PrimarySlave: the file names no single interface, left out");
        }
        bond.settings.push_back({"primary", slaves.front().name, entry.at, entry.key});
    }

    // [Match] as slaves: each name with each driver and path.
    std::vector<SlaveRef> matched(const Unit &unit) {
        std::vector<SlaveRef> out{{}};
        const auto multiply = [&](const std::vector<std::string> &values, const auto &set) {
            constexpr std::size_t most = 1024;
            std::vector<SlaveRef> next;
            for (const auto &value : values) {
                for (std::size_t i = 0; i < out.size() && next.size() < most; ++i) {
                    next.push_back(out[i]);
                    set(next.back(), value);
                }
            }
            if (!values.empty()) {
                out = std::move(next);
            }
        };
        auto macs = unit.list("Match", "PermanentMACAddress");
        const auto more = unit.list("Match", "MACAddress");
        macs.insert(macs.end(), more.begin(), more.end());
        multiply(macs, [](SlaveRef &s, const std::string &v) { s.mac = mac_text(v).value_or(""); });
        multiply(unit.list("Match", "Name"),
                 [](SlaveRef &s, const std::string &v) { (is_glob(v) ? s.match : s.name) = v; });
        multiply(unit.list("Match", "Path"), [](SlaveRef &s, const std::string &v) { s.path = v; });
        multiply(unit.list("Match", "Driver"), [](SlaveRef &s, const std::string &v) { s.driver = v; });
        bool only_conditions = macs.empty();
        for (const auto &entry : unit.entries) {
            if (entry.section != "Match" || entry.value.empty()) {
                continue;
            }
            only_conditions = only_conditions && !is_one_of(entry.key, {"Name", "Path", "Driver"});
            if (entry.key == "Name" && entry.value.starts_with('!')) {
                draft_.note(entry.at, "Name: all but these, which has no equal; left out");
                return {};
            }
            const bool ethernet = entry.key == "Type" && entry.value == "ether";
            if (!ethernet && !is_one_of(entry.key, {"Name", "Path", "Driver", "MACAddress", "PermanentMACAddress"})) {
                draft_.note(entry.at, entry.key + ": a condition that is not carried");
            }
        }
        if (only_conditions) {
            out.front().match = "*";
        }
        std::erase_if(out, [](const SlaveRef &s) {
            return s.name.empty() && s.mac.empty() && s.match.empty() && s.path.empty() && s.driver.empty();
        });
        return out;
    }

    const Machine &machine_;
    bool netplan_ = false;
    std::vector<Unit> networks_;
    std::set<std::pair<std::string, std::string>> seen_;
    Draft draft_;
};

} // namespace

Result<Draft> read_networkd(const Machine &machine) { return Networkd(machine).read(); }

} // namespace xbond::import
