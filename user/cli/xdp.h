// SPDX-License-Identifier: MIT
// `xbond xdp`: somebody's XDP program, loaded here and run by the controller on every slave of a bond. `xbond
// port show`: devices whose frames go through one.
#pragma once

#include "user/cli/command.h"

namespace xbond::cli {

int xdp_attach(const Invocation &, const XdpAttachFile &); // an ExitCode
int xdp_show(const Invocation &, const XdpShow &);
int port_show(const Invocation &, const PortShow &);

} // namespace xbond::cli
