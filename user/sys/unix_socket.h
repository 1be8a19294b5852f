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
// As recv() without waiting, and EBADMSG where descriptors lie beside the bytes, which then stay unread: to close them
// may take as long as the peer likes. A socket that listens here refuses them where the kernel can (6.16).
ssize_t receive_plain(int fd, std::span<char> buffer);
// From a peer that may pass descriptors, which a connection does not take before this: as receive_plain, with all that
// lie beside. None of them is closed here.
void take_descriptors(int fd);
ssize_t receive_with(int fd, std::span<char> buffer, std::vector<Fd> &descriptors);
// As send(), at most all of `bytes`, with descriptors beside the first of them.
ssize_t send_with(int fd, std::string_view bytes, std::span<const int> descriptors);
Result<Fd> connect_unix(const std::filesystem::path &); // blocking

} // namespace xbond::sys
