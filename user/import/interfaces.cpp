// SPDX-License-Identifier: MIT
// interfaces(5): ifupdown with Debian's ifenslave, ifupdown2, ifupdown-ng. Which of them owns the files shows in what
// they use of the grammar; ifupdown and ifenslave where nothing tells.
#include <algorithm>
#include <set>

#include "user/core/options/text.h"
#include "user/import/interfaces.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

constexpr const char *main_file = "etc/network/interfaces";

// ifupdown makes of an option's name a variable: case and the kind of dash do not count.
std::string plain_key(std::string_view key) {
    auto out = lower(key);
    std::ranges::replace(out, '_', '-');
    return out;
}

std::string from_root(const std::string &path, const std::string &including) {
    if (path.starts_with('/')) {
        return path.substr(std::min(path.size(), path.find_first_not_of('/')));
    }
    return including.substr(0, including.rfind('/') + 1) + path;
}

class Reader {
public:
    explicit Reader(const Files &files, Interfaces &out) : files_(files), out_(out) {}

    Result<void> file(const std::string &path) {
        constexpr std::size_t most_files = 500;
        if (!seen_.insert(path).second) {
            return {}; // once is enough, and an include that comes back is harmless
        }
        XB_TRY(text, read_text(files_, path));
        if (!*text || seen_.size() > most_files) {
            return {};
        }
        std::string joined;
        unsigned number = 0, first = 0;
        in_stanza_ = false;
        for (const auto raw : lines(**text)) {
            ++number;
            const auto line = trim(raw);
            first = joined.empty() ? number : first;
            if (joined.empty() && line.starts_with('#')) {
                continue;
            }
            const bool more = line.ends_with('\\');
            joined += std::string(more ? line.substr(0, line.size() - 1) : line);
            if (!more) {
                XB_TRY_VOID(this->line(joined, {path, first}));
                joined.clear();
            }
        }
        in_stanza_ = false;
        return {};
    }

private:
    Result<void> line(const std::string &text, const Place &at) {
        const auto all = words(text);
        if (all.empty()) {
            return {};
        }
        if (!is_utf8(text)) {
            return refuse(at, "is no UTF-8");
        }
        if (all[0].starts_with('%')) {
            return refuse(at, "a template: what it makes is not known");
        }
        const auto &word = all[0];
        if (is_one_of(word, {"iface", "template"})) {
            return all.size() < 2 ? refuse(at, word + " without a name") : stanza(all, at);
        }
        if (word == "mapping") {
            in_stanza_ = false;
            in_mapping_ = true;
            return {};
        }
        if (is_one_of(word, {"auto", "no-auto-down", "no-scripts", "rename"}) || word.starts_with("allow-")) {
            in_stanza_ = false;
            return {};
        }
        if (word == "source" || word == "source-directory") {
            return include(word, {all.begin() + 1, all.end()}, at);
        }
        return option(text, word, at);
    }

    Result<void> stanza(const std::vector<std::string> &all, const Place &at) {
        constexpr std::size_t most = 5000;
        in_mapping_ = false;
        in_stanza_ = true;
        if (out_.stanzas.size() >= most) {
            return refuse(at, "more than " + std::to_string(most) + " stanzas");
        }
        Stanza fresh{all[1], all.size() > 2 ? all[2] : "", all.size() > 3 ? all[3] : "", at, {}};
        if (fresh.family == "inherits" || all[0] == "template") {
            out_.dialect = Dialect::ifupdown2;
        }
        if (all.size() == 2) { // neither family nor method: not ifupdown
            out_.dialect = out_.dialect == Dialect::ifenslave ? Dialect::ifupdown2 : out_.dialect;
        } else if (all.size() == 3 && out_.dialect == Dialect::ifenslave &&
                   is_one_of(fresh.family, {"inet", "inet6"})) {
            out_.dialect = Dialect::ifupdown2;
        }
        out_.stanzas.push_back(std::move(fresh));
        return {};
    }

    Result<void> option(const std::string &text, const std::string &word, const Place &at) {
        if (in_mapping_ && !in_stanza_) {
            return {};
        }
        if (!in_stanza_ || out_.stanzas.empty()) {
            return refuse(at, core::quoted(word) + " outside of a stanza");
        }
        const std::string value(trim(std::string_view(text).substr(text.find(word) + word.size())));
        auto &stanza = out_.stanzas.back();
        if (value.empty() && !is_one_of(word, {"requires", "use"})) {
            return refuse(at, "option " + core::quoted(word) + " has no value");
        }
        const auto key = plain_key(word);
        if (key == "use" || key == "requires" || key == "bond-members") {
            out_.dialect = Dialect::ng;
        } else if (is_one_of(key, {"bond-ports", "bridge-vlan-aware", "bridge-vids", "clag-id", "vlan-id"}) ||
                   value.starts_with("glob ") || value.starts_with("regex ")) {
            out_.dialect = out_.dialect == Dialect::ng ? Dialect::ng : Dialect::ifupdown2;
        }
        stanza.options.push_back({key, word, value, at});
        return {};
    }

    Result<void> include(const std::string &how, const std::vector<std::string> &patterns, const Place &at) {
        constexpr std::size_t most = 500;
        if ((includes_ += patterns.size()) > most) {
            return refuse(at, "more than " + std::to_string(most) + " includes");
        }
        for (const auto &pattern : patterns) {
            if (pattern.find_first_of("$`") != std::string::npos) {
                return refuse(at, how + ": " + core::quoted(pattern) + " needs a shell to be known");
            }
            const auto path = from_root(pattern, at.file);
            if (how == "source-directory") {
                XB_TRY_VOID(directory(path));
            } else {
                XB_TRY_VOID(fitting(path));
            }
        }
        in_stanza_ = false;
        return {};
    }

    // Names of letters, digits, '_' and '-' only.
    Result<void> directory(const std::string &path) {
        for (const auto &name : files_.list(path)) {
            if (std::ranges::all_of(name, [](char c) {
                    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
                })) {
                XB_TRY_VOID(file(path + "/" + name));
            }
        }
        return {};
    }

    // The last part, or any before it, may be a pattern.
    Result<void> fitting(const std::string &path) {
        const auto parts = words(path, "/");
        std::vector<std::string> found{""};
        for (const auto &part : parts) {
            std::vector<std::string> next;
            for (const auto &base : found) {
                if (!is_glob(part)) {
                    next.push_back(base + (base.empty() ? "" : "/") + part);
                    continue;
                }
                for (const auto &name : files_.list(base)) {
                    if (!name.starts_with('.') && glob_fits(part, name)) {
                        next.push_back(base + (base.empty() ? "" : "/") + name);
                    }
                }
            }
            found = std::move(next);
        }
        for (const auto &one : found) {
            XB_TRY_VOID(files_.kind(one) == Files::Kind::directory ? Result<void>() : file(one));
        }
        return {};
    }

    const Files &files_;
    Interfaces &out_;
    std::set<std::string> seen_;
    std::size_t includes_ = 0;
    bool in_stanza_ = false, in_mapping_ = false;
};

} // namespace

const StanzaOption *Stanza::find(std::string_view key) const {
    const auto found = std::ranges::find(options, key, &StanzaOption::key);
    return found == options.end() ? nullptr : &*found;
}

// ifupdown refuses a file in which a stanza has an option twice, hooks apart.
static Result<void> refuse_twice(const Stanza &stanza) {
    std::set<std::string> seen;
    for (const auto &option : stanza.options) {
        const bool hook = is_one_of(option.word, {"up", "down", "pre-up", "post-up", "pre-down", "post-down"});
        if (!hook && !seen.insert(option.word).second) {
            return refuse(option.at, "option " + option.word + " is given twice");
        }
    }
    return {};
}

Result<Interfaces> parse_interfaces(const Files &files) {
    Interfaces out;
    if (files.kind("etc/network/ifupdown2") == Files::Kind::directory) {
        out.dialect = Dialect::ifupdown2;
    }
    Reader reader(files, out);
    XB_TRY_VOID(reader.file(main_file));
    if (out.dialect == Dialect::ifenslave) {
        for (const auto &stanza : out.stanzas) {
            XB_TRY_VOID(refuse_twice(stanza));
        }
    }
    return out;
}

} // namespace xbond::import
