// SPDX-License-Identifier: MIT
#include "tests/loader/slow_frames.h"

#include <array>
#include <cstring>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>

#include "tests/harness/throw_errno.h"

namespace xbond::test {
namespace {

constexpr std::size_t number_at = ETH_HLEN + 100; // of the frame without a tag

} // namespace

Bytes slow_frame(std::uint8_t subtype, std::uint32_t number, std::optional<std::uint16_t> tci) {
    Bytes frame{0x01, 0x80, 0xc2, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0x09, subtype, 1};
    frame.resize(124);
    std::memcpy(&frame[number_at], &number, sizeof(number));
    if (tci) {
        const std::array<std::uint8_t, 4> tag{0x81, 0, static_cast<std::uint8_t>(*tci >> 8),
                                              static_cast<std::uint8_t>(*tci)};
        frame.insert(frame.begin() + 2 * ETH_ALEN, tag.begin(), tag.end());
    }
    return frame;
}

std::uint32_t number_of(std::span<const std::uint8_t> untagged) {
    std::uint32_t number = 0;
    harness::check(untagged.size() >= number_at + sizeof(number), "short frame");
    std::memcpy(&number, &untagged[number_at], sizeof(number));
    return number;
}

SwitchPort::SwitchPort(const std::string &device)
    : socket_(harness::packet_socket(harness::ifindex(device), ETH_P_SLOW)) {}

void SwitchPort::send(const Bytes &frame) const {
    harness::check(::send(socket_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size()), "send");
}

std::vector<Bytes> SwitchPort::received() {
    std::vector<Bytes> frames;
    Bytes buffer(2048);
    for (ssize_t size; (size = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) >= 0;) {
        frames.emplace_back(buffer.begin(), buffer.begin() + size);
    }
    return frames;
}

} // namespace xbond::test
