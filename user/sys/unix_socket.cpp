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

namespace {

constexpr int passes_rights = 83;             // SO_PASSRIGHTS, newer than libc
constexpr std::size_t most_descriptors = 253; // beside one message: SCM_MAX_FD

// What connects inherits it.
void refuse_descriptors(int listener) {
    const int off = 0;
    (void)::setsockopt(listener, SOL_SOCKET, passes_rights, &off, sizeof off);
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
    refuse_descriptors(fd->get());
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

// Looks first: bytes that were seen to have nothing beside them are read, and no more.
ssize_t receive_plain(int fd, std::span<char> buffer) {
    iovec data{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    const auto seen = ::recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT);
    if (seen <= 0) {
        return seen;
    }
    if ((message.msg_flags & MSG_CTRUNC) != 0) {
        errno = EBADMSG;
        return -1;
    }
    return ::recv(fd, buffer.data(), static_cast<std::size_t>(seen), MSG_DONTWAIT);
}

void take_descriptors(int fd) {
    const int on = 1;
    (void)::setsockopt(fd, SOL_SOCKET, passes_rights, &on, sizeof on);
}

ssize_t receive_with(int fd, std::span<char> buffer, std::vector<Fd> &descriptors) {
    iovec data{buffer.data(), buffer.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most_descriptors)> beside{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = beside.data();
    message.msg_controllen = beside.size();
    const ssize_t got = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) {
        return got;
    }
    for (cmsghdr *header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int one = -1;
            std::memcpy(&one, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            descriptors.emplace_back(one);
        }
    }
    return got;
}

ssize_t send_with(int fd, std::string_view bytes, std::span<const int> descriptors) {
    iovec data{const_cast<char *>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    std::vector<char> control(CMSG_SPACE(descriptors.size_bytes()));
    if (!descriptors.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr *const rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
    }
    return ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
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

} // namespace xbond::sys
