// SPDX-License-Identifier: MIT
// xdp attach BOND FILE [prog NAME] [pin DIR] | xdp detach BOND | xdp show [BOND], with global options anywhere.
#include "user/cli/grammar/args.h"

namespace xbond::cli {

namespace {

constexpr const char *usage = "Usage: xbond xdp attach BOND FILE [prog NAME] [pin DIR] | xdp detach BOND | "
                              "xdp show [BOND]";

tl::unexpected<Error> misused(const std::string &what) { return fail(EINVAL, "xdp: " + what + ". " + usage); }

Result<Invocation> parse_attach(std::span<const std::string> words, Invocation out) {
    if (words.size() < 2) {
        return misused("attach needs a bond and a file");
    }
    XdpAttachFile what{words[0], words[1], "", ""};
    Args rest(words.subspan(2));
    while (!rest.empty()) {
        const std::string &word = rest.take();
        std::string *const place = word == "prog" ? &what.program : word == "pin" ? &what.pin : nullptr;
        if (place == nullptr || !place->empty()) {
            return misused("unexpected \"" + word + "\"");
        }
        XB_TRY(value, rest.value(word));
        *place = *value;
    }
    out.action = std::move(what);
    return out;
}

} // namespace

Result<Invocation> parse_xdp(Args args, Invocation out) {
    XB_TRY(taken, take_words(args, out.globals));
    const std::vector<std::string> &words = *taken;
    if (asks_to_show(words)) {
        out.action = XdpShow{words.size() == 2 ? std::optional(words[1]) : std::nullopt};
        return out;
    }
    if (matches(words[0], "attach")) {
        return parse_attach(std::span(words).subspan(1), std::move(out));
    }
    if (matches(words[0], "detach") && words.size() == 2) {
        out.action = api::Request(api::XdpDetach{words[1]});
        return out;
    }
    return misused(words[0] == "detach" ? "detach needs a bond and nothing more" : "unexpected \"" + words[0] + "\"");
}

} // namespace xbond::cli
