// SPDX-License-Identifier: MIT
// The tree: /proc/net/bonding and the part of /sys/class/net that the kernel's bonding driver has, made anew for every
// look. Paths begin with '/', the root is "/"; an error's code is the errno that the caller of the file gets.
//   /proc/net/bonding/BOND
//   /sys/class/net/bonding_masters
//   /sys/class/net/BOND/bonding/*, BOND/lower_SLAVE, SLAVE/bonding_slave/*, SLAVE/master
//   and of both, as symbolic links, what else the kernel keeps of the device
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "user/files/source.h"

namespace xbond::files {

struct Node {
    mode_t mode = 0;          // with its type
    std::string target;       // of a symbolic link
    off_t size = 0;           // as the kernel says of its own: 0 in /proc, a page in /sys
    bool writes_fail = false; // opened for writing by root it takes nothing: EIO
};

Result<Node> look(Source &, const std::string &path);
Result<std::vector<std::string>> list(Source &, const std::string &path);
Result<std::string> read(Source &, const std::string &path);
Result<void> write(Source &, const std::string &path, const std::string &text);

} // namespace xbond::files
