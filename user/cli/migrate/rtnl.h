// SPDX-License-Identifier: MIT
// A netlink socket for messages that are carried as they are.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/fd.h"
#include "user/cli/migrate/message.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::cli::migrate {

class Rtnl {
public:
    static Result<Rtnl> open(); // in the calling thread's network namespace

    Result<Held> all(); // addresses, routes, neighbours of the whole network namespace
    // All in one system call as far as that takes them. What is there, or gone, already is no error.
    Result<void> send(std::span<const Message>, const std::map<std::uint32_t, std::string> &names);

    Result<void> make_bond(const std::string &name, std::optional<MacAddr> mac, std::uint32_t mtu); // the kernel's
    // Of the kind and with the settings of another device, MTU and, where it has its own, address included; down.
    Result<void> make_like(const std::string &name, std::uint32_t like, std::uint32_t below, bool own_mac);
    Result<void> slave_prio(std::uint32_t slave, std::int32_t prio);
    // Messages for `send`: an alternative name goes from one device to the other.
    static std::vector<Message> move_altname(const std::string &altname, std::uint32_t from, std::uint32_t to);

private:
    Result<std::vector<Message>> dump(std::uint16_t type, const std::vector<std::uint8_t> &head);
    Result<Message> link(std::uint32_t ifindex);

    Fd fd_;
    std::uint32_t seq_ = 0;
};

} // namespace xbond::cli::migrate
