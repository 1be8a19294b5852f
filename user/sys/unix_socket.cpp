// SPDX-License-Identifier: MIT
#include "user/sys/unix_socket.h"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "user/sys/directory.h"
#include "user/sys/io.h"

namespace xbond::sys {
namespace {

namespace fs = std::filesystem;
constexpr int backlog = 64;

Result<sockaddr_un> address_of(const fs::path &path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string &name = path.native();
    if (name.empty() || name.size() >= sizeof address.sun_path) {
        return fail(ENAMETOOLONG, "socket path \"" + name + "\": expected 1 to " +
                                      std::to_string(sizeof address.sun_path - 1) + " bytes");
    }
    name.copy(address.sun_path, name.size());
    return address;
}

const sockaddr *generic(const sockaddr_un &a) { return reinterpret_cast<const sockaddr *>(&a); }

Result<Fd> open_socket(int flags) {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    if (!fd) {
        return fail_errno("cannot open a unix socket");
    }
    return fd;
}

// Only one starter at a time may find a stale socket and replace it. The lock is a file of its own, private to its
// owner, and is removed before it is let go; whoever then holds a lock on a removed file starts over.
class BindLock {
public:
    static Result<BindLock> take(const fs::path &socket) {
        BindLock lock;
        lock.path_ = socket.native() + ".lock";
        for (;;) {
            lock.fd_.reset(::open(lock.path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
            if (!lock.fd_ || ::flock(lock.fd_.get(), LOCK_EX) != 0) {
                return fail_errno("cannot lock " + lock.path_);
            }
            struct stat held {};
            struct stat named {};
            ::fstat(lock.fd_.get(), &held);
            if (::stat(lock.path_.c_str(), &named) == 0 && held.st_ino == named.st_ino) {
                return lock;
            }
        }
    }
    BindLock(BindLock &&) noexcept = default;
    BindLock &operator=(BindLock &&) = delete;
    ~BindLock() {
        if (fd_) {
            ::unlink(path_.c_str());
        }
    }

private:
    BindLock() = default;
    std::string path_;
    Fd fd_;
};

bool is_stale(const fs::path &path, const sockaddr_un &address) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0 || !S_ISSOCK(st.st_mode)) {
        return false;
    }
    const auto probe = open_socket(SOCK_NONBLOCK);
    return probe && ::connect(probe->get(), generic(address), sizeof address) != 0 && errno == ECONNREFUSED;
}

} // namespace

Result<Fd> listen_unix(const fs::path &path) {
    XB_TRY(address, address_of(path));
    const auto directory = fs::absolute(path).parent_path();
    XB_TRY_VOID(make_directories(directory));
    XB_TRY_VOID(check_shared(directory));
    XB_TRY(lock, BindLock::take(path));
    auto fd = open_socket(SOCK_NONBLOCK);
    if (!fd) {
        return fd;
    }
    if (is_stale(path, *address)) {
        ::unlink(path.c_str());
    }
    if (::bind(fd->get(), generic(*address), sizeof *address) != 0) {
        const std::string hint = errno == EADDRINUSE ? " (something else answers there or is in the way)" : "";
        return fail_errno("cannot listen on " + path.string() + hint);
    }
    // The mode before listen(): until then nobody gets in.
    if (::chmod(path.c_str(), 0666) != 0 || ::listen(fd->get(), backlog) != 0) {
        return fail_errno("cannot listen on " + path.string());
    }
    return fd;
}

Result<Fd> accept_unix(int listener) {
    Fd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
        return fail_errno("cannot accept a connection");
    }
    return fd;
}

Result<Peer> peer_of(int fd) {
    ucred cred{};
    socklen_t size = sizeof cred;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0) {
        return fail_errno("cannot read the peer's credentials");
    }
    Peer peer{cred.pid, cred.uid, cred.gid, {}};
    size = 0; // too small for any group: the kernel answers with the size it needs
    while (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) != 0) {
        if (errno != ERANGE) {
            return fail_errno("cannot read the peer's groups");
        }
        peer.groups.resize(size / sizeof(gid_t));
    }
    peer.groups.resize(size / sizeof(gid_t));
    return peer;
}

Result<Fd> connect_unix(const fs::path &path) {
    XB_TRY(address, address_of(path));
    auto fd = open_socket(0);
    if (!fd) {
        return fd;
    }
    if (::connect(fd->get(), generic(*address), sizeof *address) != 0) {
        return fail_errno("cannot connect to " + path.string());
    }
    return fd;
}

ssize_t send_with(int socket, std::string_view text, int descriptor, int flags) {
    iovec io{const_cast<char *>(text.data()), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
    msghdr message{};
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    if (descriptor >= 0) {
        message.msg_control = room.data();
        message.msg_controllen = room.size();
        cmsghdr *const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    return ::sendmsg(socket, &message, flags);
}

ssize_t receive_with(int socket, std::span<char> room, std::vector<Fd> &descriptors, int flags) {
    constexpr std::size_t most = 4;
    iovec io{room.data(), room.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most)> beside{};
    msghdr message{};
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    message.msg_control = beside.data();
    message.msg_controllen = beside.size();
    const ssize_t got = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (got < 0) {
        return got;
    }
    for (cmsghdr *header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            descriptors.emplace_back(fd);
        }
    }
    return got;
}

} // namespace xbond::sys
