// SPDX-License-Identifier: MIT
// AF_XDP sockets of applications: an XSKMAP for each rule. The application gets a descriptor of it and puts its sockets
// there itself, so that the controller takes no descriptors from anybody; the kernel takes them out when they close.
#pragma once

#include <span>

#include "common/fd.h"
#include "xbond/abi.h"
#include "xbond/result.h"

namespace xbond::loader {

Result<Fd> make_application_sockets();

// Makes the rules those that are wanted. One that stays keeps its place and its sockets.
Result<void> write_rules(int rules_map, int applications_map, std::span<const xb_xsk_rule> wanted);

// The XSKMAP of a rule, for an application. ENOENT: there is no such rule.
Result<Fd> sockets_of_rule(int rules_map, int applications_map, const xb_xsk_rule &);

} // namespace xbond::loader
