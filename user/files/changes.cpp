// SPDX-License-Identifier: MIT
#include "user/files/changes.h"

#include "user/core/options/text.h"

namespace xbond::files {

using nlohmann::ordered_json;

namespace {

struct Signed { // "+eth0"
    char sign = 0;
    std::string name;
};

constexpr std::size_t word_size = 16; // of a name with its sign

std::string first_word(const std::string &text) {
    const auto begin = text.find_first_not_of(" \t\n");
    const auto end = text.find_first_of(" \t\n", begin);
    return begin == std::string::npos ? "" : text.substr(begin, std::min(end - begin, word_size));
}

Result<Signed> with_sign(const std::string &text, const char *file) {
    const auto word = first_word(text);
    if (word.size() <= 1 || !api::check_ifname(word.substr(1))) {
        return fail(EPERM, std::string(file) + ": write +NAME or -NAME");
    }
    return Signed{word.front(), word.substr(1)};
}

Result<void> done(const Result<ordered_json> &reply) {
    return reply ? Result<void>() : tl::make_unexpected(reply.error());
}

// The bond whose slave it is; empty: none of ours.
Result<std::string> master_of(Source &source, const std::string &device) {
    const auto links = source.ask(api::LinkShow{device});
    if (!links) {
        return links.error().code == ENODEV ? Result<std::string>("") : tl::make_unexpected(links.error());
    }
    for (const auto &link : *links) {
        const auto &flags = link.at("flags");
        if (std::find(flags.begin(), flags.end(), "SLAVE") != flags.end()) {
            return link.value("master", "");
        }
    }
    return "";
}

Result<void> change_slaves(Source &source, const std::string &bond, const std::string &text) {
    XB_TRY(what, with_sign(text, "slaves"));
    if (!source.exists(what->name)) {
        return fail(ENODEV, "there is no device " + what->name);
    }
    if (what->sign != '+' && what->sign != '-') {
        return fail(EPERM, "slaves: write +NAME or -NAME");
    }
    XB_TRY(master, master_of(source, what->name));
    api::LinkSet set;
    set.name = what->name;
    if (what->sign == '+') {
        if (!master->empty()) {
            return fail(EBUSY, what->name + " is a slave of " + *master);
        }
        set.master = bond;
    } else {
        if (*master != bond) {
            return fail(EINVAL, what->name + " is no slave of " + bond);
        }
        set.master = "";
    }
    return done(source.ask(set));
}

} // namespace

Result<void> change_masters(Source &source, const std::string &text) {
    XB_TRY(what, with_sign(text, "bonding_masters"));
    if (what->sign == '+') {
        api::LinkAdd add;
        add.name = what->name;
        XB_TRY_VOID(api::check_bond_name(what->name));
        if (source.exists(what->name)) {
            return fail(EEXIST, what->name + " is there already");
        }
        return done(source.ask(add));
    }
    return what->sign == '-' ? done(source.ask(api::LinkDel{what->name}))
                             : fail(EPERM, "bonding_masters: write +NAME or -NAME");
}

Result<void> change_bond(Source &source, const std::string &bond, const std::string &attribute,
                         const std::string &text) {
    if (attribute == "slaves") {
        return change_slaves(source, bond, text);
    }
    const std::string value(core::without_newline(text));
    if (attribute == "arp_ip_target" && !value.starts_with('+') && !value.starts_with('-')) {
        return fail(EPERM, "arp_ip_target: write +ADDRESS or -ADDRESS");
    }
    if (text.find('\0') != std::string::npos) {
        return fail(EINVAL, "a NUL byte is in no value");
    }
    api::LinkSet set;
    set.name = bond;
    set.options.push_back({attribute, value});
    return done(source.ask(set));
}

} // namespace xbond::files
