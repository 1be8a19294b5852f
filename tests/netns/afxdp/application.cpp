// SPDX-License-Identifier: MIT
#include "tests/netns/afxdp/application.h"

#include <algorithm>
#include <cstring>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/socket.h>

namespace xbond::harness {

State::State(const NetNs &ns, const Daemon &daemon, const std::string &bond) : ns_(ns) {
    const std::string socket = daemon.socket();
    const xbond_open_options options{sizeof(options), socket.c_str(), 0};
    if (xbond_state_open(&state_, bond.c_str(), &options) != 0) {
        throw std::runtime_error(xbond_error());
    }
}

State::~State() { xbond_state_close(state_); }

xbond_bond State::bond() const {
    xbond_bond bond{};
    ns_.inside([&] { xbond_state_get(state_, &bond); });
    return bond;
}

std::string State::name(std::uint32_t ifindex) const {
    char text[IF_NAMESIZE] = "";
    ns_.inside([&] { (void)::if_indextoname(ifindex, text); });
    return text;
}

xbond_slave State::slave(const std::string &wanted) const {
    const auto now = bond();
    for (std::uint32_t i = 0; i < now.n_slaves; ++i) {
        if (name(now.slaves[i].ifindex) == wanted) {
            return now.slaves[i];
        }
    }
    throw std::runtime_error(wanted + " is no slave in the state");
}

std::vector<std::string> State::senders() const {
    std::vector<std::string> names;
    const auto now = bond();
    for (std::uint32_t i = 0; i < now.n_slaves; ++i) {
        if (now.slaves[i].may_send != 0) {
            names.push_back(name(now.slaves[i].ifindex));
        }
    }
    return names;
}

bool State::has_news() const {
    pollfd descriptor{xbond_state_fd(state_), POLLIN, 0};
    return ::poll(&descriptor, 1, 0) == 1;
}

std::string State::choice(const std::vector<std::uint8_t> &frame) const {
    xbond_choice choices[XBOND_MAX_SLAVES];
    const int n = xbond_state_select(state_, frame.data(), frame.size(), choices);
    return n == 1 ? name(choices[0].ifindex) : n == 0 ? "" : std::to_string(n) + " slaves";
}

Sockets::Sockets(const NetNs &ns, const Daemon &daemon, std::uint64_t queues) : ns_(ns) {
    const std::string socket = daemon.socket();
    int code = 0;
    std::string why;
    ns_.inside([&] {
        xbond_xsk_options options{};
        options.size = sizeof(options);
        options.socket = socket.c_str();
        options.queues = queues;
        code = xbond_xsk_open(&xsk_, "bond0", &options);
        why = xbond_error();
    });
    if (code != 0) {
        throw std::runtime_error(why);
    }
}

void Sockets::close() {
    xbond_xsk_close(xsk_);
    xsk_ = nullptr;
}

std::vector<Sockets::Received> Sockets::receive(std::size_t wanted, std::chrono::milliseconds limit) const {
    std::vector<Received> all;
    ns_.inside([&] {
        const auto end = Clock::now() + limit;
        while (all.size() < wanted && Clock::now() < end && xbond_xsk_wait(xsk_, 10) >= 0) {
            xbond_frame frames[64];
            const int n = xbond_xsk_rx(xsk_, frames, 64);
            for (int i = 0; i < n; ++i) {
                const auto *const bytes = static_cast<const std::uint8_t *>(frames[i].data);
                all.push_back({frames[i].ifindex, {bytes, bytes + frames[i].size}});
            }
            xbond_xsk_release(xsk_, frames, n);
        }
    });
    return all;
}

bool Sockets::send(const std::vector<std::uint8_t> &frame) const {
    bool sent = false;
    ns_.inside([&] {
        xbond_frame out{};
        if (xbond_xsk_alloc(xsk_, &out, 1) == 1) {
            std::memcpy(out.data, frame.data(), frame.size());
            out.size = static_cast<std::uint32_t>(frame.size());
            sent = xbond_xsk_tx(xsk_, &out, 1) == 1;
        }
    });
    return sent;
}

int Sockets::send_too_long() const {
    xbond_frame out{};
    if (xbond_xsk_alloc(xsk_, &out, 1) != 1) {
        return -1;
    }
    ++out.size;
    const int taken = xbond_xsk_tx(xsk_, &out, 1);
    xbond_xsk_release(xsk_, &out, 1);
    return taken;
}

xbond_xsk_stats Sockets::stats() const {
    xbond_xsk_stats stats{};
    xbond_xsk_get_stats(xsk_, &stats);
    return stats;
}

bool Sockets::wait_sockets(std::uint32_t n, std::chrono::milliseconds limit) const {
    return wait_until(
        [&] {
            ns_.inside([&] { (void)xbond_xsk_wait(xsk_, 0); });
            return stats().sockets == n;
        },
        limit);
}

int bind_plain_xsk(const NetNs &ns, const std::string &ifname, std::uint32_t queue) {
    constexpr std::size_t size = 16 * 4096;
    int refusal = 0;
    ns.inside([&] {
        const Fd socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
        void *const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        const xdp_umem_reg registration{reinterpret_cast<std::uintptr_t>(memory), size, 4096, 0, 0};
        const std::uint32_t ring = 16;
        bool done = ::setsockopt(socket.get(), SOL_XDP, XDP_UMEM_REG, &registration, sizeof registration) == 0;
        for (const int option : {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING}) {
            done = done && ::setsockopt(socket.get(), SOL_XDP, option, &ring, sizeof ring) == 0;
        }
        sockaddr_xdp address{};
        address.sxdp_family = AF_XDP;
        address.sxdp_ifindex = ns.ifindex(ifname);
        address.sxdp_queue_id = queue;
        address.sxdp_flags = XDP_COPY;
        done = done && ::bind(socket.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) == 0;
        refusal = done ? 0 : errno;
        ::munmap(memory, size);
    });
    return refusal;
}

} // namespace xbond::harness
