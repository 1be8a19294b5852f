// SPDX-License-Identifier: MIT
// `link add|set|delete|show` in iproute2's grammar: keywords in any order, a word that is no keyword is the device,
// everything behind `type KIND` belongs to the kind.
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "user/api/device_words.h"
#include "user/cli/grammar/args.h"

namespace xbond::cli {

namespace {

using core::OptionValue;

// The keyword that a word means; a word that is none goes to the daemon as it is, which knows what to say.
std::string keyword(std::string_view word, std::span<const std::string_view> known) {
    for (const auto name : known) {
        if (word == name) {
            return std::string(word);
        }
    }
    for (const auto name : known) {
        if (matches(word, name)) {
            return std::string(name);
        }
    }
    return std::string(word);
}

Result<std::vector<OptionValue>> parse_options(Args &args, std::span<const std::string_view> known) {
    std::vector<OptionValue> out;
    while (!args.empty()) {
        const std::string name = keyword(args.take(), known);
        if (name == "clear_active_slave") {
            out.push_back({"active_slave", ""});
            continue;
        }
        if (args.empty() && (name == "arp_ip_target" || name == "ns_ip6_target")) {
            out.push_back({name, ""}); // as ip: the last word, and no target
            continue;
        }
        XB_TRY(value, args.value(name));
        out.push_back({name, *value});
    }
    return out;
}

// What the keywords of add and set may say.
struct LinkWords {
    std::optional<std::string> device;
    std::optional<std::string> name; // behind the keyword: of the device, or the one that it is to have
    std::optional<std::string> master;
    std::optional<bool> up;
    std::vector<OptionValue> of_device; // user/api/device_words.h
    std::optional<MacAddr> address;
    std::optional<std::uint32_t> mtu;
    std::optional<std::string> netns; // "" = nonetns
    std::optional<std::string> kind;
    std::vector<OptionValue> options;
    bool help = false;
};

Result<void> set_device(LinkWords &out, const std::string &name) {
    if (out.device) {
        return fail(EINVAL, "two devices: \"" + *out.device + "\" and \"" + name + "\"; which one is it?");
    }
    out.device = name;
    return {};
}

Result<void> parse_kind(Args &args, LinkWords &out) {
    XB_TRY(kind, args.value("type"));
    out.kind = *kind;
    if (*kind != "bond" && *kind != "bond_slave") {
        return fail(EINVAL, "type " + *kind + ": xbond knows the types bond and bond_slave");
    }
    if (!args.empty() && args.peek() == "help") {
        out.help = true;
        return {};
    }
    XB_TRY(options, parse_options(args, *kind == "bond" ? bond_keywords() : slave_keywords()));
    out.options = std::move(*options);
    return {};
}

Result<void> parse_mtu(Args &args, LinkWords &out) {
    auto text = args.value("mtu");
    XB_TRY(mtu, text ? parse_number(*text, "mtu", 68, 65535) : tl::unexpected(text.error()));
    out.mtu = *mtu;
    return {};
}

Result<void> parse_mac(Args &args, LinkWords &out) {
    auto text = args.value("address");
    XB_TRY(mac, text ? parse_address(*text) : tl::unexpected(text.error()));
    out.address = *mac;
    return {};
}

// Words that ip takes the beginning of, in its order.
std::string whole_word(const std::string &typed) {
    constexpr std::array<std::string_view, 7> words{"address",  "txqueuelen", "txqlen", "master",
                                                    "nomaster", "type",       "alias"};
    return keyword(typed, words);
}

// What ip says of devices, and xbond does not.
Result<void> check_ours(const std::string &word) {
    constexpr std::array<std::string_view, 5> of_a_device{"addrgenmode", "broadcast", "brd", "inet", "vf"};
    constexpr std::array<std::string_view, 5> of_a_kind{"carrier", "protodown", "dynamic", "trailers", "link"};
    constexpr std::array<std::string_view, 7> made_with{"index",        "numtxqueues",  "numrxqueues", "gso_max_size",
                                                        "gso_max_segs", "gro_max_size", "parentdev"};
    const auto is_in = [&](const auto &list) { return std::ranges::find(list, word) != list.end(); };
    if (word == "link-netns" || word == "link-netnsid") {
        return fail(EINVAL,
                    word + ": a bond and its slaves are in one network namespace; netns moves the bond's device");
    }
    if (word == "xdp" || word == "xdpgeneric" || word == "xdpdrv" || word == "xdpoffload") {
        return fail(EINVAL, word + ": xbond xdp attach BOND FILE puts a program on all slaves");
    }
    if (is_in(of_a_device)) {
        return fail(EINVAL, word + ": xbond does not say that of devices; ip link set does");
    }
    return is_in(of_a_kind) || is_in(made_with) ? fail(EINVAL, word + ": a bond has no such thing to be set")
                                                : Result<void>{};
}

Result<void> parse_word(Args &args, LinkWords &out) {
    const std::string word = whole_word(args.take());
    if (word == "up" || word == "down") {
        out.up = word == "up";
        return {};
    }
    if (word == "nomaster") {
        out.master = "";
        return {};
    }
    if (word == "nonetns") {
        out.netns = "";
        return {};
    }
    if (word == "netns") {
        XB_TRY(value, args.value(word));
        if (value->empty()) {
            return fail(EINVAL, "netns: expected a name or the number of a process");
        }
        out.netns = *value;
        return {};
    }
    if (word == "mtu") {
        return parse_mtu(args, out);
    }
    if (word == "master" || word == "vrf" || word == "dev" || word == "name") {
        XB_TRY(value, args.value(word));
        if (word == "dev") {
            return set_device(out, *value);
        }
        (word == "name" ? out.name : out.master) = *value;
        return {};
    }
    if (const auto *row = api::find_device_word(word)) {
        XB_TRY(value, args.value(word));
        out.of_device.push_back({std::string(row->name), *value});
        return api::check_device_word(out.of_device.back());
    }
    if (word == "address") {
        return parse_mac(args, out);
    }
    if (word == "type") {
        return parse_kind(args, out);
    }
    if (word == "help") {
        out.help = true;
        return {};
    }
    XB_TRY_VOID(check_ours(word));
    return set_device(out, word);
}

Result<LinkWords> parse_words(Args args) {
    LinkWords out;
    while (!args.empty() && !out.help) {
        XB_TRY_VOID(parse_word(args, out));
    }
    if (!out.device) { // as ip: with one alone it does not matter which of the two it is
        out.device = std::exchange(out.name, std::nullopt);
    }
    if (out.name == out.device) {
        out.name.reset();
    }
    if (!out.device && !out.help) {
        return fail(EINVAL, "which device? It is missing");
    }
    for (const auto &name : {out.device, out.name}) {
        if (name) {
            XB_TRY_VOID(api::check_any_name(*name));
        }
    }
    return out;
}

Invocation help_about(Invocation out, const LinkWords &words) {
    out.action = Help{words.kind.value_or("link")};
    return out;
}

std::string device_word_list() {
    std::string out;
    for (const auto &row : api::device_words()) {
        out += (out.empty() ? "" : ", ") + std::string(row.name);
    }
    return out;
}

Result<void> check_master(const LinkWords &words) {
    if (words.master && !words.master->empty()) {
        if (auto ok = api::check_any_name(*words.master); !ok) {
            return fail(EINVAL, "master: " + ok.error().message);
        }
    }
    return {};
}

Result<Invocation> parse_add(Args args, Invocation out) {
    auto words = parse_words(args);
    if (!words) {
        return fail(EINVAL, "link add: " + words.error().message);
    }
    if (words->help) {
        return help_about(std::move(out), *words);
    }
    if (words->kind != "bond") {
        return fail(EINVAL, "link add: expected type bond: xbond link add " + *words->device + " type bond mode ...");
    }
    const std::string name = words->name.value_or(*words->device);
    if (auto ok = api::check_bond_name(name); !ok) {
        return fail(EINVAL, "link add: " + ok.error().message);
    }
    if (auto ok = check_master(*words); !ok) {
        return fail(EINVAL, "link add: " + ok.error().message);
    }
    api::LinkAdd add{name, std::move(words->options), words->address, words->mtu};
    add.master = words->master;
    add.up = words->up;
    add.device = std::move(words->of_device);
    add.netns = words->netns;
    out.action = api::Request(std::move(add));
    return out;
}

Result<Invocation> parse_set(Args args, Invocation out) {
    auto words = parse_words(args);
    if (!words) {
        return fail(EINVAL, "link set: " + words.error().message);
    }
    if (words->help) {
        return help_about(std::move(out), *words);
    }
    api::LinkSet set{.name = *words->device, .master = words->master, .up = words->up};
    set.address = words->address;
    set.mtu = words->mtu;
    set.new_name = words->name;
    set.device = std::move(words->of_device);
    set.netns = words->netns;
    if (auto ok = check_master(*words); !ok) {
        return fail(EINVAL, "link set: " + ok.error().message);
    }
    (words->kind == "bond_slave" ? set.slave_options : set.options) = std::move(words->options);
    const bool says_nothing = !set.master && !set.up && !set.address && !set.mtu && !set.new_name && !set.netns &&
                              set.device.empty() && set.options.empty() && set.slave_options.empty();
    if (says_nothing) {
        return fail(EINVAL, "link set: what about " + set.name +
                                "? Expected master, nomaster, netns, nonetns, up, down, address, mtu, name, " +
                                device_word_list() + " or type bond with options");
    }
    out.action = api::Request(std::move(set));
    return out;
}

Result<Invocation> parse_delete(Args args, Invocation out) {
    auto words = parse_words(args);
    if (!words) {
        return fail(EINVAL, "link delete: " + words.error().message);
    }
    if (words->help) {
        return help_about(std::move(out), *words);
    }
    if (words->master || words->up || words->address || words->mtu || words->name || words->netns ||
        !words->of_device.empty() || !words->options.empty()) {
        return fail(EINVAL, "link delete: takes a bond and nothing else");
    }
    out.action = api::Request(api::LinkDel{*words->device});
    return out;
}

// A word of link show, which may be the device. False: it asks for help.
Result<bool> parse_show_word(Args &args, Invocation &out, std::optional<std::string> &device) {
    const std::string word = args.take();
    constexpr std::array<std::string_view, 5> with_value{"dev", "type", "master", "vrf", "group"};
    const bool has_value = std::ranges::find(with_value, word) != with_value.end();
    XB_TRY(value, has_value ? args.value(word) : Result<std::string>(word));
    if (word == "master" || word == "vrf" || word == "nomaster") {
        out.filter.master = word == "nomaster" ? "" : *value;
    } else if (word == "group") {
        out.filter.group = *value;
    } else if (word == "type") {
        if (*value != "bond" && *value != "bond_slave") {
            return fail(EINVAL, "type " + *value + ": xbond shows the types bond and bond_slave");
        }
        (*value == "bond" ? out.filter.bonds_only : out.filter.slaves_only) = true;
    } else if (word == "up" || word == "down") {
        (word == "up" ? out.filter.up_only : out.filter.down_only) = true;
    } else if (word == "novf") { // there are none to be left out
    } else if (matches(word, "help")) {
        out.action = Help{"link"};
        return false;
    } else if (device) {
        return fail(EINVAL,
                    "unexpected \"" + word +
                        "\"; expected [dev X] [group G] [up | down] [type bond | type bond_slave] [master BOND | "
                        "nomaster]");
    } else {
        device = *value;
    }
    return true;
}

Result<Invocation> parse_show(Args args, Invocation out) {
    std::optional<std::string> device;
    while (!args.empty()) {
        XB_TRY(global, take_global(args, out.globals));
        if (*global) {
            continue;
        }
        const auto goes_on = parse_show_word(args, out, device);
        if (!goes_on) {
            return fail(EINVAL, "link show: " + goes_on.error().message);
        }
        if (!*goes_on) {
            return out;
        }
    }
    if (device) {
        if (auto ok = api::check_any_name(*device); !ok) {
            return fail(EINVAL, "link show: " + ok.error().message);
        }
    }
    out.action = api::Request(api::LinkShow{device, out.globals.details, out.globals.statistics});
    return out;
}

// xstats type bond|bond_slave [lacp | 802.3ad] [dev DEV]
Result<Invocation> parse_xstats(Args args, Invocation out) {
    constexpr const char *usage = "link xstats: expected type bond | type bond_slave, then [802.3ad] [dev DEV]";
    Xstats what;
    if (args.empty() || !matches(args.take(), "type") || args.empty()) {
        return fail(EINVAL, usage);
    }
    const std::string kind = args.take();
    if (kind != "bond" && kind != "bond_slave") {
        return fail(EINVAL, usage);
    }
    what.of_slaves = kind == "bond_slave";
    while (!args.empty()) {
        XB_TRY(global, take_global(args, out.globals));
        if (*global) {
            continue;
        }
        const std::string word = args.take();
        if (word == "help") {
            out.action = Help{"link"};
            return out;
        }
        if (word == "dev") {
            XB_TRY(device, args.value("link xstats: dev"));
            what.device = *device;
        } else if (word != "lacp" && word != "802.3ad") {
            return fail(EINVAL, usage);
        }
    }
    out.action = what;
    return out;
}

} // namespace

std::vector<std::string_view> bond_keywords(std::span<const core::OptionRow> table) {
    std::vector<std::string_view> out;
    for (const core::OptionRow *row :
         core::rows_in_order(table, &core::OptionRow::name, &core::OptionRow::typed_behind)) {
        out.push_back(row->name);
        std::ranges::copy(core::aliases(*row), std::back_inserter(out));
        if (row->name == "active_slave") {
            out.emplace_back("clear_active_slave"); // takes no value
        }
    }
    return out;
}

std::vector<std::string_view> slave_keywords(std::span<const core::SlaveOptionRow> table) {
    std::vector<std::string_view> out;
    std::ranges::transform(table, std::back_inserter(out), &core::SlaveOptionRow::name);
    return out;
}

Result<Invocation> parse_link(Args args, Invocation out) {
    if (args.empty()) {
        return parse_show(args, std::move(out));
    }
    const std::string verb = args.take(); // in ip's order: "s" is set, "sh" is show
    if (matches(verb, "add")) {
        return parse_add(args, std::move(out));
    }
    if (matches(verb, "set") || matches(verb, "change")) {
        return parse_set(args, std::move(out));
    }
    if (matches(verb, "delete")) {
        return parse_delete(args, std::move(out));
    }
    if (matches(verb, "show") || matches(verb, "lst") || matches(verb, "list")) {
        return parse_show(args, std::move(out));
    }
    if (matches(verb, "xstats")) {
        return parse_xstats(args, std::move(out));
    }
    if (matches(verb, "property")) {
        return fail(EINVAL, "link property: alternative names are given by ip, and xbond knows devices by them");
    }
    if (matches(verb, "help")) {
        out.action = Help{"link"};
        if (!args.empty() && (args.peek() == "bond" || args.peek() == "bond_slave")) {
            out.action = Help{args.peek()};
        }
        return out;
    }
    return fail(EINVAL, "link: unknown command \"" + verb + "\"; known: add, set, delete, show, xstats, help");
}

} // namespace xbond::cli
