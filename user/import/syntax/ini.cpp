// SPDX-License-Identifier: MIT
#include "user/import/syntax/ini.h"

#include "user/core/options/text.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

constexpr std::size_t most_entries = 5000;

// [name], and nothing behind it.
std::optional<std::string> section_name(std::string_view line) {
    return line.size() > 2 && line.ends_with(']') && line.find_first_of("[]", 1) == line.size() - 1
               ? std::optional<std::string>(line.substr(1, line.size() - 2))
               : std::nullopt;
}

struct Logical { // a line with those that continue it
    std::string text;
    unsigned line = 0;
};

std::vector<Logical> join_lines(std::string_view text) {
    std::vector<Logical> out;
    bool continues = false;
    unsigned number = 0;
    for (auto line : lines(text)) {
        ++number;
        line = trim(line);
        const bool comment = line.starts_with('#') || line.starts_with(';');
        if (comment || (line.empty() && !continues)) {
            continue; // a comment between two parts of a line is none of them
        }
        const bool more = line.ends_with('\\');
        line.remove_suffix(more ? 1 : 0);
        if (continues) {
            out.back().text += " " + std::string(line);
        } else {
            out.push_back({std::string(line), number});
        }
        continues = more;
    }
    return out;
}

} // namespace

Result<std::vector<IniEntry>> parse_systemd(std::string_view text, const std::string &file, Notes &notes) {
    std::vector<IniEntry> out;
    std::string section;
    for (const auto &[line, number] : join_lines(text)) {
        const Place at{file, number};
        if (line.starts_with('[')) {
            const auto name = section_name(trim(line));
            if (!name) {
                return refuse(at, "invalid section header " + core::quoted(line));
            }
            section = *name;
            continue;
        }
        if (!is_utf8(line)) {
            notes.push_back({at, "a line that is no UTF-8 is left out"});
            continue;
        }
        const auto equals = line.find('=');
        if (equals == std::string::npos || equals == 0 || section.empty()) {
            notes.push_back({at, core::quoted(line) + " is no assignment in a section, left out"});
            continue;
        }
        if (out.size() >= most_entries) {
            return refuse(at, "more than " + std::to_string(most_entries) + " assignments");
        }
        const std::string_view whole = line;
        out.push_back(
            {section, std::string(trim(whole.substr(0, equals))), std::string(trim(whole.substr(equals + 1))), at});
    }
    return out;
}

namespace {

Result<std::string> unescaped(std::string_view value, const Place &at) {
    std::string out;
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] != '\\') {
            out += value[i];
            continue;
        }
        constexpr std::string_view from = "sntr\\;", to = " \n\t\r\\;";
        const auto found = ++i < value.size() ? from.find(value[i]) : std::string_view::npos;
        if (found == std::string_view::npos) {
            return refuse(at, "an escape that there is not: " + core::quoted(value));
        }
        out += to[found];
    }
    return out;
}

} // namespace

Result<std::vector<IniEntry>> parse_keyfile(std::string_view text, const std::string &file) {
    std::vector<IniEntry> out;
    std::string group;
    unsigned number = 0;
    for (auto line : lines(text)) {
        const Place at{file, ++number};
        while (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        const auto bare = trim(line);
        if (bare.empty() || bare.starts_with('#')) {
            continue;
        }
        if (bare.starts_with('[')) {
            const auto name = section_name(bare);
            if (!name) {
                return refuse(at, "invalid group " + core::quoted(bare));
            }
            group = *name;
            continue;
        }
        const auto equals = line.find('=');
        if (equals == std::string_view::npos || trim(line.substr(0, equals)).empty() || group.empty()) {
            return refuse(at, core::quoted(bare) + " is no assignment in a group");
        }
        if (!is_utf8(line)) {
            return refuse(at, "is no UTF-8");
        }
        if (out.size() >= most_entries) {
            return refuse(at, "more than " + std::to_string(most_entries) + " assignments");
        }
        auto value = line.substr(equals + 1);
        value.remove_prefix(std::min(value.size(), value.find_first_not_of(" \t")));
        XB_TRY(plain, unescaped(value, at));
        out.push_back({group, std::string(trim(line.substr(0, equals))), std::move(*plain), at});
    }
    return out;
}

const IniEntry *find_entry(const std::vector<IniEntry> &entries, std::string_view section, std::string_view key) {
    const IniEntry *found = nullptr;
    for (const auto &entry : entries) {
        if (entry.section == section && entry.key == key) {
            found = &entry;
        }
    }
    return found;
}

} // namespace xbond::import
