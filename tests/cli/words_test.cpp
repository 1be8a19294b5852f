// SPDX-License-Identifier: MIT
// The command line around `link`: global options, xbond's own commands, help.
#include <catch2/catch.hpp>
#include <sstream>

#include "tests/cli/words.h"

using namespace xbond;
using namespace xbond::cli;

namespace {

template <typename T> const T *action(const Result<Invocation> &in) {
    return in ? std::get_if<T>(&in->action) : nullptr;
}

template <typename T> const T *request(const Result<Invocation> &in) {
    const auto *r = action<api::Request>(in);
    return r ? std::get_if<T>(r) : nullptr;
}

} // namespace

TEST_CASE("cli: global options, short, long, with two dashes, before and behind") {
    auto in = test::parse_line("-n blue -j -p -d -s --socket /run/x status");
    REQUIRE(request<api::Status>(in));
    CHECK(in->globals.netns == "blue");
    CHECK(in->globals.socket == "/run/x");
    CHECK((in->globals.json && in->globals.pretty && in->globals.details && in->globals.statistics));
    in = test::parse_line("--netns blue --json status bond0 --pretty");
    REQUIRE(request<api::Status>(in));
    CHECK(request<api::Status>(in)->name == "bond0");
    CHECK((in->globals.json && in->globals.pretty && in->globals.netns == "blue"));
    CHECK(test::parse_line("status -j")->globals.json);
    for (const char *bad : {"-n", "--socket", "-x status", "status -x", "- status", "--", ""}) {
        INFO(bad);
        CHECK_FALSE(test::parse_line(bad));
    }
}

TEST_CASE("cli: xbond's own commands") {
    CHECK_FALSE(request<api::Status>(test::parse_line("status"))->name);
    CHECK(request<api::Proc>(test::parse_line("proc bond0"))->name == "bond0");
    CHECK(request<api::Watch>(test::parse_line("monitor")));
    CHECK(request<api::Watch>(test::parse_line("-j mon")));
    CHECK(action<Doctor>(test::parse_line("doctor -j")));
    CHECK(action<ApplyFile>(test::parse_line("apply /etc/b.json --dry-run"))->dry_run);
    CHECK(action<ApplyFile>(test::parse_line("apply -"))->path == "-");
    CHECK_FALSE(action<ApplyFile>(test::parse_line("apply f"))->dry_run);
    CHECK(action<Migrate>(test::parse_line("migrate bond0"))->bond == "bond0");
    CHECK_FALSE(action<Migrate>(test::parse_line("migrate bond0"))->back);
    CHECK(action<Migrate>(test::parse_line("migrate --back bond0"))->back);
    CHECK(action<Migrate>(test::parse_line("-n blue migrate bond0 --dry-run"))->dry_run);
    CHECK(action<OptionTable>(test::parse_line("options --markdown"))->markdown);
    CHECK(action<Version>(test::parse_line("-V")));
    CHECK(action<Help>(test::parse_line("help")));
    CHECK(action<Help>(test::parse_line("--help")));
    CHECK(action<Help>(test::parse_line("link help"))->topic == "link");
    CHECK(action<Help>(test::parse_line("link add type bond help"))->topic == "bond");
    CHECK(action<Help>(test::parse_line("link set eth0 type bond_slave help"))->topic == "bond_slave");
    for (const char *bad :
         {"proc", "proc a b", "migrate", "migrate a b", "migrate a --now", "migrate --back", "apply", "apply a b",
          "status a b", "monitor x", "doctor x", "options x", "status --dry-run", "apply f --now", "launch"}) {
        INFO(bad);
        CHECK_FALSE(test::parse_line(bad));
    }
    CHECK(test::parse_line("launch").error().message.find("known: link, status") != std::string::npos);
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

TEST_CASE("words: xdp attach, detach, show") {
    const auto parsed = test::parse_line("xdp attach bond0 f.o pin /sys/fs/bpf/f prog strict");
    const auto *attach = action<XdpAttachFile>(parsed);
    REQUIRE(attach);
    CHECK(attach->bond == "bond0");
    CHECK(attach->file == "f.o");
    CHECK(attach->program == "strict");
    CHECK(attach->pin == "/sys/fs/bpf/f");
    CHECK(action<XdpAttachFile>(test::parse_line("xdp a bond0 f.o"))->program.empty());
    CHECK(request<api::XdpDetach>(test::parse_line("xdp detach bond0"))->name == "bond0");
    CHECK_FALSE(action<XdpShow>(test::parse_line("xdp"))->bond);
    CHECK(action<XdpShow>(test::parse_line("-j xdp show bond0"))->bond == "bond0");
    for (const char *bad :
         {"xdp attach", "xdp attach bond0", "xdp attach bond0 f.o prog", "xdp attach bond0 f.o strict",
          "xdp attach bond0 f.o prog a prog b", "xdp detach", "xdp detach a b", "xdp show a b", "xdp load a"}) {
        INFO(bad);
        CHECK_FALSE(test::parse_line(bad));
    }
    CHECK(help_text({"xdp"}).find("xdp detach BOND") != std::string::npos);
}

TEST_CASE("words: port add, del, show") {
    const auto parsed = test::parse_line("port add bond0 veth7 vlan 20 mac 02:00:00:00:00:07 xdp off");
    const auto *add = request<api::PortAdd>(parsed);
    REQUIRE(add);
    CHECK(add->name == "bond0");
    CHECK(add->port == "veth7");
    CHECK(add->vlan == 20);
    CHECK(add->mac == MacAddr::parse("02:00:00:00:00:07"));
    CHECK(add->xdp == XdpPolicy::off);
    const auto plain = test::parse_line("port add bond0 veth7");
    CHECK_FALSE(request<api::PortAdd>(plain)->mac);
    CHECK_FALSE(request<api::PortAdd>(plain)->vlan);
    CHECK(request<api::PortAdd>(plain)->xdp == XdpPolicy::automatic);
    CHECK(request<api::PortDel>(test::parse_line("port del bond0 veth7"))->port == "veth7");
    CHECK_FALSE(action<PortShow>(test::parse_line("port"))->bond);
    CHECK(action<PortShow>(test::parse_line("-j port show bond0"))->bond == "bond0");
    for (const char *bad : {"port add", "port add bond0", "port add bond0 v vlan", "port add bond0 v vlan 0",
                            "port add bond0 v vlan 4095", "port add bond0 v mac x", "port add bond0 v xdp no",
                            "port add bond0 v vlan 1 vlan 2", "port add bond0 v v", "port del bond0", "port del a b c",
                            "port show a b", "port load a"}) {
        INFO(bad);
        CHECK_FALSE(test::parse_line(bad));
    }
}

TEST_CASE("words: import and ifenslave") {
    const auto parse = [](std::vector<std::string> words) { return parse_command(words); };
    const auto import = parse({"import", "--root", "/x", "netplan", "--json"});
    REQUIRE(import);
    CHECK(import->globals.json);
    CHECK(std::get<ImportFiles>(import->action).root == "/x");
    CHECK(std::get<ImportFiles>(import->action).format == "netplan");
    CHECK_FALSE(parse({"import", "netplan", "teamd"}));
    CHECK_FALSE(parse({"import", "yaml"}));
    CHECK_FALSE(parse({"import", "--root"}));

    const auto enslave = parse({"ifenslave", "-v", "bond0", "eth0", "eth1"});
    REQUIRE(enslave);
    CHECK(std::get<Ifenslave>(enslave->action).slaves == std::vector<std::string>{"eth0", "eth1"});
    CHECK(std::get<Ifenslave>(enslave->action).verbose);
    for (const std::vector<std::string> &bad :
         std::vector<std::vector<std::string>>{{"ifenslave"},
                                               {"ifenslave", "-d", "bond0"},
                                               {"ifenslave", "-c", "bond0", "a", "b"},
                                               {"ifenslave", "-q", "bond0"},
                                               {"ifenslave", "a/b", "c"}}) {
        CHECK_FALSE(parse(bad));
    }
}

TEST_CASE("words: export, metrics and top, and where metrics may not be served") {
    const auto parse = [](std::vector<std::string> words) { return parse_command(words); };
    const auto exported = parse({"export", "netplan", "-"});
    REQUIRE(exported);
    CHECK(std::get<ExportFile>(exported->action).format == "netplan");
    CHECK_FALSE(parse({"export", "yaml", "f"}));
    CHECK_FALSE(parse({"export", "netplan"}));
    CHECK(std::get<Top>(parse({"top"})->action).bond == std::nullopt);
    CHECK(std::get<Top>(parse({"top", "bond0"})->action).bond == "bond0");
    CHECK_FALSE(std::get<Metrics>(parse({"metrics"})->action).listen);
    for (const char *good : {"127.0.0.1:9720", "127.1.2.3:1", "[::1]:65535", "unix:/run/x"}) {
        const auto listen = parse({"metrics", "--listen", good});
        REQUIRE(listen);
        CHECK(std::get<Metrics>(listen->action).listen == good);
    }
    for (const char *bad :
         {"0.0.0.0:1", "[::]:1", "localhost:1", "127.0.0.1:65536", "127.0.0.1:", "9720", "unix:", ""}) {
        INFO(bad);
        CHECK_FALSE(parse({"metrics", "--listen", bad}));
    }
}

TEST_CASE("words: status --watch takes seconds, and a bond before or behind them") {
    const auto watched = [](const std::string &line) {
        const auto parsed = test::parse_line(line);
        const auto *watch = action<WatchStatus>(parsed);
        return watch ? watch->bond.value_or("all") + " " + std::to_string(watch->interval.count()) : "refused";
    };
    CHECK(watched("status --watch") == "all 2");
    CHECK(watched("status --watch 5") == "all 5");
    CHECK(watched("status bond0 --watch 1 -j") == "bond0 1");
    CHECK(watched("status --watch bond0") == "bond0 2");
    CHECK(watched("status 7 --watch 86400") == "7 86400");
    for (const char *bad : {"status --watch 0", "status --watch 86401", "status --watch 1 2 3", "status a --watch b"}) {
        CHECK(watched(bad) == "refused");
    }
}

TEST_CASE("words: every page of the manual is there, and completion knows every option") {
    for (const char *page : {"xbond.8", "xbondd.8", "xbond-files.8", "ifenslave.8", "xbond.conf.5"}) {
        CHECK(help_text({"manual", page}).starts_with(".TH "));
    }
    for (const char *shell : {"completion.bash", "completion.zsh"}) {
        const auto text = help_text({"manual", shell});
        for (const auto &row : core::option_table()) {
            CHECK(text.find(std::string(row.name)) != std::string::npos);
        }
        CHECK(text.find("layer3+4") != std::string::npos);
    }
}
