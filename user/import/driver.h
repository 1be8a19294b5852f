// SPDX-License-Identifier: MIT
// What the kernel's bonding makes of options that a tool hands to it, one after the other: what it takes, what it
// refuses, what one option undoes of another. What is left in the end is what xbond's config says.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "user/core/options/option_table.h"
#include "user/import/machine.h"

namespace xbond::import {

class Driver {
public:
    // `monitored`: the carrier is looked at every 100 ms unless something else is said.
    Driver(Notes &notes, bool monitored) : notes_(notes) { options_.miimon_ms = monitored ? options_.miimon_ms : 0; }

    // The module's parameters, all at once. Refused: what the module would not load with.
    Result<void> load(const std::vector<Setting> &parameters);
    // One option of one bond. Refused: a mode that is not understood. Everything else that the driver does not take is
    // left out, and noted.
    Result<void> set_one(const Setting &);

    Mode mode() const { return options_.mode; }
    // What was set and still holds, by the names of the option table.
    std::vector<core::OptionValue> finish();

private:
    struct Taken {
        const core::OptionRow *row;
        Setting setting;
        std::string value; // right after it was set
    };
    Result<void> set_mode(const Setting &);
    void set(const Setting &, bool quiet_about_rounding = false);
    void drop(const Setting &, const std::string &why);
    Result<void> load_monitors(std::vector<Setting> &);
    Result<void> load_words(std::vector<Setting> &);

    Notes &notes_;
    core::Options options_;
    std::vector<Taken> taken_; // each row once, where it was set last
};

// In the order in which the kernel applies the attributes of one request; options that there are not come last.
void in_option_order(std::vector<Setting> &);

} // namespace xbond::import
