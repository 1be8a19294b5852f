// SPDX-License-Identifier: MIT
#include "user/cli/link_lists.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>

#include "user/cli/question.h"

namespace xbond::cli {

using nlohmann::ordered_json;

ordered_json filtered(const ordered_json &links, const ShowFilter &filter) {
    const auto group = filter.group == "0" ? "default" : filter.group;
    auto out = ordered_json::array();
    for (const auto &link : links) {
        const auto flags = link.value("flags", ordered_json::array());
        const auto has = [&](const char *flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
        if ((!filter.bonds_only || has("MASTER")) && (!filter.slaves_only || has("SLAVE")) &&
            (!filter.up_only || has("UP")) && (!filter.down_only || !has("UP")) &&
            (!filter.master || link.value("master", "") == *filter.master) &&
            (!group || link.value("group", "default") == *group)) {
            out.push_back(link);
        }
    }
    return out;
}

namespace {

struct Counter {
    const char *ip, *text, *ours; // `ours` as the status calls it; nullptr: never happens
};
constexpr std::array counters{
    Counter{"lacpdu_rx", "LACPDU Rx", "lacpdu_rx"},
    Counter{"lacpdu_tx", "LACPDU Tx", "lacpdu_tx"},
    Counter{"lacpdu_unknown_rx", "LACPDU Unknown type Rx", "lacpdu_unknown_rx"},
    Counter{"lacpdu_illegal_rx", "LACPDU Illegal Rx", "lacpdu_illegal_rx"},
    Counter{"marker_rx", "Marker Rx", "marker_rx"},
    Counter{"marker_tx", "Marker Tx", nullptr}, // xbond asks for no markers
    Counter{"marker_response_rx", "Marker response Rx", "marker_resp_rx"},
    Counter{"marker_response_tx", "Marker response Tx", "marker_resp_tx"},
    Counter{"marker_unknown_rx", "Marker unknown type Rx", "marker_unknown_rx"},
};
constexpr const char *lacp_key = "802.3ad";

ordered_json counted(const ordered_json &device) {
    ordered_json out{{"ifname", device.value("name", "")}};
    const auto lacp = device.value("lacp", ordered_json());
    if (lacp.is_object()) {
        const auto stats = lacp.value("stats", ordered_json::object());
        for (const auto &[ip, text, ours] : counters) {
            out[lacp_key][ip] = ours == nullptr ? 0 : stats.value(ours, std::uint64_t{0});
        }
    }
    return out;
}

} // namespace

Result<ordered_json> link_xstats(const ordered_json &status, const Xstats &what) {
    auto out = ordered_json::array();
    bool known = !what.device;
    const auto take = [&](const ordered_json &device, bool wanted_kind) {
        const bool meant = !what.device || device.value("name", "") == *what.device;
        known = known || meant;
        if (meant && wanted_kind) {
            out.push_back(counted(device));
        }
    };
    for (const auto &bond : status.value("bonds", ordered_json::array())) {
        take(bond, !what.of_slaves);
        for (const auto &slave : bond.value("slaves", ordered_json::array())) {
            take(slave, what.of_slaves);
        }
    }
    if (!known) {
        return fail(ENODEV, "Cannot find device \"" + *what.device + "\" among the bonds and their slaves");
    }
    return out;
}

std::string link_xstats_text(const ordered_json &devices) {
    constexpr std::size_t name_width = 16, indent = 20;
    std::string out;
    for (const auto &device : devices) {
        auto name = device.value("ifname", "");
        name.resize(std::max(name.size(), name_width), ' ');
        out += name + "\n";
        for (const auto &[ip, text, ours] : counters) {
            if (device.contains(lacp_key)) {
                out += std::string(indent, ' ') + text + " " + device.at(lacp_key).at(ip).dump() + "\n";
            }
        }
    }
    return out;
}

int xstats(const Invocation &in, const Xstats &what) {
    const auto status = answer(in.globals, api::Status{});
    if (!status) {
        return status.error();
    }
    const auto counted = link_xstats(*status, what);
    if (!counted) {
        return refused(counted.error());
    }
    in.globals.json ? print_json(*counted, in.globals) : void(std::cout << link_xstats_text(*counted));
    return exit_ok;
}

} // namespace xbond::cli
