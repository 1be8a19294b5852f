// SPDX-License-Identifier: MIT
// A cursor over the arguments, and iproute2's prefix rule.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "user/cli/command.h"
#include "user/core/bond/slave_options.h"
#include "user/core/options/option_table.h"

namespace xbond::cli {

class Args {
public:
    explicit Args(std::span<const std::string> args) : args_(args) {}

    bool empty() const { return args_.empty(); }
    const std::string &peek() const { return args_.front(); }
    const std::string &take() {
        const auto &first = args_.front();
        args_ = args_.subspan(1);
        return first;
    }
    // The value behind a keyword that was just taken.
    Result<std::string> value(std::string_view keyword);

private:
    std::span<const std::string> args_;
};

// iproute2's `matches`: the word is the keyword or a beginning of it.
inline bool matches(std::string_view word, std::string_view keyword) {
    return !word.empty() && keyword.starts_with(word);
}

Result<std::uint32_t> parse_number(std::string_view text, std::string_view what, std::uint32_t min, std::uint32_t max);
Result<MacAddr> parse_address(std::string_view text);

// Takes one global option (-j, -n NS, ...) if the next argument is one.
Result<bool> take_global(Args &, Globals &);

// All that is left, without the global options in between.
Result<std::vector<std::string>> take_words(Args, Globals &);

// `[show [BOND]]`
inline bool asks_to_show(std::span<const std::string> words) {
    return words.empty() || (matches(words[0], "show") && words.size() <= 2);
}

// What may stand behind `type bond` and `type bond_slave`, in the order in which a beginning of it is tried.
std::vector<std::string_view> bond_keywords(std::span<const core::OptionRow> = core::option_table());
std::vector<std::string_view> slave_keywords(std::span<const core::SlaveOptionRow> = core::slave_option_table());

Result<Invocation> parse_link(Args, Invocation);    // behind "link"
Result<Invocation> parse_explain(Args, Invocation); // behind "explain"
Result<Invocation> parse_xdp(Args, Invocation);     // behind "xdp"
Result<Invocation> parse_port(Args, Invocation);    // behind "port"
Result<Invocation> parse_xsk(Args, Invocation);     // behind "xsk"

} // namespace xbond::cli
