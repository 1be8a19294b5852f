// SPDX-License-Identifier: MIT
// Stream sockets of the control protocol, with the peer's credentials.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "common/fd.h"
#include "xbond/result.h"

namespace xbond::sys {

struct Peer {
    pid_t pid = 0;
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups; // SO_PEERGROUPS
};

// Binds and listens; mode 0666: who may do what is told by credentials, not by the file. A stale socket file (nobody
// answers) is replaced; a live one is EADDRINUSE. Parent directories are made (0755).
Result<Fd> listen_unix(const std::filesystem::path &);
Result<Fd> accept_unix(int listener); // non-blocking, close-on-exec
Result<Peer> peer_of(int fd);
Result<Fd> connect_unix(const std::filesystem::path &); // blocking

// Text with a descriptor beside its first byte (SCM_RIGHTS; -1: none), and what comes so: both as send() and recv(),
// with errno. What more than a few descriptors a peer sends is closed.
ssize_t send_with(int socket, std::string_view text, int descriptor, int flags);
ssize_t receive_with(int socket, std::span<char> room, std::vector<Fd> &descriptors, int flags);

} // namespace xbond::sys
