// SPDX-License-Identifier: MIT
#include "tests/core/lacp/vectors.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace xbond::test {
namespace {

using Json = nlohmann::json;

Json load(const std::string &file) {
    std::ifstream stream(std::string(XB_TEST_DATA "/") + file);
    return Json::parse(stream);
}

wire::Frame bytes(const std::string &hex) {
    wire::Frame out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    }
    return out;
}

MacAddr mac(const Json &json) {
    auto text = json.get<std::string>();
    std::erase(text, ':');
    MacAddr address;
    std::ranges::copy(bytes(text), address.bytes.begin());
    return address;
}

lacp::PortInfo info(const Json &json) {
    return {json["sys_prio"], mac(json["system"]), json["key"], json["port_prio"], json["port"], json["state"]};
}

Vector vector(const Json &json) {
    Vector out{json["id"], json["title"], json["action"], bytes(json["hex"]), json["counters"], {}, {}, {}, {}};
    const auto &decoded = json["decoded"];
    out.source = mac(decoded["src"]);
    if (decoded.contains("actor") && decoded.contains("collector")) {
        out.pdu = lacp::Lacpdu{decoded["version"], info(decoded["actor"]), info(decoded["partner"]),
                               decoded["collector"]["max_delay"]};
        for (const auto &tlv : decoded["trailing_tlvs"]) {
            out.trailing_tlvs.push_back({tlv["offset"], tlv["type"], tlv["length"]});
        }
    }
    if (json.contains("response_hex")) {
        out.response = bytes(json["response_hex"]);
    }
    return out;
}

} // namespace

std::vector<Vector> load_vectors() {
    std::vector<Vector> out;
    const auto file = load("lacp_vectors.json");
    for (const auto &json : file["vectors"]) {
        out.push_back(vector(json));
    }
    return out;
}

std::vector<std::string> load_assertion_ids() {
    std::vector<std::string> out;
    const auto file = load("lacp_assertions.json");
    for (const auto &json : file["assertions"]) {
        out.push_back(json["id"]);
    }
    return out;
}

} // namespace xbond::test
