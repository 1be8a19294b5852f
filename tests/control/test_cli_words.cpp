// SPDX-License-Identifier: MIT
// The command line around `link`: global options, xbond's own commands, help.
#include <catch2/catch.hpp>
#include <sstream>

#include "user/cli/command.h"

using namespace xbond;
using namespace xbond::cli;

namespace {

Result<Invocation> parse(const std::string &line) {
    std::istringstream in(line);
    const std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
    return parse_command(words);
}

template <typename T> const T *action(const Result<Invocation> &in) {
    return in ? std::get_if<T>(&in->action) : nullptr;
}

template <typename T> const T *request(const Result<Invocation> &in) {
    const auto *r = action<control::Request>(in);
    return r ? std::get_if<T>(r) : nullptr;
}

} // namespace

TEST_CASE("cli: global options, short, long, with two dashes, before and behind") {
    auto in = parse("-n blue -j -p -d -s --socket /run/x status");
    REQUIRE(request<control::Status>(in));
    CHECK(in->globals.netns == "blue");
    CHECK(in->globals.socket == "/run/x");
    CHECK((in->globals.json && in->globals.pretty && in->globals.details && in->globals.statistics));
    in = parse("--netns blue --json status bond0 --pretty");
    REQUIRE(request<control::Status>(in));
    CHECK(request<control::Status>(in)->name == "bond0");
    CHECK((in->globals.json && in->globals.pretty && in->globals.netns == "blue"));
    CHECK(parse("status -j")->globals.json);
    for (const char *bad : {"-n", "--socket", "-x status", "status -x", "- status", "--", ""}) {
        INFO(bad);
        CHECK_FALSE(parse(bad));
    }
}

TEST_CASE("cli: xbond's own commands") {
    CHECK_FALSE(request<control::Status>(parse("status"))->name);
    CHECK(request<control::Proc>(parse("proc bond0"))->name == "bond0");
    CHECK(request<control::Monitor>(parse("monitor")));
    CHECK(request<control::Monitor>(parse("-j mon")));
    CHECK(action<Doctor>(parse("doctor -j")));
    CHECK(action<ApplyFile>(parse("apply /etc/b.json --dry-run"))->dry_run);
    CHECK(action<ApplyFile>(parse("apply -"))->path == "-");
    CHECK_FALSE(action<ApplyFile>(parse("apply f"))->dry_run);
    CHECK(action<OptionTable>(parse("options --markdown"))->markdown);
    CHECK(action<Version>(parse("-V")));
    CHECK(action<Help>(parse("help")));
    CHECK(action<Help>(parse("--help")));
    CHECK(action<Help>(parse("link help"))->topic == "link");
    CHECK(action<Help>(parse("link add type bond help"))->topic == "bond");
    CHECK(action<Help>(parse("link set eth0 type bond_slave help"))->topic == "bond_slave");
    for (const char *bad : {"proc", "proc a b", "apply", "apply a b", "status a b", "monitor x", "doctor x",
                            "options x", "status --dry-run", "apply f --now", "launch"}) {
        INFO(bad);
        CHECK_FALSE(parse(bad));
    }
    CHECK(parse("launch").error().message.find("known: link, status") != std::string::npos);
}

TEST_CASE("cli: the option table has every option, and its markdown has no broken cell") {
    const auto text = option_table_text({}), table = option_table_text({true});
    for (const auto &o : core::option_table()) {
        CHECK(text.find(std::string(o.name)) != std::string::npos);
        CHECK(table.find("| `" + std::string(o.name) + "`") != std::string::npos);
    }
    std::istringstream lines(table);
    for (std::string line; std::getline(lines, line);) {
        int bars = 0;
        for (std::size_t i = 0; i < line.size(); ++i) {
            bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
        }
        INFO(line);
        CHECK(bars == 7);
    }
    CHECK(help_text({"bond"}).find("miimon") != std::string::npos);
    CHECK(help_text({}).find("link add") != std::string::npos);
}
