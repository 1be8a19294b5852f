// SPDX-License-Identifier: MIT
// Effects as text: of each what it is, of the tables and of PDUs only what is new.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/core/scenarios/file.h"
#include "user/core/bond/bond.h"

namespace xbond::test::scenario {

struct Told {
    Time when{};
    std::string text;
    bool repeats = false; // of no news: as many as follow each other become one line
};
Lines render(const std::vector<Told> &);

// What one bond tells.
class Teller {
public:
    explicit Teller(const core::BondState &bond) : tables_(core::desired(bond)) {}

    void know(const core::BondState &); // the names of its slaves, also for when they have left
    std::optional<Told> tell(const core::Effect &, Time when);
    const std::string &name(SlotId slot) const { return names_.at(slot); }

private:
    std::string tables(const core::Desired &);
    std::string slots(const std::vector<SlotId> &) const;
    std::string heard(const core::Desired &) const;
    std::string details(const core::Desired &, bool all) const;
    std::optional<Told> frame(const core::SendSlow &, Time when);

    core::Desired tables_;
    std::map<SlotId, std::string> names_;
    std::map<SlotId, lacp::Lacpdu> pdus_;
};

std::string flags(std::uint8_t state); // of an actor or a partner: "ACT FAST AGG SYN COL DIS DEF EXP"
std::uint8_t flag_of(const std::string &word);
std::string summary(const core::BondState &, const core::Slave &);

} // namespace xbond::test::scenario
