// SPDX-License-Identifier: MIT
// A conversation with rtnetlink on a blocking socket: a request, what comes in between, the kernel's acknowledgement.
// Source of the formats: rtnetlink(7). Errors carry the kernel's errno and its extended message.
#pragma once

#include <array>
#include <functional>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <optional>
#include <string>
#include <vector>

#include "user/sys/io.h"
#include "user/sys/netlink_parse.h"

namespace xbond::sys {

constexpr std::size_t datagram_bytes = 64 << 10; // the kernel fills at most 32 kB per dump datagram
constexpr int dump_attempts = 16;                // a dump is repeated when the list changed under it

using Datagram = std::array<std::uint8_t, datagram_bytes>;

// A request under construction. Names are checked before they are put, so that it always fits.
class NetlinkRequest {
public:
    NetlinkRequest(std::uint16_t type, std::uint16_t flags) : header_(mnl_nlmsg_put_header(buffer_.data())) {
        header_->nlmsg_type = type;
        header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    }
    NetlinkRequest(const NetlinkRequest &) = delete;
    NetlinkRequest &operator=(const NetlinkRequest &) = delete;

    template <typename T> T *extra() { return static_cast<T *>(mnl_nlmsg_put_extra_header(header_, sizeof(T))); }
    void u8(std::uint16_t type, std::uint8_t v) { mnl_attr_put_u8(header_, type, v); }
    void u32(std::uint16_t type, std::uint32_t v) { mnl_attr_put_u32(header_, type, v); }
    void text(std::uint16_t type, std::string_view v) { mnl_attr_put_strz(header_, type, std::string(v).c_str()); }
    void mac(std::uint16_t type, MacAddr v) { mnl_attr_put(header_, type, v.bytes.size(), v.bytes.data()); }
    nlattr *begin(std::uint16_t type) { return mnl_attr_nest_start(header_, type); }
    void end(nlattr *nest) { mnl_attr_nest_end(header_, nest); }

    nlmsghdr *header() { return header_; }

private:
    alignas(nlmsghdr) std::array<std::uint8_t, 1024> buffer_{};
    nlmsghdr *header_;
};

// Bound to a port of its own. `flags`: of socket(2), besides SOCK_CLOEXEC.
Result<Fd> open_netlink_socket(int flags);

// One datagram from the kernel; what other processes send to the port is passed over. EMSGSIZE: it was cut off.
Result<Bytes> receive_datagram(int fd, Datagram &);

// Sends and waits for the acknowledgement (or the end of the dump); messages in between go to `each`.
// True when the kernel says that a dump was interrupted by a change. `what` begins an error's text.
Result<bool> talk(int fd, NetlinkRequest &, std::uint32_t seq, const std::string &what,
                  const std::function<void(const NetlinkMessage &)> &each);

// What has no answer but the acknowledgement.
Result<void> request_change(int fd, NetlinkRequest &, std::uint32_t seq, const std::string &what);

// The whole list, as it was at one time. EAGAIN: it kept changing.
template <typename T>
Result<std::vector<T>> dump(int fd, std::uint32_t &seq, const std::string &what,
                            const std::function<void(NetlinkRequest &)> &fill, std::uint16_t type, std::uint16_t reply,
                            std::optional<T> (*parse)(Bytes)) {
    for (int attempt = 0; attempt < dump_attempts; ++attempt) {
        NetlinkRequest request(type, NLM_F_DUMP);
        fill(request);
        std::vector<T> list;
        auto interrupted = talk(fd, request, ++seq, what, [&](const NetlinkMessage &m) {
            if (auto item = m.type == reply ? parse(m.payload) : std::nullopt) {
                list.push_back(std::move(*item));
            }
        });
        if (!interrupted) {
            return tl::make_unexpected(interrupted.error());
        }
        if (!*interrupted) {
            return list;
        }
    }
    return fail(EAGAIN, what + ": the list kept changing while it was read");
}

} // namespace xbond::sys
