// SPDX-License-Identifier: MIT
// explain BOND --frame HEX | --flow FIELDS [--vlan-tci N]
// explain --policy POLICY --slaves N --frame HEX | --flow FIELDS [--vlan-tci N]     (no daemon needed)
#include "user/cli/grammar/args.h"
#include "user/cli/grammar/flow_frame.h"
#include "user/core/wire/hex.h"
#include "xbond/hash.h"

namespace xbond::cli {

namespace {

struct Words {
    std::optional<std::string> bond, frame, flow, policy, slaves, vlan_tci;
};

Result<void> parse_word(Args &args, Words &out) {
    const std::string word = args.take();
    std::optional<std::string> *slot = nullptr;
    for (const auto &[name, where] : {std::pair<std::string_view, std::optional<std::string> *>{"--frame", &out.frame},
                                      {"--flow", &out.flow},
                                      {"--policy", &out.policy},
                                      {"--slaves", &out.slaves},
                                      {"--vlan-tci", &out.vlan_tci}}) {
        if (word == name) {
            slot = where;
        }
    }
    if (slot) {
        XB_TRY(value, args.value(word));
        *slot = *value;
        return {};
    }
    if (out.bond || word.starts_with("-")) {
        return fail(EINVAL, "unexpected \"" + word +
                                "\"; expected BOND or --policy, --slaves, then --frame or --flow, --vlan-tci");
    }
    out.bond = word;
    return {};
}

// Which frame: its bytes and its tag.
Result<FlowFrame> frame_of(const Words &words) {
    if (words.frame.has_value() == words.flow.has_value()) {
        return fail(EINVAL, "give either --frame HEX or --flow src=..,dst=..,proto=..,sport=..,dport=..");
    }
    FlowFrame out;
    if (words.flow) {
        auto flow = frame_of_flow(*words.flow);
        if (!flow) {
            return flow;
        }
        out = std::move(*flow);
    } else {
        auto bytes = wire::parse_hex(*words.frame);
        if (!bytes) {
            return fail(EINVAL, "--frame: " + bytes.error().message);
        }
        out.bytes = std::move(*bytes);
    }
    if (words.vlan_tci) {
        XB_TRY(tci, parse_number(*words.vlan_tci, "--vlan-tci", 0, 65535));
        out.vlan_tci = static_cast<std::uint16_t>(*tci);
    }
    return out;
}

std::string policy_choices() { // "layer2, layer3+4 or vlan+srcmac"
    std::string text;
    for (const HashPolicy policy : hash_policies) {
        const bool last = policy == hash_policies.back();
        text += (text.empty() ? "" : last ? " or " : ", ") + std::string(core::policy_name(policy));
    }
    return text;
}

Result<ExplainOffline> offline(const Words &words, FlowFrame frame) {
    const auto policy = core::parse_policy(*words.policy);
    if (!policy) {
        return fail(EINVAL, "--policy: expected " + policy_choices() + ", got \"" + *words.policy + "\"");
    }
    XB_TRY(slaves, parse_number(words.slaves.value_or("1"), "--slaves", 1, XB_MAX_SLAVES));
    return ExplainOffline{*policy, *slaves, std::move(frame.bytes), frame.vlan_tci};
}

} // namespace

Result<Invocation> parse_explain(Args args, Invocation out) {
    const auto refused = [](const Error &e) { return fail(e.code, "explain: " + e.message); };
    Words words;
    while (!args.empty()) {
        const bool own = args.peek().starts_with("--") && args.peek() != "--json" && args.peek() != "--socket";
        const auto global = own ? Result<bool>(false) : take_global(args, out.globals);
        if (!global) {
            return refused(global.error());
        }
        if (*global) {
            continue;
        }
        if (auto ok = parse_word(args, words); !ok) {
            return refused(ok.error());
        }
    }
    if (words.bond.has_value() == words.policy.has_value() || (words.bond && words.slaves)) {
        return fail(EINVAL, "explain: give either a BOND, or --policy POLICY --slaves N");
    }
    auto frame = frame_of(words);
    if (!frame) {
        return refused(frame.error());
    }
    if (words.bond) {
        out.action = api::Request(api::Explain{*words.bond, std::move(frame->bytes), frame->vlan_tci});
        return out;
    }
    auto action = offline(words, std::move(*frame));
    if (!action) {
        return refused(action.error());
    }
    out.action = std::move(*action);
    return out;
}

} // namespace xbond::cli
