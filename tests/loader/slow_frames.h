// SPDX-License-Identifier: MIT
// Frames of the slow protocols with a number in them, so that a test can tell which ones came, and how often.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/fd.h"
#include "tests/loader/lab.h"

namespace xbond::test {

using Bytes = std::vector<std::uint8_t>;

// 124 bytes to 01:80:c2:00:00:02; with `tci` in an 802.1Q tag.
Bytes slow_frame(std::uint8_t subtype, std::uint32_t number, std::optional<std::uint16_t> tci = std::nullopt);
std::uint32_t number_of(std::span<const std::uint8_t> untagged);

// The switch's end of a slave: sends any frame, hears the slow protocols.
class SwitchPort {
public:
    explicit SwitchPort(const std::string &device);
    void send(const Bytes &frame) const;
    std::vector<Bytes> received(); // since the last call

private:
    Fd socket_;
};

} // namespace xbond::test
