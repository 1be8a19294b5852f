// SPDX-License-Identifier: MIT
// The published transmit hash vectors, tests/data/hash_vectors.json.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/harness/packet.h"
#include "xbond/types.h"

namespace xbond::test {

struct HashVector {
    std::string name;
    HashPolicy policy;
    Bytes frame;
    std::uint16_t tci = 0;
    std::uint32_t hash = 0;
    std::map<std::uint32_t, std::uint32_t> index; // number of slaves → index
};

std::vector<HashVector> hash_vectors();

// The frame of a case.
Bytes vector_frame(const std::string &name);

} // namespace xbond::test
