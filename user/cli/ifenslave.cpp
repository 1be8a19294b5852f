// SPDX-License-Identifier: MIT
#include "user/cli/ifenslave.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "user/cli/root_files.h"
#include "user/import/import.h"
#include "user/show/render.h"

namespace xbond::cli {

using nlohmann::ordered_json;

namespace {

struct Letter {
    std::string_view name;
    bool Ifenslave::*flag;
};
constexpr std::array letters{Letter{"-a", &Ifenslave::all},     Letter{"--all-interfaces", &Ifenslave::all},
                             Letter{"-c", &Ifenslave::change},  Letter{"--change-active", &Ifenslave::change},
                             Letter{"-d", &Ifenslave::detach},  Letter{"--detach", &Ifenslave::detach},
                             Letter{"-v", &Ifenslave::verbose}, Letter{"--verbose", &Ifenslave::verbose},
                             Letter{"-f", &Ifenslave::force},   Letter{"--force", &Ifenslave::force}};

// The name of the bond that has this slave; empty: none has.
std::string bond_of(const ordered_json &status, const std::string &slave) {
    for (const auto &bond : status.value("bonds", ordered_json::array())) {
        for (const auto &one : bond.value("slaves", ordered_json::array())) {
            if (one.value("name", "") == slave) {
                return bond.value("name", "");
            }
        }
    }
    return "";
}

bool has_bond(const ordered_json &status, const std::string &name) {
    for (const auto &bond : status.value("bonds", ordered_json::array())) {
        if (bond.value("name", "") == name) {
            return true;
        }
    }
    return false;
}

Result<void> make_bond(const Ifenslave &what, const Call &call, std::ostream &notes) {
    XB_TRY(files, RootFiles::open(what.root));
    import::Notes left;
    XB_TRY(options, import::module_options(*files, what.bond, left));
    for (const auto &note : left) {
        notes << import::text_of(note.at) << ": " << note.text << '\n';
    }
    api::LinkAdd add;
    add.name = what.bond;
    add.options = *options;
    XB_TRY_VOID(call(add));
    api::LinkSet up;
    up.name = what.bond;
    up.up = true;
    XB_TRY_VOID(call(up));
    return {};
}

// A slave that is one already comes up again, which is what a restart by hand needs.
Result<void> enslave(const Ifenslave &what, const std::string &slave, const ordered_json &status, const Call &call) {
    api::LinkSet set;
    set.name = slave;
    if (bond_of(status, slave) == what.bond) {
        set.up = true;
    } else {
        set.up = false;
        set.master = what.bond;
    }
    XB_TRY_VOID(call(set));
    return {};
}

Result<void> detach(const Ifenslave &what, const std::string &slave, const ordered_json &status, const Call &call) {
    if (bond_of(status, slave) != what.bond) {
        return fail(EINVAL, slave + " is not a slave of " + what.bond);
    }
    api::LinkSet set;
    set.name = slave;
    set.master = "";
    XB_TRY_VOID(call(set));
    return {};
}

Result<void> show(const std::string &bond, const Call &call, std::ostream &out) {
    api::LinkShow request;
    if (!bond.empty()) {
        request.name = bond;
    }
    XB_TRY(links, call(request));
    out << show::ip_link_text(*links, false, false);
    return {};
}

} // namespace

Result<Invocation> parse_ifenslave(Args args, Invocation out) {
    Ifenslave what;
    while (!args.empty()) {
        const std::string word = args.take();
        const auto *letter = std::ranges::find(letters, word, &Letter::name);
        if (letter != letters.end()) {
            what.*letter->flag = true;
        } else if (word == "--root") {
            XB_TRY(root, args.value(word));
            what.root = *root;
        } else if (word == "-h" || word == "--help" || word == "-u" || word == "--usage") {
            out.action = Help{"ifenslave"};
            return out;
        } else if (word == "-V" || word == "--version") {
            out.action = Version{};
            return out;
        } else if (word.starts_with('-')) {
            return fail(EINVAL, "ifenslave: unknown option " + word + "; known: -a -c -d -f -h -v -V");
        } else if (what.bond.empty()) {
            XB_TRY_VOID(api::check_bond_name(word));
            what.bond = word;
        } else {
            XB_TRY_VOID(api::check_ifname(word));
            what.slaves.push_back(word);
        }
    }
    if (what.bond.empty() && !what.all) {
        return fail(EINVAL, "ifenslave: which bond? Usage: ifenslave [-c | -d] BOND SLAVE..., ifenslave -a");
    }
    if ((what.change && what.slaves.size() != 1) || (what.detach && what.slaves.empty())) {
        return fail(EINVAL, "ifenslave: which slave? Usage: ifenslave -c BOND SLAVE, ifenslave -d BOND SLAVE...");
    }
    out.action = what;
    return out;
}

Result<void> ifenslave(const Ifenslave &what, const Call &call, std::ostream &out, std::ostream &notes) {
    if (what.all || what.slaves.empty()) {
        return show(what.bond, call, out);
    }
    if (what.change) {
        api::LinkSet set;
        set.name = what.bond;
        set.options.push_back({"active_slave", what.slaves.front()});
        XB_TRY_VOID(call(set));
        return {};
    }
    XB_TRY(status, call(api::Status{}));
    if (!what.detach && !has_bond(*status, what.bond)) {
        XB_TRY_VOID(make_bond(what, call, notes));
    }
    for (const auto &slave : what.slaves) {
        XB_TRY_VOID(what.detach ? detach(what, slave, *status, call) : enslave(what, slave, *status, call));
        if (what.verbose) {
            notes << what.bond << ": " << slave << (what.detach ? " is released\n" : " is a slave\n");
        }
    }
    return {};
}

} // namespace xbond::cli
