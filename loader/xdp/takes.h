// SPDX-License-Identifier: MIT
// Whether what an XDP program redirects to a device is sent by it. With many drivers that depends on what else there
// is: a veth takes frames while its other end has an XDP program or GRO, others while they have an XDP program
// themselves. A frame that is redirected all the same is lost without a word.
#pragma once

#include <cstdint>

namespace xbond::loader {

// As the kernel tells, since Linux 6.3; earlier ones tell nothing: then no veth, and what has native XDP at work.
bool takes_redirected(std::uint32_t ifindex);

// Also where nobody knows.
bool is_veth(std::uint32_t ifindex);

} // namespace xbond::loader
