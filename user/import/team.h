// SPDX-License-Identifier: MIT
// A team's JSON as a bond's options. Internal to user/import.
#pragma once

#include "user/import/machine.h"
#include "user/import/syntax/node.h"

namespace xbond::import {

// `at`: the key that holds the text, for values that are given nowhere.
Result<void> team_to_bond(const Node &root, const Place &at, Bond &, Notes &);
void team_port(const Node &root, const Place &at, SlaveRef &, Notes &);

} // namespace xbond::import
