// SPDX-License-Identifier: MIT
// Structured text, YAML or JSON, as a tree that knows its lines.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "user/import/machine.h"

namespace xbond::import {

struct Node {
    enum class Kind { null, scalar, sequence, mapping };
    using Ptr = std::shared_ptr<const Node>; // an alias of YAML is the same node again

    Kind kind = Kind::null;
    bool quoted = false; // a scalar that is a string whatever it looks like
    std::string text;
    unsigned line = 0;
    struct Member {
        std::string key;
        Ptr value;
        unsigned line; // of the key
    };
    std::vector<Member> members;
    std::vector<Ptr> items;

    const Member *find(std::string_view key) const {
        for (const auto &member : members) {
            if (member.key == key) {
                return &member;
            }
        }
        return nullptr;
    }
    bool is_mapping() const { return kind == Kind::mapping; }
    bool is_sequence() const { return kind == Kind::sequence; }
    bool is_scalar() const { return kind == Kind::scalar; }
};

inline constexpr unsigned max_depth = 32;
inline constexpr std::size_t max_nodes = 100000; // with everything that aliases repeat

// One document. A null: the text holds none.
Result<Node::Ptr> parse_yaml(std::string_view text, const std::string &file);
// One value. `begin`: where the text begins, for JSON inside another file.
Result<Node::Ptr> parse_json(std::string_view text, const Place &begin);

} // namespace xbond::import
