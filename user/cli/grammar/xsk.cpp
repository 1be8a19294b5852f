// SPDX-License-Identifier: MIT
// xsk allow|forbid BOND group GROUP match WORDS; xsk show BOND. The rule itself is an option of the bond.
#include "user/cli/grammar/args.h"
#include "user/core/options/xsk_rules.h"

namespace xbond::cli {

namespace {

constexpr std::string_view usage = "xsk allow BOND group GROUP match WORDS..., xsk forbid BOND group GROUP match "
                                   "WORDS..., or xsk show BOND";

} // namespace

Result<Invocation> parse_xsk(Args args, Invocation out) {
    XB_TRY(taken, take_words(args, out.globals));
    const std::vector<std::string> &words = *taken;
    if (words.size() < 2) {
        return fail(EINVAL, "xsk: expected " + std::string(usage));
    }
    const std::string_view what = words[0];
    if (matches(what, "show") && words.size() == 2) {
        out.action = XskRules{words[1]};
        return out;
    }
    if (!matches(what, "allow") && !matches(what, "forbid")) {
        return fail(EINVAL, "xsk: unexpected \"" + words[0] + "\"; expected " + std::string(usage));
    }
    std::string rule;
    for (std::size_t i = 2; i < words.size(); ++i) { // 'udp dst 53' may be one word or three
        rule += (rule.empty() ? "" : " ") + words[i];
    }
    XB_TRY(parsed, core::parse_xsk_rule(rule));
    api::LinkSet set{.name = words[1]};
    set.options.push_back({"xsk_allow", (matches(what, "allow") ? "+" : "-") + core::text(*parsed)});
    out.action = api::Request(set);
    return out;
}

} // namespace xbond::cli
