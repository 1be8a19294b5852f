// SPDX-License-Identifier: MIT
// The command line, parsed: what is asked for, with nothing done yet. One hand-written parser for everything, because
// iproute2's grammar (options before the object, keywords without dashes, prefixes) fits no option library.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "user/api/protocol.h"
#include "user/core/options/option_table.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::cli {

enum ExitCode { exit_ok = 0, exit_refused = 1, exit_usage = 2, exit_no_daemon = 3, exit_denied = 4 };

struct Globals {
    std::optional<std::string> netns;
    std::optional<std::filesystem::path> socket;
    bool json = false, pretty = false, details = false, statistics = false;
    bool oneline = false, brief = false;         // of `link show`
    std::optional<std::chrono::seconds> timeout; // for the daemon's answer; 0: for ever; none: as the command has it
};

struct ShowFilter { // of `link show`
    bool bonds_only = false, slaves_only = false, up_only = false;
    std::optional<std::string> master;
};

struct ApplyFile {
    std::string path; // "-": standard input
    bool dry_run = false;
};
struct ExplainOffline {
    HashPolicy policy = HashPolicy::layer2;
    std::uint32_t slaves = 1;
    std::vector<std::uint8_t> frame;
    std::uint16_t vlan_tci = 0;
};
struct LacpCapture { // the last LACP frames of a bond, into a file
    std::string bond, path;
};
struct XskRules { // of a bond, to be shown
    std::string bond;
};
struct ImportFiles { // configurations of other tools
    std::string root = "/";
    std::string format; // empty: all
};
struct ExportFile { // a config file as another tool would have it
    std::string format, path;
};
struct Migrate { // a bond of the kernel to xbond
    std::string bond;
    bool dry_run = false, back = false;
};
struct Metrics {                       // for Prometheus
    std::optional<std::string> listen; // none: print them once
};
struct Top { // the status as it changes
    std::optional<std::string> bond;
};
struct WatchStatus { // the status over and over
    std::optional<std::string> bond;
    std::chrono::seconds interval{2};
};
struct Ifenslave { // the tool of that name
    std::string bond;
    std::vector<std::string> slaves;
    std::string root = "/"; // where the options of the module are looked up
    bool all = false, change = false, detach = false, verbose = false, force = false;
};
struct XdpAttachFile { // somebody's program, out of an object file
    std::string bond, file, program, pin;
};
struct XdpShow {
    std::optional<std::string> bond;
};
struct PortShow {
    std::optional<std::string> bond;
};
struct Doctor {};
struct OptionTable {
    bool markdown = false;
};
struct Help {
    std::string topic; // "", "link", "bond", "bond_slave", "manual", a command
    std::string page;  // of the manual: "xbond.8"
};
struct Version {};

struct Invocation {
    Globals globals;
    std::variant<api::Request, ApplyFile, ExplainOffline, LacpCapture, XskRules, ImportFiles, ExportFile, Migrate,
                 Metrics, Top, WatchStatus, Ifenslave, XdpAttachFile, XdpShow, PortShow, Doctor, OptionTable, Help,
                 Version>
        action;
    ShowFilter filter;
};

// Arguments without argv[0]. An error is a usage error: the message says what was expected.
Result<Invocation> parse_command(std::span<const std::string> args);

std::string help_text(const Help &);
std::string option_table_text(const OptionTable &, std::span<const core::OptionRow> = core::option_table());

} // namespace xbond::cli
