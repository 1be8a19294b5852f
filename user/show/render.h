// SPDX-License-Identifier: MIT
// Renderers over a Snapshot. JSON key order is fixed (ordered_json) so that outputs diff well.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "user/show/snapshot.h"

namespace xbond::show {

// `xbond status -j`: schema in docs/status-schema.md, with "version": 1.
nlohmann::ordered_json status_json(const Snapshot &);
nlohmann::ordered_json transition_json(const std::string &bond, const core::Transition &); // also the monitor's lines
std::string status_text(const nlohmann::ordered_json &status); // for people, from the JSON so that both agree

// The ports of each bond: a part of the status.
nlohmann::ordered_json ports_json(const nlohmann::ordered_json &status);
std::string ports_text(const nlohmann::ordered_json &ports);
// XDP on the slaves, and whose program is chained there: a part of the status.
nlohmann::ordered_json xdp_json(const nlohmann::ordered_json &status);
std::string xdp_text(const nlohmann::ordered_json &xdp);

// /proc/net/bonding/<bond>, byte for byte; header says the kernel release.
std::string proc_text(const BondView &, const std::string &kernel_release);

// What `ip [-s] [-d] -j link show` prints for a kernel bond and its slaves: an array of objects.
nlohmann::ordered_json ip_link_json(const Snapshot &, const std::optional<std::string> &name, bool details,
                                    bool statistics);
enum class LinkForm {
    lines,
    one_line, // -o: a backslash for each line's end
    brief,    // -br
};
std::string ip_link_text(const nlohmann::ordered_json &links, bool details, bool statistics,
                         LinkForm = LinkForm::lines);
nlohmann::ordered_json ip_link_brief_json(const nlohmann::ordered_json &links);

} // namespace xbond::show
