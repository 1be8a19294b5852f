// SPDX-License-Identifier: MIT
// port add BOND DEVICE [mac ADDRESS] [vlan N] [xdp POLICY] | port del BOND DEVICE | port show [BOND], with global
// options anywhere.
#include "user/cli/grammar/args.h"
#include "user/core/options/keywords.h"

namespace xbond::cli {

namespace {

constexpr const char *usage =
    "Usage: xbond port add BOND DEVICE [mac ADDRESS] [vlan N] [xdp auto|native|generic|off] | "
    "port del BOND DEVICE | port show [BOND]";
constexpr std::uint32_t last_vlan = 4094;

tl::unexpected<Error> misused(const std::string &what) { return fail(EINVAL, "port: " + what + ". " + usage); }

Result<void> parse_word(const std::string &word, const std::string &value, api::PortAdd &out) {
    if (word == "mac" && !out.mac) {
        XB_TRY(mac, parse_address(value));
        out.mac = *mac;
    } else if (word == "vlan" && !out.vlan) {
        XB_TRY(vlan, parse_number(value, "vlan", 1, last_vlan));
        out.vlan = static_cast<std::uint16_t>(*vlan);
    } else if (word == "xdp") {
        const auto policy = core::value_of(core::xdp_keywords, value);
        if (!policy) {
            return misused("xdp " + value + ": expected auto, native, generic or off");
        }
        out.xdp = static_cast<XdpPolicy>(*policy);
    } else {
        return misused("unexpected \"" + word + "\"");
    }
    return {};
}

Result<Invocation> parse_add(std::span<const std::string> words, Invocation out) {
    if (words.size() < 2) {
        return misused("add needs a bond and a device");
    }
    api::PortAdd what{.name = words[0], .port = words[1]};
    Args rest(words.subspan(2));
    while (!rest.empty()) {
        const std::string &word = rest.take();
        XB_TRY(value, rest.value(word));
        XB_TRY_VOID(parse_word(word, *value, what));
    }
    out.action = api::Request(std::move(what));
    return out;
}

} // namespace

Result<Invocation> parse_port(Args args, Invocation out) {
    XB_TRY(taken, take_words(args, out.globals));
    const std::vector<std::string> &words = *taken;
    if (asks_to_show(words)) {
        out.action = PortShow{words.size() == 2 ? std::optional(words[1]) : std::nullopt};
        return out;
    }
    if (matches(words[0], "add")) {
        return parse_add(std::span(words).subspan(1), std::move(out));
    }
    if (matches(words[0], "delete") && words.size() == 3) {
        out.action = api::Request(api::PortDel{words[1], words[2]});
        return out;
    }
    return misused(matches(words[0], "delete") ? "del needs a bond and a device and nothing more"
                                               : "unexpected \"" + words[0] + "\"");
}

} // namespace xbond::cli
