// SPDX-License-Identifier: MIT
#include "user/import/import.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "user/core/options/text.h"
#include "user/import/driver.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

using nlohmann::ordered_json;

namespace {

struct Format {
    std::string_view name;
    Result<Draft> (*read)(const Machine &);
};
constexpr std::array formats{
    Format{"ifcfg", read_ifcfg},     Format{"suse", read_suse},         Format{"interfaces", read_interfaces},
    Format{"netplan", read_netplan}, Format{"networkd", read_networkd}, Format{"networkmanager", read_networkmanager},
    Format{"teamd", read_teamd}};
constexpr std::string_view modprobe_name = "modprobe", live_name = "live";

// The parameters that the module is loaded with for a bond: those of the module, and those of the bond's alias. Where
// one alias loads it, its parameters count for all bonds.
std::vector<Setting> module_parameters(const Machine &machine, const Bond &bond) {
    auto out = machine.module;
    auto alias = machine.per_alias.find(bond.name);
    if (alias == machine.per_alias.end() && machine.per_alias.size() == 1) {
        const auto &only = machine.per_alias.begin()->second;
        const bool several = std::ranges::any_of(only, [](const Setting &s) { return s.name == "max_bonds"; });
        alias = several ? machine.per_alias.begin() : alias;
    }
    if (alias != machine.per_alias.end()) {
        out.insert(out.end(), alias->second.begin(), alias->second.end());
    }
    out.insert(out.end(), bond.module.begin(), bond.module.end());
    return out;
}

ordered_json slave_json(const SlaveRef &slave) {
    ordered_json out = ordered_json::object();
    for (const auto &[key, value] :
         {std::pair("name", &slave.name), std::pair("mac", &slave.mac), std::pair("match", &slave.match),
          std::pair("path", &slave.path), std::pair("driver", &slave.driver)}) {
        if (!value->empty()) {
            out[key] = *value;
        }
    }
    if (slave.prio) {
        out["prio"] = *slave.prio;
    }
    if (slave.queue_id) {
        out["queue_id"] = *slave.queue_id;
    }
    return out.size() == 1 && out.contains("name") ? out["name"] : out;
}

// Whether two definitions mean the same bond: an option at its default may be named or not.
bool same_bond(const ordered_json &a, const ordered_json &b) {
    const auto meaning = [](const ordered_json &bond) {
        core::Options options;
        (void)core::set_option(options, {}, {"mode", bond["mode"].get<std::string>()}, nullptr);
        for (const auto &row : core::option_table()) {
            const std::string key(row.name);
            if (key != "mode" && bond.contains(key)) {
                (void)core::set_option(options, {}, {key, bond[key].get<std::string>()}, nullptr);
            }
        }
        return options;
    };
    const auto others = [](const ordered_json &bond) {
        std::multiset<std::string> slaves;
        for (const auto &slave : bond["slaves"]) {
            slaves.insert(slave.dump());
        }
        return std::tuple(slaves, bond.value("mtu", 0), bond.value("address", ""));
    };
    return meaning(a) == meaning(b) && others(a) == others(b);
}

class Import {
public:
    explicit Import(const Files &files) : machine_{files, {}, {}, {}, {}} {}

    Result<Imported> run(std::string_view format) {
        XB_TRY_VOID(read_modprobe(machine_));
        XB_TRY_VOID(read_pinned_names(machine_));
        XB_TRY(scripts, read_boot_scripts(machine_));
        for (const auto &bond : scripts->bonds) {
            machine_.bonds.push_back(bond.name);
        }
        for (const auto &one : formats) {
            if (format.empty() || format == one.name) {
                XB_TRY(draft, one.read(machine_));
                XB_TRY_VOID(take(one.name, std::move(*draft)));
            }
        }
        if (format.empty() || format == modprobe_name) {
            XB_TRY_VOID(take_scripts(std::move(*scripts)));
        }
        if (format.empty() || format == live_name) { // of bonds that no file defines
            XB_TRY(live, read_live(machine_));
            std::erase_if(live->bonds, [&](const Bond &b) { return bonds_.contains(b.name); });
            if (live->bonds.empty()) {
                live->notes.clear();
            }
            XB_TRY_VOID(take(live_name, std::move(*live)));
        }
        return finish();
    }

private:
    struct Defined {
        Place at;
        ordered_json json;
    };

    // A script adds to a bond that a file defines; the module's parameters make one of their own only where none does.
    Result<void> take_scripts(Draft scripts) {
        for (const auto &name : std::set<std::string>(machine_.bonds.begin(), machine_.bonds.end())) {
            const auto alias = machine_.per_alias.find(name);
            const auto &from =
                alias != machine_.per_alias.end() && !alias->second.empty() ? alias->second : machine_.module;
            const auto before = scripts.bonds.size();
            scripts.bond(name, from.empty() ? Place{"etc/modprobe.d", 0} : from.front().at);
            if (scripts.bonds.size() > before && bonds_.contains(name)) {
                scripts.bonds.pop_back();
            }
        }
        std::erase_if(scripts.bonds, [&](const Bond &bond) {
            const auto found = bonds_.find(bond.name);
            if (found == bonds_.end()) {
                return false;
            }
            for (const auto &slave : bond.slaves) {
                add_to(found->second.json, slave);
            }
            return true;
        });
        return take(modprobe_name, std::move(scripts));
    }

    void add_to(ordered_json &bond, SlaveRef slave) const {
        pin(slave);
        auto &list = bond["slaves"];
        const bool there = std::ranges::any_of(list, [&](const ordered_json &other) {
            return other.is_string() ? other == slave.name : other.value("name", "") == slave.name;
        });
        if (!there) {
            list.push_back(slave_json(slave));
        }
    }

    void pin(SlaveRef &slave) const {
        const auto pinned = machine_.pinned.find(slave.name);
        if (slave.mac.empty() && !slave.name.empty() && pinned != machine_.pinned.end()) {
            slave.mac = pinned->second;
        }
    }

    Result<void> take(std::string_view format, Draft draft) {
        notes_.insert(notes_.end(), draft.notes.begin(), draft.notes.end());
        for (auto &bond : draft.bonds) {
            XB_TRY(json, bond_json(bond));
            const auto found = bonds_.find(bond.name);
            if (found == bonds_.end()) {
                order_.push_back(bond.name);
                bonds_.emplace(bond.name, Defined{bond.at, std::move(*json)});
            } else if (!same_bond(found->second.json, *json)) {
                return refuse(bond.at, "bond " + bond.name + " is defined differently in " + found->second.at.file);
            }
            if (formats_.empty() || formats_.back() != format) {
                formats_.emplace_back(format);
            }
        }
        return {};
    }

    Result<ordered_json> bond_json(const Bond &bond) {
        constexpr std::size_t longest = 14; // the other end of the pair has one letter more
        if (bond.name.size() > longest) {
            return refuse(bond.at, "bond " + core::quoted(bond.name) + ": a name of at most 14 characters is needed");
        }
        Driver driver(notes_, bond.monitored);
        if (bond.module_defaults) {
            XB_TRY_VOID(driver.load(module_parameters(machine_, bond)));
        }
        for (const auto &setting : bond.settings) {
            XB_TRY_VOID(driver.set_one(setting));
        }
        ordered_json out;
        out["mode"] = core::mode_name(driver.mode());
        for (const auto &option : driver.finish()) {
            if (option.name != "mode") {
                out[option.name] = option.value;
            }
        }
        if (bond.mtu) {
            out["mtu"] = *bond.mtu;
        }
        if (!bond.address.empty()) {
            out["address"] = bond.address;
        }
        auto slaves = ordered_json::array();
        for (auto slave : bond.slaves) {
            pin(slave);
            XB_TRY_VOID(check(slave, bond));
            slaves.push_back(slave_json(slave));
        }
        out["slaves"] = std::move(slaves);
        return out;
    }

    static Result<void> check(const SlaveRef &slave, const Bond &bond) {
        if (!slave.name.empty() && !is_interface_name(slave.name)) {
            return refuse(bond.at, bond.name + ": " + core::quoted(slave.name) + " is no name of an interface");
        }
        if (bond.slaves.size() > XB_MAX_SLAVES) {
            return refuse(bond.at, bond.name + ": more than " + std::to_string(XB_MAX_SLAVES) + " slaves");
        }
        for (const auto *text : {&slave.match, &slave.path, &slave.driver}) {
            if (!is_utf8(*text)) {
                return refuse(bond.at, bond.name + ": a slave's match is no UTF-8");
            }
        }
        return {};
    }

    Result<Imported> finish() {
        Imported out;
        out.formats = formats_;
        out.config["bonds"] = ordered_json::object();
        for (const auto &name : order_) {
            out.config["bonds"][name] = bonds_.at(name).json;
        }
        std::set<std::string> seen;
        for (auto &note : notes_) {
            if (seen.insert(text_of(note.at) + " " + note.text).second) {
                out.notes.push_back(std::move(note));
            }
        }
        return out;
    }

    Machine machine_;
    Notes notes_;
    std::vector<std::string> order_, formats_;
    std::map<std::string, Defined> bonds_;
};

} // namespace

std::vector<std::string_view> format_names() {
    std::vector<std::string_view> out;
    std::ranges::transform(formats, std::back_inserter(out), &Format::name);
    out.push_back(modprobe_name);
    out.push_back(live_name);
    return out;
}

Result<Imported> import_files(const Files &files, std::string_view format) { return Import(files).run(format); }

Result<std::vector<core::OptionValue>> module_options(const Files &files, const std::string &bond_name, Notes &notes) {
    Machine machine{files, {}, {}, {}, {}};
    XB_TRY_VOID(read_modprobe(machine));
    Bond bond;
    bond.name = bond_name;
    Driver driver(notes, false);
    XB_TRY_VOID(driver.load(module_parameters(machine, bond)));
    return driver.finish();
}

ordered_json to_json(const Imported &imported) {
    auto notes = ordered_json::array();
    for (const auto &note : imported.notes) {
        notes.push_back(ordered_json{{"file", note.at.file}, {"line", note.at.line}, {"text", note.text}});
    }
    ordered_json out;
    out["config"] = imported.config;
    out["notes"] = std::move(notes);
    return out;
}

std::string notes_text(const Imported &imported) {
    std::string out;
    for (const auto &note : imported.notes) {
        out += text_of(note.at) + ": " + note.text + "\n";
    }
    return out;
}

} // namespace xbond::import
