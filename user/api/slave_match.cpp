// SPDX-License-Identifier: MIT
// Which devices a slave of the config stands for.
#include <algorithm>
#include <optional>

#include "user/api/protocol.h"

namespace xbond::api {

namespace {

// The class behind a '[' fits c; `pattern` is left behind its ']'. None: there is no such bracket.
std::optional<bool> class_fits(std::string_view &pattern, char c) {
    const bool negated = pattern.starts_with('!') || pattern.starts_with('^');
    const auto end = pattern.find(']', negated ? 2 : 1);
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view inside = pattern.substr(negated ? 1 : 0, end - (negated ? 1 : 0));
    pattern.remove_prefix(end + 1);
    bool fits = false;
    for (std::size_t i = 0; i < inside.size(); ++i) {
        const bool range = i + 2 < inside.size() && inside[i + 1] == '-';
        fits = fits || (range ? c >= inside[i] && c <= inside[i + 2] : c == inside[i]);
        i += range ? 2 : 0;
    }
    return fits != negated;
}

// The first part of the pattern fits the first character; `pattern` is left behind it.
bool one_fits(std::string_view &pattern, char c) {
    const char first = pattern.front();
    pattern.remove_prefix(1);
    const auto in_class = first == '[' ? class_fits(pattern, c) : std::nullopt;
    return in_class ? *in_class : first == '?' || first == c;
}

} // namespace

// One star is remembered at a time, so that the work is at most the product of the lengths.
bool glob_fits(std::string_view pattern, std::string_view text) {
    std::optional<std::string_view> star;
    std::string_view behind_star;
    while (!text.empty() || !pattern.empty()) {
        if (pattern.starts_with('*')) {
            pattern.remove_prefix(1);
            star = pattern;
            behind_star = text;
            continue;
        }
        std::string_view rest = pattern;
        if (!rest.empty() && !text.empty() && one_fits(rest, text.front())) {
            pattern = rest;
            text.remove_prefix(1);
        } else if (star && !behind_star.empty()) {
            behind_star.remove_prefix(1);
            text = behind_star;
            pattern = *star;
        } else {
            return false;
        }
    }
    return true;
}

bool fits(const SlaveConfig &slave, const Nic &nic) {
    const auto named = [&](const auto &is) {
        return is(nic.name) || std::any_of(nic.altnames.begin(), nic.altnames.end(), is);
    };
    const bool by_name_alone = !slave.mac && !slave.name.empty();
    if (nic.virtual_above && !by_name_alone) {
        return false;
    }
    if (slave.mac ? nic.mac != *slave.mac
                  : !slave.name.empty() && !named([&](const std::string &n) { return n == slave.name; })) {
        return false;
    }
    return (slave.match.empty() || named([&](const std::string &n) { return glob_fits(slave.match, n); })) &&
           (slave.path.empty() || glob_fits(slave.path, nic.path)) &&
           (slave.driver.empty() || glob_fits(slave.driver, nic.driver));
}

std::string SlaveConfig::text() const {
    std::string out = mac ? "mac " + mac->str() : name;
    for (const auto &[key, value] :
         {std::pair("match", &match), std::pair("path", &path), std::pair("driver", &driver)}) {
        if (!value->empty()) {
            out += (out.empty() ? "" : " ") + std::string(key) + " " + *value;
        }
    }
    return out;
}

} // namespace xbond::api
