// SPDX-License-Identifier: MIT
// One text: what an application computes is what the data path does.
#include <catch2/catch.hpp>

#include <random>

#include "tests/bpf/hash_vectors.h"
#include "xbond/frame.h"
#include "xbond/xsk.h"

using namespace xbond;

TEST_CASE("libxbond-xsk hashes every published vector as the data path does") {
    for (const auto &vector : test::hash_vectors()) {
        if (vector.tci != 0) { // a tag in the metadata: frames of AF_XDP have theirs in the bytes
            continue;
        }
        CAPTURE(vector.name);
        const auto policy = static_cast<std::uint32_t>(vector.policy);
        CHECK(xbond_hash(policy, vector.frame.data(), vector.frame.size()) == vector.hash);
    }
}

TEST_CASE("libxbond-xsk hashes random frames as explain does, whatever they are") {
    constexpr int frames = 200'000;
    constexpr std::array<std::uint16_t, 8> types{0x0800, 0x86dd, 0x8100, 0x88a8, 0x0806, 0x8847, 0x8864, 0x1234};
    std::mt19937 random(16);
    std::vector<std::uint8_t> frame(128);
    int different = 0;
    for (int n = 0; n < frames; ++n) {
        for (auto &byte : frame) {
            byte = static_cast<std::uint8_t>(random());
        }
        const std::uint16_t type = types.at(random() % types.size());
        frame[12] = static_cast<std::uint8_t>(type >> 8);
        frame[13] = static_cast<std::uint8_t>(type);
        frame[14] = random() % 2 == 0 ? 0x45 : frame[14];
        const auto size = random() % frame.size();
        const auto policy = static_cast<std::uint32_t>(random() % XB_N_POLICIES);
        const data_path::xb_frame there{std::span(frame).first(size), 0};
        different += data_path::xb_flow_hash(&there, policy) != xbond_hash(policy, frame.data(), size) ? 1 : 0;
    }
    CHECK(different == 0);
}
