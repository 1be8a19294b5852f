// SPDX-License-Identifier: MIT
// The frames of tests/data/lacp_vectors.json.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "user/core/lacp/pdu.h"

namespace xbond::test {

struct Vector {
    std::string id, title, action;
    wire::Frame frame;
    std::map<std::string, std::uint64_t> counters;
    std::optional<lacp::Lacpdu> pdu; // of everything that looks like an LACPDU of full length
    MacAddr source;
    std::vector<lacp::Tlv> trailing_tlvs;
    wire::Frame response;
};

std::vector<Vector> load_vectors();
std::vector<std::string> load_assertion_ids(); // of lacp_assertions.json

} // namespace xbond::test
