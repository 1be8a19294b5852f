// SPDX-License-Identifier: MIT
// `ifenslave bond0 eth0 eth1`, as scripts know it, served by xbond: also under that name, by a link to this program.
#pragma once

#include <functional>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>

#include "user/cli/command.h"
#include "user/cli/grammar/args.h"

namespace xbond::cli {

Result<Invocation> parse_ifenslave(Args, Invocation);

using Call = std::function<Result<nlohmann::ordered_json>(const api::Request &)>;
// A bond that is not there is made with the options that its module would have been loaded with.
Result<void> ifenslave(const Ifenslave &, const Call &, std::ostream &out, std::ostream &notes);

} // namespace xbond::cli
