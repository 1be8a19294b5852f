// SPDX-License-Identifier: MIT
// Scripts for ip, with xbond for it.
#pragma once

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/harness/daemon.h"

namespace xbond::harness {

// Lines "COMMAND" or "COMMAND | TEXT that it prints"; "! COMMAND | TEXT" is refused so. Those with "ip" in front are
// ip's.
inline void play(const NetNs &ns, const Cli &cli, const std::string &script) {
    for (std::size_t at = 0; at < script.size();) {
        const auto end = script.find('\n', at);
        std::string line = script.substr(at, end - at);
        at = end == std::string::npos ? script.size() : end + 1;
        if (line.empty()) {
            continue;
        }
        INFO(line);
        const bool refused = line.starts_with("! ");
        line = refused ? line.substr(2) : line;
        const auto bar = line.find(" | ");
        const std::string wanted = bar == std::string::npos ? "" : line.substr(bar + 3);
        const std::string command = line.substr(0, bar);
        const auto done = command.starts_with("ip ") ? ns.run(split(command)) : cli(command);
        INFO(done.out << done.err);
        CHECK(done.ok() != refused);
        if (!wanted.empty()) {
            CHECK((done.out + done.err).find(wanted) != std::string::npos);
        }
    }
}

// What scripts read with jq.
inline nlohmann::json link_info(const Cli &cli, const std::string &device, const char *part) {
    return nlohmann::json::parse(cli.ok("-d -j link show " + device)).at(0).at("linkinfo").at(part);
}
inline nlohmann::json info_data(const Cli &cli, const std::string &bond) { return link_info(cli, bond, "info_data"); }
inline nlohmann::json slave_data(const Cli &cli, const std::string &slave) {
    return link_info(cli, slave, "info_slave_data");
}

} // namespace xbond::harness
