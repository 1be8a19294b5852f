// SPDX-License-Identifier: MIT
// The stanzas of interfaces(5). Internal to user/import.
#pragma once

#include "user/import/machine.h"

namespace xbond::import {

enum class Dialect : std::uint8_t { ifenslave, ifupdown2, ng };

struct StanzaOption {
    std::string key;  // lower case, with dashes
    std::string word; // as written
    std::string value;
    Place at;
};
struct Stanza {
    std::string name, family, method;
    Place at;
    std::vector<StanzaOption> options;

    const StanzaOption *find(std::string_view key) const;
};
struct Interfaces {
    Dialect dialect = Dialect::ifenslave;
    std::vector<Stanza> stanzas;
};

// etc/network/interfaces and what it includes.
Result<Interfaces> parse_interfaces(const Files &);

} // namespace xbond::import
