// SPDX-License-Identifier: MIT
// `xbond xdp`: somebody's XDP program, loaded here and run by the controller on every slave of a bond.
#pragma once

#include "user/cli/command.h"

namespace xbond::cli {

int xdp_attach(const Invocation &, const XdpAttachFile &); // an ExitCode
int xdp_show(const Invocation &, const XdpShow &);

} // namespace xbond::cli
