// SPDX-License-Identifier: MIT
#include "tests/bpf/hash_vectors.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace xbond::test {
namespace {

Bytes from_hex(const std::string &text) {
    Bytes out;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
    }
    return out;
}

} // namespace

std::vector<HashVector> hash_vectors() {
    std::ifstream file(XB_TEST_DATA "/hash_vectors.json");
    const auto json = nlohmann::json::parse(file);
    std::vector<HashVector> list;
    for (const auto &v : json.at("vectors")) {
        HashVector vector;
        vector.name = v.at("name").get<std::string>() + " " + v.at("policy").get<std::string>();
        vector.policy = static_cast<HashPolicy>(v.at("policy_id").get<int>());
        vector.frame = from_hex(v.at("frame").get<std::string>());
        vector.tci = v.at("vlan_tci_metadata").get<std::uint16_t>();
        vector.hash = v.at("hash").get<std::uint32_t>();
        for (const auto &[slaves, index] : v.at("index").items()) {
            vector.index[static_cast<std::uint32_t>(std::stoul(slaves))] = index.get<std::uint32_t>();
        }
        list.push_back(std::move(vector));
    }
    if (list.size() != json.at("meta").at("vectors").get<std::size_t>()) {
        throw std::runtime_error("hash_vectors.json is not complete");
    }
    return list;
}

Bytes vector_frame(const std::string &name) {
    for (const HashVector &v : hash_vectors()) {
        if (v.name.rfind(name + " ", 0) == 0) {
            return v.frame;
        }
    }
    throw std::out_of_range("no vector " + name);
}

} // namespace xbond::test
