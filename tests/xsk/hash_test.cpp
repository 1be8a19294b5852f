// SPDX-License-Identifier: MIT
// One text: what an application computes is what the data path does.
#include <catch2/catch.hpp>

#include <array>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "tests/bpf/hash_vectors.h"
#include "xbond/frame.h"
#include "xbond/xsk.h"

using namespace xbond;

namespace {

constexpr std::size_t tag_at = 12, shortest_tagged = 18;

bool is_tagged(const std::vector<std::uint8_t> &frame) {
    return frame.size() >= shortest_tagged &&
           ((frame[tag_at] == 0x81 && frame[tag_at + 1] == 0) || (frame[tag_at] == 0x88 && frame[tag_at + 1] == 0xa8));
}

// As the data path has it: the outer tag in the metadata.
std::uint32_t hash_untagged(std::vector<std::uint8_t> frame, std::uint32_t policy) {
    std::uint16_t tci = 0;
    if (is_tagged(frame)) {
        tci = static_cast<std::uint16_t>(frame[tag_at + 2] << 8 | frame[tag_at + 3]);
        frame.erase(frame.begin() + tag_at, frame.begin() + tag_at + 4);
    }
    const data_path::xb_frame there{std::span(frame), tci};
    return data_path::xb_flow_hash(&there, policy);
}

} // namespace

TEST_CASE("libxbond-xsk hashes every published vector as the data path does") {
    int tagged = 0;
    for (const auto &vector : test::hash_vectors()) {
        auto frame = vector.frame;
        if (vector.tci != 0) { // in the metadata there: frames of AF_XDP have it in the bytes
            const std::uint8_t tag[] = {0x81, 0, static_cast<std::uint8_t>(vector.tci >> 8),
                                        static_cast<std::uint8_t>(vector.tci)};
            frame.insert(frame.begin() + tag_at, std::begin(tag), std::end(tag));
            ++tagged;
        } else if (is_tagged(frame)) { // a second one, of which the first is missing
            continue;
        }
        CAPTURE(vector.name);
        const auto policy = static_cast<std::uint32_t>(vector.policy);
        CHECK(xbond_hash(policy, frame.data(), frame.size()) == vector.hash);
    }
    CHECK(tagged > 0);
}

TEST_CASE("libxbond-xsk hashes random frames as explain does, whatever they are") {
    constexpr int frames = 1'000'000;
    constexpr std::array<std::uint16_t, 8> types{0x0800, 0x86dd, 0x8100, 0x88a8, 0x0806, 0x8847, 0x8864, 0x1234};
    std::mt19937 random(16);
    std::vector<std::uint8_t> frame(128), cut;
    int different = 0;
    for (int n = 0; n < frames; ++n) {
        for (std::size_t at = 0; at < frame.size(); at += 4) {
            const auto word = random();
            std::memcpy(&frame[at], &word, 4);
        }
        const std::uint16_t type = types.at(random() % types.size()), inner = types.at(random() % types.size());
        frame[12] = static_cast<std::uint8_t>(type >> 8);
        frame[13] = static_cast<std::uint8_t>(type);
        frame[14] = random() % 2 == 0 ? 0x45 : frame[14];
        frame[16] = static_cast<std::uint8_t>(inner >> 8); // behind a tag
        frame[17] = static_cast<std::uint8_t>(inner);
        frame[18] = random() % 2 == 0 ? 0x45 : frame[18];
        const auto size = random() % frame.size();
        const auto policy = static_cast<std::uint32_t>(random() % XB_N_POLICIES);
        cut.assign(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
        different += hash_untagged(cut, policy) != xbond_hash(policy, cut.data(), size) ? 1 : 0;
    }
    CHECK(different == 0);
}
