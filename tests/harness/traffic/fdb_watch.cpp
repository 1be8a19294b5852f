// SPDX-License-Identifier: MIT
#include "tests/harness/traffic/fdb_watch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

#include "tests/harness/throw_errno.h"

namespace xbond::harness {
namespace {

constexpr int receive_buffer_bytes = 8 << 20;

Fd neighbour_events() {
    Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    sockaddr_nl addr{};
    addr.nl_family = AF_NETLINK;
    addr.nl_groups = RTMGRP_NEIGH;
    if (!fd ||
        setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof receive_buffer_bytes) != 0 ||
        bind(fd.get(), reinterpret_cast<const sockaddr *>(&addr), sizeof addr) != 0) {
        throw_errno("socket for changes of the forwarding table");
    }
    return fd;
}

std::chrono::nanoseconds monotonic_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

struct Entry {
    std::uint32_t port = 0;
    MacAddr mac;
};

// Nothing for what is not learned: a port's own address, other tables.
std::optional<Entry> learned(const nlmsghdr &message) {
    const auto *body = static_cast<const ndmsg *>(mnl_nlmsg_get_payload(&message));
    if (body->ndm_family != AF_BRIDGE || (body->ndm_state & NUD_PERMANENT) != 0 || (body->ndm_flags & NTF_SELF) != 0) {
        return std::nullopt;
    }
    Entry entry{.port = static_cast<std::uint32_t>(body->ndm_ifindex), .mac = {}};
    const auto take_address = [](const nlattr *attribute, void *to) {
        auto &mac = static_cast<Entry *>(to)->mac;
        if (mnl_attr_get_type(attribute) == NDA_LLADDR && mnl_attr_get_payload_len(attribute) == mac.bytes.size()) {
            std::memcpy(mac.bytes.data(), mnl_attr_get_payload(attribute), mac.bytes.size());
        }
        return MNL_CB_OK;
    };
    mnl_attr_parse(&message, sizeof(ndmsg), take_address, &entry);
    return entry;
}

} // namespace

FdbWatch::FdbWatch(const NetNs &ns) : stop_(eventfd(0, EFD_CLOEXEC)) {
    ns.inside([&] {
        socket_ = neighbour_events();
        names_ = Fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    });
    thread_ = std::thread([this] { read_loop(); });
}

FdbWatch::~FdbWatch() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
}

// For the times only: whoever asks reads what is still waiting.
void FdbWatch::read_loop() {
    pollfd wait[2] = {{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while ((poll(wait, 2, -1) >= 0 || errno == EINTR) && wait[1].revents == 0) {
        const std::lock_guard lock(mutex_);
        drain();
    }
}

void FdbWatch::drain() const {
    alignas(nlmsghdr) char buffer[16384];
    while (true) {
        const ssize_t n = recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (n <= 0) {
            lost_ = lost_ || (n < 0 && errno == ENOBUFS);
            return;
        }
        int left = static_cast<int>(n);
        for (const auto *message = reinterpret_cast<const nlmsghdr *>(buffer); mnl_nlmsg_ok(message, left);
             message = mnl_nlmsg_next(message, &left)) {
            take(*message);
        }
    }
}

void FdbWatch::take(const nlmsghdr &message) const {
    const bool gone = message.nlmsg_type == RTM_DELNEIGH;
    const auto entry = gone || message.nlmsg_type == RTM_NEWNEIGH ? learned(message) : std::nullopt;
    if (!entry) {
        return;
    }
    const std::string mac = entry->mac.str(), port = name_of(entry->port);
    const auto now = monotonic_now();
    const auto known = where_.find(mac);
    text_ += std::to_string(now / std::chrono::milliseconds(1)) + " ms: " + mac + (gone ? " gone from " : " on ") +
             port + "\n";
    if (gone) {
        where_.erase(mac);
    } else if (known == where_.end()) {
        where_.emplace(mac, port);
    } else if (known->second != port) {
        moves_.push_back({now, entry->mac, known->second, port});
        known->second = port;
    }
}

std::string FdbWatch::name_of(std::uint32_t ifindex) const {
    ifreq request{};
    request.ifr_ifindex = static_cast<int>(ifindex);
    return ioctl(names_.get(), SIOCGIFNAME, &request) == 0 ? request.ifr_name : std::to_string(ifindex);
}

std::string FdbWatch::port_of(const MacAddr &mac) const {
    const std::lock_guard lock(mutex_);
    drain();
    const auto known = where_.find(mac.str());
    return known == where_.end() ? std::string() : known->second;
}

std::vector<FdbMove> FdbWatch::moves() const {
    const std::lock_guard lock(mutex_);
    drain();
    if (lost_) {
        throw std::runtime_error("the kernel dropped changes of the forwarding table");
    }
    return moves_;
}

std::size_t FdbWatch::known() const {
    const std::lock_guard lock(mutex_);
    drain();
    return where_.size();
}

void FdbWatch::forget_moves() const {
    const std::lock_guard lock(mutex_);
    drain();
    moves_.clear();
    text_.clear();
}

std::string FdbWatch::text() const {
    const std::lock_guard lock(mutex_);
    drain();
    return text_;
}

std::string flap_in(const std::vector<FdbMove> &moves) {
    std::map<std::string, std::string> path;
    for (const FdbMove &move : moves) {
        std::string &ports = path[move.mac.str()];
        if (!ports.empty()) {
            return move.mac.str() + ": " + ports + " " + move.to;
        }
        ports = move.from + " " + move.to;
    }
    return {};
}

} // namespace xbond::harness
