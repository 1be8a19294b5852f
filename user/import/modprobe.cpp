// SPDX-License-Identifier: MIT
// modprobe.d(5) as far as it is about bonding, and rules that tie names of interfaces to addresses.
#include <algorithm>
#include <map>

#include "user/core/options/text.h"
#include "user/import/syntax/ini.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

// Names of files below these directories that end so, in their order; a name hides the same in a later directory.
std::vector<std::string> config_files(const Files &files, std::initializer_list<std::string_view> directories,
                                      std::string_view ending) {
    std::map<std::string, std::string> found;
    for (const auto directory : directories) {
        for (const auto &name : files.list(std::string(directory))) {
            if (name.ends_with(ending)) {
                found.emplace(name, std::string(directory) + "/" + name);
            }
        }
    }
    std::vector<std::string> out;
    for (const auto &[name, path] : found) {
        out.push_back(path);
    }
    return out;
}

class ModprobeFile {
public:
    ModprobeFile(Machine &machine, std::string file) : machine_(machine), file_(std::move(file)) {}

    Result<void> read(std::string_view text) {
        std::string joined;
        unsigned number = 0, first = 0;
        for (auto line : lines(text)) {
            ++number;
            first = joined.empty() ? number : first;
            while (line.ends_with('\r')) {
                line.remove_suffix(1);
            }
            const bool more = line.ends_with('\\');
            line.remove_suffix(more ? 1 : 0);
            starts_.push_back({joined.size(), number});
            joined += std::string(line) + (more ? " " : "");
            if (!more) {
                XB_TRY_VOID(command(joined, first));
                joined.clear();
                starts_.clear();
            }
        }
        return joined.empty() ? Result<void>() : command(joined, first);
    }

private:
    // The line of a word of a joined line.
    unsigned line_at(std::size_t offset, unsigned fallback) const {
        unsigned line = fallback;
        for (const auto &[start, number] : starts_) {
            line = start <= offset ? number : line;
        }
        return line;
    }

    Result<void> command(const std::string &line, unsigned first) {
        const auto all = words(line);
        if (!all.empty() && !all[0].starts_with('#') && !is_utf8(line)) {
            return refuse({file_, first}, "is no UTF-8");
        }
        if (all.size() < 3 || all[0].starts_with('#')) {
            return {};
        }
        if (all[0] == "alias" && all[2] == "bonding" && all[1] != "bonding" && is_interface_name(all[1])) {
            machine_.bonds.push_back(all[1]);
        }
        const bool install = all[0] == "install";
        if (!install && all[0] != "options") {
            return {};
        }
        auto &to = all[1] == "bonding" ? machine_.module : machine_.per_alias[all[1]];
        const bool ours = all[1] == "bonding" || is_bond(all[1]) || all[1].starts_with("bond");
        if (!ours) {
            return {};
        }
        // An install line counts for the parameters behind "bonding" in the command that it runs.
        auto begin = all.begin() + 2;
        if (install) {
            begin = std::find(begin, all.end(), "bonding");
            begin += begin == all.end() ? 0 : 1;
        }
        std::size_t offset = 0;
        for (auto word = begin; word != all.end(); ++word) {
            offset = line.find(*word, offset);
            const auto equals = word->find('=');
            if (equals == std::string::npos) {
                word += *word == "-o" && word + 1 != all.end() ? 1 : 0;
                continue;
            }
            XB_TRY_VOID(parameter(to, *word, equals, {file_, line_at(offset, first)}));
            offset += word->size();
        }
        return {};
    }

    Result<void> parameter(std::vector<Setting> &to, const std::string &word, std::size_t equals, const Place &at) {
        const auto key = word.substr(0, equals);
        auto value = word.substr(equals + 1);
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
            value = value.substr(1, value.size() - 2);
        }
        constexpr std::size_t most_parameters = 200;
        if (to.size() >= most_parameters) {
            return refuse(at, "more than " + std::to_string(most_parameters) + " parameters");
        }
        if (key == "max_bonds") {
            const auto number = whole_number(value);
            constexpr std::int64_t most = 1024;
            if (number && *number > most) {
                return refuse(at, "max_bonds: more than " + std::to_string(most) + " bonds");
            }
            for (std::int64_t i = 0; number && i < *number; ++i) {
                const auto name = "bond" + std::to_string(i);
                if (!is_bond(name)) {
                    machine_.bonds.push_back(name);
                }
            }
        }
        to.push_back({key, value, at, key});
        return {};
    }

    bool is_bond(const std::string &name) const {
        return std::ranges::find(machine_.bonds, name) != machine_.bonds.end();
    }

    Machine &machine_;
    std::string file_;
    std::vector<std::pair<std::size_t, unsigned>> starts_;
};

// The value behind NAME== or NAME= in a rule; none if the rule does not have it.
std::optional<std::string> rule_value(std::string_view rule, std::string_view name, std::string_view op) {
    const std::string key = std::string(name) + std::string(op) + "\"";
    for (std::size_t at = rule.find(key); at != std::string_view::npos; at = rule.find(key, at + 1)) {
        const bool begins = at == 0 || std::string_view(", \t").find(rule[at - 1]) != std::string_view::npos;
        const auto value = rule.substr(at + key.size());
        if (begins && value.find('"') != std::string_view::npos) {
            return std::string(value.substr(0, value.find('"')));
        }
    }
    return std::nullopt;
}

void read_rule(std::string_view line, std::map<std::string, std::string> &pinned) {
    std::string rule; // blanks around the operators are allowed
    for (std::size_t i = 0; i < line.size(); ++i) {
        const bool blank = line[i] == ' ' || line[i] == '\t';
        const bool operator_next =
            blank && i + 1 < line.size() && std::string_view("=!:").find(line[i + 1]) != std::string_view::npos;
        const bool operator_before = blank && !rule.empty() && rule.back() == '=';
        if (!operator_next && !operator_before) {
            rule += line[i];
        }
    }
    auto name = rule_value(rule, "NAME", "=");
    name = name ? name : rule_value(rule, "NAME", ":=");
    if (!name || !is_interface_name(*name) || name->find_first_of("%$") != std::string::npos) {
        return;
    }
    for (const std::string_view key : {"ATTR{address}", "ATTRS{address}", "SYSFS{address}", "ENV{ID_NET_NAME_MAC}"}) {
        if (const auto address = rule_value(rule, key, "==")) {
            if (const auto mac = mac_text(*address); mac && !is_glob(*address)) {
                pinned.emplace(*name, *mac);
            }
        }
    }
}

} // namespace

Result<void> read_modprobe(Machine &machine) {
    std::vector<std::string> paths;
    if (machine.files.kind("etc/modprobe.conf") == Files::Kind::file) {
        paths.emplace_back("etc/modprobe.conf");
    }
    const auto directories = config_files(
        machine.files,
        {"etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d"},
        ".conf");
    paths.insert(paths.end(), directories.begin(), directories.end());
    for (const auto &path : paths) {
        XB_TRY(text, read_text(machine.files, path));
        if (*text) {
            XB_TRY_VOID(ModprobeFile(machine, path).read(**text));
        }
    }
    return {};
}

Result<void> read_pinned_names(Machine &machine) {
    for (const auto &path : config_files(machine.files, {"etc/udev/rules.d", "run/udev/rules.d"}, ".rules")) {
        XB_TRY(text, read_text(machine.files, path));
        const auto content = text->value_or("");
        for (const auto line : lines(content)) {
            if (!trim(line).starts_with('#') && is_utf8(line)) {
                read_rule(trim(line), machine.pinned);
            }
        }
    }
    for (const auto &path : config_files(machine.files, {"etc/systemd/network", "run/systemd/network"}, ".link")) {
        XB_TRY(text, read_text(machine.files, path));
        Notes unused;
        if (!*text) {
            continue;
        }
        XB_TRY(entries, parse_systemd(**text, path, unused));
        const auto *name = find_entry(*entries, "Link", "Name");
        const auto *mac = find_entry(*entries, "Match", "PermanentMACAddress");
        mac = mac != nullptr ? mac : find_entry(*entries, "Match", "MACAddress");
        const auto address = mac == nullptr ? std::nullopt : mac_text(mac->value);
        if (name != nullptr && is_interface_name(name->value) && address) {
            machine.pinned.emplace(name->value, *address);
        }
    }
    return {};
}

} // namespace xbond::import
