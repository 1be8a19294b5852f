// SPDX-License-Identifier: MIT
#include "loader/xdp/xsk.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/pkt_sched.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <vector>
#include <xdp/xsk.h>

#include "common/fd.h"
#include "loader/bpf_calls.h"

namespace xbond::loader {
namespace {

constexpr std::uint32_t frame_bytes = 2048; // the smallest that the kernel takes
constexpr std::uint32_t rx_frames = 16, tx_frames = 4;
constexpr std::uint32_t block_frames = rx_frames + tx_frames; // what one socket owns
constexpr std::uint32_t ring_size = 16;                       // a power of two; no ring is ever short of room
static_assert(ring_size >= rx_frames && ring_size >= tx_frames);

constexpr unsigned max_kicks = 4;

xsk_socket_config socket_config(std::uint32_t tx_size) {
    xsk_socket_config config{};
    config.rx_size = ring_size;
    config.tx_size = tx_size;
    config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
    config.bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP; // sockets that share the UMEM inherit them
    return config;
}

std::string name_of(std::uint32_t ifindex) {
    char ifname[IF_NAMESIZE];
    return if_indextoname(ifindex, ifname) != nullptr ? ifname : "";
}

// libxdp does not.
void close_on_exec(int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); }

class Mapping { // anonymous pages
public:
    explicit Mapping(std::size_t size)
        : size_(size), start_(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
    Mapping(const Mapping &) = delete;
    Mapping &operator=(const Mapping &) = delete;
    ~Mapping() {
        if (*this) {
            munmap(start_, size_);
        }
    }
    explicit operator bool() const { return start_ != MAP_FAILED; }
    std::size_t size() const { return size_; }
    void *start() const { return start_; }
    std::uint8_t *at(std::uint64_t address) const { return static_cast<std::uint8_t *>(start_) + address; }

private:
    std::size_t size_;
    void *start_;
};

// The rings of one socket. libxdp keeps pointers to them.
struct Rings {
    xsk_ring_prod fill{}, tx{};
    xsk_ring_cons completion{}, rx{};
};

// The received frames that wait. They go back to the kernel at the end, also when their handler throws.
struct Received {
    explicit Received(Rings &r) : rings(r) {
        std::uint32_t at = 0;
        count = xsk_ring_cons__peek(&rings.rx, rx_frames, &at);
        for (std::uint32_t i = 0; i < count; ++i) {
            frames[i] = *xsk_ring_cons__rx_desc(&rings.rx, at + i);
        }
    }
    Received(const Received &) = delete;
    Received &operator=(const Received &) = delete;
    ~Received() {
        if (count == 0) {
            return;
        }
        xsk_ring_cons__release(&rings.rx, count);
        std::uint32_t at = 0;
        xsk_ring_prod__reserve(&rings.fill, count, &at);
        for (std::uint32_t i = 0; i < count; ++i) { // the kernel put the data behind some headroom
            *xsk_ring_prod__fill_addr(&rings.fill, at + i) = frames[i].addr / frame_bytes * frame_bytes;
        }
        xsk_ring_prod__submit(&rings.fill, count);
    }

    Rings &rings;
    std::uint32_t count = 0;
    std::array<xdp_desc, rx_frames> frames{};
};

struct CloseSocket {
    void operator()(xsk_socket *socket) const { xsk_socket__delete(socket); }
};
using SocketHandle = std::unique_ptr<xsk_socket, CloseSocket>;

struct CloseUmem {
    void operator()(xsk_umem *umem) const { xsk_umem__delete(umem); }
};

} // namespace

// Members in the order in which they are made; libxdp wants the reverse at the end.
struct XskPool::Umem {
    explicit Umem(unsigned sockets) : memory(std::size_t{sockets} * block_frames * frame_bytes) {
        for (unsigned i = 0; i < sockets; ++i) {
            free_blocks.push_back(std::uint64_t{i} * block_frames * frame_bytes);
        }
    }

    Mapping memory;
    Rings rings; // of the anchor
    std::unique_ptr<xsk_umem, CloseUmem> handle;
    SocketHandle anchor;
    // Addresses of the blocks that no socket owns. First in, first out: a device may still be sending the last frame of
    // a socket that was closed.
    std::deque<std::uint64_t> free_blocks;
};

struct XskSocket::Impl {
    explicit Impl(std::shared_ptr<XskPool::Umem> from) : umem(std::move(from)), block(umem->free_blocks.front()) {
        umem->free_blocks.pop_front();
        for (std::uint32_t i = 0; i < tx_frames; ++i) {
            free_tx.push_back(block + std::uint64_t{rx_frames + i} * frame_bytes);
        }
    }
    Impl(const Impl &) = delete;
    Impl &operator=(const Impl &) = delete;
    ~Impl() {
        socket.reset();
        umem->free_blocks.push_back(block);
    }

    int fd() const { return xsk_socket__fd(socket.get()); }

    void give_receive_frames() {
        std::uint32_t at = 0;
        xsk_ring_prod__reserve(&rings.fill, rx_frames, &at);
        for (std::uint32_t i = 0; i < rx_frames; ++i) {
            *xsk_ring_prod__fill_addr(&rings.fill, at + i) = block + std::uint64_t{i} * frame_bytes;
        }
        xsk_ring_prod__submit(&rings.fill, rx_frames);
    }

    void take_completions() {
        std::uint32_t at = 0;
        const std::uint32_t done = xsk_ring_cons__peek(&rings.completion, tx_frames, &at);
        for (std::uint32_t i = 0; i < done; ++i) {
            free_tx.push_back(*xsk_ring_cons__comp_addr(&rings.completion, at + i));
        }
        if (done != 0) {
            xsk_ring_cons__release(&rings.completion, done);
        }
    }

    Result<void> kick() const;

    std::shared_ptr<XskPool::Umem> umem;
    std::uint64_t block; // address of the frames owned: rx_frames, then tx_frames
    Rings rings;
    std::vector<std::uint64_t> free_tx;
    SocketHandle socket;
};

// The kernel sends what is in the ring; EAGAIN: not all of it yet, the driver is busy.
Result<void> XskSocket::Impl::kick() const {
    for (unsigned i = 0; i < max_kicks && xsk_ring_prod__needs_wakeup(&rings.tx); ++i) {
        if (::sendto(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0) {
            return {};
        }
        if (errno != EAGAIN && errno != EINTR) {
            return kernel_error(errno, "cannot send through AF_XDP");
        }
    }
    return {}; // what is left goes with the next frame, or when the descriptor is polled
}

XskSocket::XskSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XskSocket::XskSocket(XskSocket &&) noexcept = default;
XskSocket &XskSocket::operator=(XskSocket &&) noexcept = default;
XskSocket::~XskSocket() = default;

int XskSocket::fd() const { return impl_->fd(); }

void XskSocket::receive(const std::function<void(std::span<const std::uint8_t>)> &handle) {
    const Received batch(impl_->rings);
    for (std::uint32_t i = 0; i < batch.count; ++i) {
        handle({impl_->umem->memory.at(batch.frames[i].addr), batch.frames[i].len});
    }
}

Result<void> XskSocket::send(std::span<const std::uint8_t> frame) {
    if (frame.size() > frame_bytes) {
        return fail(EMSGSIZE, "a frame of " + std::to_string(frame.size()) + " bytes: AF_XDP sends at most " +
                                  std::to_string(frame_bytes));
    }
    Impl &impl = *impl_;
    impl.take_completions();
    if (impl.free_tx.empty()) {
        (void)impl.kick();
        impl.take_completions();
    }
    if (impl.free_tx.empty()) {
        return fail(ENOBUFS, "the AF_XDP socket waits for earlier frames to leave");
    }
    const std::uint64_t address = impl.free_tx.back();
    impl.free_tx.pop_back();
    std::memcpy(impl.umem->memory.at(address), frame.data(), frame.size());
    std::uint32_t at = 0;
    xsk_ring_prod__reserve(&impl.rings.tx, 1, &at);
    *xsk_ring_prod__tx_desc(&impl.rings.tx, at) = {address, static_cast<std::uint32_t>(frame.size()), 0};
    xsk_ring_prod__submit(&impl.rings.tx, 1);
    return impl.kick();
}

std::uint64_t XskSocket::dropped() const {
    xdp_statistics statistics{};
    socklen_t size = sizeof(statistics);
    if (getsockopt(impl_->fd(), SOL_XDP, XDP_STATISTICS, &statistics, &size) != 0) {
        return 0;
    }
    return statistics.rx_dropped + statistics.rx_ring_full;
}

XskPool::XskPool(std::shared_ptr<Umem> umem) : umem_(std::move(umem)) {}

Result<XskPool> XskPool::create(std::uint32_t anchor_ifindex, unsigned sockets) {
    capture_library_log();
    auto umem = std::make_shared<Umem>(sockets);
    if (!umem->memory) {
        return kernel_error(errno, "no memory for AF_XDP");
    }
    xsk_umem_config config{};
    config.fill_size = config.comp_size = ring_size;
    config.frame_size = frame_bytes;
    xsk_umem *handle = nullptr;
    int error = xsk_umem__create(&handle, umem->memory.start(), umem->memory.size(), &umem->rings.fill,
                                 &umem->rings.completion, &config);
    if (error != 0) {
        return kernel_error(error, "cannot register memory for AF_XDP");
    }
    umem->handle.reset(handle);
    close_on_exec(xsk_umem__fd(handle)); // the anchor's too
    const xsk_socket_config anchor_config = socket_config(0);
    xsk_socket *anchor = nullptr;
    error = xsk_socket__create_shared(&anchor, name_of(anchor_ifindex).c_str(), 0, handle, &umem->rings.rx, nullptr,
                                      &umem->rings.fill, &umem->rings.completion, &anchor_config);
    if (error != 0) {
        return kernel_error(error, "cannot bind an AF_XDP socket to ifindex " + std::to_string(anchor_ifindex));
    }
    umem->anchor.reset(anchor);
    return XskPool(std::move(umem));
}

Result<XskSocket> XskPool::open(std::uint32_t ifindex, unsigned queue) {
    if (umem_->free_blocks.empty()) {
        return fail(ENOSPC, "the bond's memory for AF_XDP is used up");
    }
    auto impl = std::make_unique<XskSocket::Impl>(umem_);
    const xsk_socket_config config = socket_config(ring_size);
    xsk_socket *socket = nullptr;
    Rings &rings = impl->rings;
    const int error = xsk_socket__create_shared(&socket, name_of(ifindex).c_str(), queue, umem_->handle.get(),
                                                &rings.rx, &rings.tx, &rings.fill, &rings.completion, &config);
    if (error != 0) {
        return kernel_error(error, "cannot bind an AF_XDP socket to queue " + std::to_string(queue) + " of ifindex " +
                                       std::to_string(ifindex));
    }
    impl->socket.reset(socket);
    close_on_exec(impl->fd());
    if (rings.fill.ring == nullptr) { // libxdp shares a queue's rings, which only the anchor's queue allows
        return fail(EINVAL, "the anchor of the bond's AF_XDP memory sits on ifindex " + std::to_string(ifindex));
    }
    const int priority = TC_PRIO_CONTROL;
    if (setsockopt(impl->fd(), SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)) != 0) {
        return kernel_error(errno, "cannot set SO_PRIORITY");
    }
    impl->give_receive_frames();
    return XskSocket(std::move(impl));
}

unsigned XskPool::free_sockets() const { return static_cast<unsigned>(umem_->free_blocks.size()); }

std::size_t XskPool::bytes() const { return umem_->memory.size(); }

Result<unsigned> rx_queues(std::uint32_t ifindex) {
    const std::string name = name_of(ifindex);
    const Fd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (name.empty() || !control) {
        return kernel_error(name.empty() ? ENODEV : errno,
                            "cannot ask for the queues of ifindex " + std::to_string(ifindex));
    }
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char *>(&channels);
    if (::ioctl(control.get(), SIOCETHTOOL, &request) != 0) {
        return errno == ENODEV ? Result<unsigned>(kernel_error(ENODEV, name)) : 1;
    }
    return std::max(1U, channels.rx_count + channels.combined_count);
}

} // namespace xbond::loader
