// SPDX-License-Identifier: MIT
#include "user/cli/run.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/mount.h>

#include "user/cli/batch.h"
#include "user/cli/doctor.h"
#include "user/cli/ifenslave.h"
#include "user/cli/import_files.h"
#include "user/cli/link_lists.h"
#include "user/cli/metrics.h"
#include "user/cli/migrate/migrate.h"
#include "user/cli/question.h"
#include "user/cli/top.h"
#include "user/cli/xdp.h"
#include "user/core/options/xsk_rules.h"
#include "user/import/export.h"
#include "user/show/explain.h"
#include "user/show/lacp_render.h"
#include "user/show/metrics.h"
#include "user/show/render.h"
#include "user/sys/netns.h"

namespace xbond::cli {

using nlohmann::ordered_json;

namespace {

std::string event_text(const ordered_json &e) {
    const auto ns = e.value("time_ns", std::int64_t{0});
    char time[32];
    std::snprintf(time, sizeof time, "%lld.%06lld", static_cast<long long>(ns / 1'000'000'000),
                  static_cast<long long>(ns / 1000 % 1'000'000));
    const auto slave = e.contains("slave") && e["slave"].is_string() ? " " + e["slave"].get<std::string>() : "";
    return std::string(time) + " " + e.value("bond", "?") + " " + e.value("machine", "?") + slave + ": " +
           e.value("from", "") + " -> " + e.value("to", "") + " (" + e.value("cause", "") + ")";
}

std::string changes_text(const ordered_json &result, bool dry_run) {
    std::string out;
    for (const auto &change : result.value("changes", ordered_json::array())) {
        out += (dry_run ? "would: " : "") + (change.is_string() ? change.get<std::string>() : change.dump()) + "\n";
    }
    out = out.empty() ? "nothing to change\n" : out;
    for (const auto &note : result.value("notes", ordered_json::array())) {
        out += "note: " + (note.is_string() ? note.get<std::string>() : note.dump()) + "\n";
    }
    return out;
}

void print_result(const Invocation &in, const api::Request &request, const ordered_json &result) {
    const auto &g = in.globals;
    if (api::is_write(request) && !std::holds_alternative<api::Apply>(request)) {
        return; // as ip: silence is success
    }
    if (const auto *show = std::get_if<api::LinkShow>(&request)) {
        const auto links = filtered(result, in.filter);
        const auto form = g.brief     ? show::LinkForm::brief
                          : g.oneline ? show::LinkForm::one_line
                                      : show::LinkForm::lines;
        g.json ? print_json(g.brief ? show::ip_link_brief_json(links) : links, g)
               : void(std::cout << show::ip_link_text(links, show->details, show->statistics, form));
    } else if (g.json) {
        print_json(result, g);
    } else if (std::holds_alternative<api::Status>(request)) {
        std::cout << show::status_text(result);
    } else if (std::holds_alternative<api::Explain>(request)) {
        std::cout << show::explain_text(result);
    } else if (const auto *lacp = std::get_if<api::Lacp>(&request)) {
        std::cout << (lacp->history ? show::lacp_history_text(result) : show::lacp_text(result));
    } else if (const auto *apply = std::get_if<api::Apply>(&request)) {
        std::cout << changes_text(result, apply->dry_run);
    } else {
        std::cout << (result.is_string() ? result.get<std::string>() : result.dump(4) + "\n");
    }
}

// The network namespace for a bond's device, opened with the rights of whoever asks.
Result<Fd> netns_beside(const api::Request &request) {
    if (api::beside(request) != api::Beside::netns) {
        return Fd();
    }
    const auto *set = std::get_if<api::LinkSet>(&request);
    return sys::open_netns(set != nullptr ? *set->netns : *std::get<api::LinkAdd>(request).netns);
}

int ask(const Invocation &in, const api::Request &request) {
    const auto netns = netns_beside(request);
    if (!netns) {
        return refused(netns.error(), netns.error().code == EACCES ? exit_denied : exit_refused);
    }
    const auto result = answer(in.globals, request, netns->get());
    if (!result) {
        return result.error();
    }
    print_result(in, request, *result);
    return exit_ok;
}

int watch(const Invocation &in) {
    auto client = connect(in.globals);
    if (!client) {
        return client.error();
    }
    client->set_patience(patience(in.globals, api::Watch{}));
    if (const auto ok = call(*client, api::Watch{}); !ok) {
        return failed(ok.error());
    }
    client->set_patience({}); // nothing happens for as long as nothing happens
    for (;;) {
        const auto line = client->receive();
        if (!line) {
            return refused(line.error());
        }
        const auto event = ordered_json::parse(*line, nullptr, false);
        if (in.globals.json || !event.is_object()) {
            std::cout << *line << std::endl;
        } else {
            std::cout << event_text(event) << std::endl;
        }
        if (!std::cout) { // the reader has gone
            return exit_ok;
        }
    }
}

Result<std::string> read_config(const std::string &path) {
    std::ifstream file;
    if (path != "-") {
        file.open(path);
        if (!file) {
            const int code = errno;
            return fail(code, path + ": " + std::strerror(code));
        }
    }
    std::istream &stream = path == "-" ? std::cin : file;
    return std::string{std::istreambuf_iterator<char>(stream), {}};
}

std::string name_of(const std::string &path) { return path == "-" ? "standard input" : path; }

// Checked here first, so that a mistake is told with the file's name and needs no daemon.
int apply(const Invocation &in, const ApplyFile &what) {
    const auto text = read_config(what.path);
    if (!text) {
        return refused(text.error());
    }
    if (const auto config = api::parse_config(*text, name_of(what.path)); !config) {
        return refused(config.error());
    }
    return ask(in, api::Apply{*text, what.dry_run});
}

int export_file(const ExportFile &what) {
    const auto text = read_config(what.path);
    const auto config = text ? api::parse_config(*text, name_of(what.path)) : tl::unexpected(text.error());
    const auto exported = config ? import::export_config(*config, what.format) : tl::unexpected(config.error());
    if (!exported) {
        return refused(exported.error());
    }
    std::cout << exported->text;
    for (const auto &note : exported->notes) {
        std::cerr << note << '\n';
    }
    return exit_ok;
}

// A rule a line, as it was given.
int show_rules(const Invocation &in, const XskRules &what) {
    const auto status = answer(in.globals, api::Status{what.bond});
    if (!status) {
        return status.error();
    }
    for (const auto &bond : status->value("bonds", ordered_json::array())) {
        const auto rules = core::parse_xsk_rules(bond.value("options", ordered_json::object()).value("xsk_allow", ""));
        if (!rules) {
            return refused(rules.error());
        }
        auto list = ordered_json::array();
        for (const auto &rule : *rules) {
            list.push_back({{"group", rule.group}, {"match", match_text(rule)}});
            std::cout << (in.globals.json ? "" : text(rule) + "\n");
        }
        in.globals.json ? print_json(list, in.globals) : void();
    }
    return exit_ok;
}

std::int64_t nanoseconds_of(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

int capture(const Invocation &in, const LacpCapture &what) {
    const auto history = answer(in.globals, api::Lacp{what.bond, true, {}});
    if (!history) {
        return history.error();
    }
    const auto boot = nanoseconds_of(CLOCK_REALTIME) - nanoseconds_of(CLOCK_MONOTONIC);
    const auto bytes = show::lacp_history_pcap(*history, boot);
    std::ofstream file(what.path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char *>(bytes.data()), static_cast<std::streamsize>(bytes.size())).flush();
    return file ? exit_ok : refused({errno, what.path + ": " + std::strerror(errno)});
}

// What bonds and slaves have that meets no frames.
std::vector<KeptFrom> kept_from(const ordered_json &status) {
    std::vector<KeptFrom> found;
    for (const auto &bond : status.value("bonds", ordered_json::array())) {
        found.push_back({bond.value("name", ""), false,
                         bond.value("datapath", ordered_json::object()).value("bypassed", std::vector<std::string>{})});
        for (const auto &slave : bond.value("slaves", ordered_json::array())) {
            found.push_back(behind_the_hook(slave.value("name", "")));
        }
    }
    return found;
}

int doctor(const Invocation &in) {
    std::vector<Feature> features;
    std::vector<KeptFrom> kept;
    std::optional<std::string> daemon;
    std::vector<SlaveNic> slaves;
    if (const auto path = socket_path(in.globals)) {
        if (auto client = Client::connect(*path)) {
            client->set_patience(patience(in.globals, api::Status{}));
            if (const auto status = call(*client, api::Status{})) {
                daemon = path->string();
                slaves = slave_nics(*status);
                kept = kept_from(*status);
                for (const auto &f : status->value("features", ordered_json::array())) {
                    features.push_back({f.value("name", ""), f.value("available", false), f.value("detail", "")});
                }
            }
        }
    }
    auto facts = gather(std::move(features), daemon);
    facts.slaves = std::move(slaves);
    facts.kept_from = std::move(kept);
    const auto findings = assess(facts);
    in.globals.json ? print_json(doctor_json(facts, findings), in.globals)
                    : void(std::cout << doctor_text(facts, findings));
    return usable(findings) ? exit_ok : exit_refused;
}

int ifenslave(const Invocation &in, const Ifenslave &what) {
    auto client = connect(in.globals);
    if (!client) {
        return client.error();
    }
    const auto done = ifenslave(
        what,
        [&](const api::Request &request) {
            client->set_patience(patience(in.globals, request));
            return call(*client, request);
        },
        std::cout, std::cerr);
    return done ? exit_ok : failed(done.error());
}

// Of the network namespace that was entered, where /sys is another one's still.
Result<void> see_own_sysfs() {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0 ||
        ::mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0) {
        const int code = errno;
        return fail(code, std::string("cannot see /sys of the network namespace: ") + std::strerror(code));
    }
    return {};
}

int migrate(const Invocation &in, const Migrate &what) {
    auto client = connect(in.globals);
    if (!client) {
        return client.error();
    }
    if (const auto seen = in.globals.netns ? see_own_sysfs() : Result<void>(); !seen) {
        return refused(seen.error());
    }
    const auto done = migrate_bond(
        what,
        [&](const api::Request &request) {
            client->set_patience(patience(in.globals, request));
            return call(*client, request);
        },
        std::cout, std::cerr);
    return done ? exit_ok : failed(done.error());
}

// A connection for each look: a daemon that is replaced is found again.
Result<ordered_json> look(const std::filesystem::path &socket, const Globals &globals, const api::Status &request) {
    XB_TRY(client, Client::connect(socket));
    client->set_patience(patience(globals, request));
    return call(*client, request);
}

int top(const Invocation &in, const Top &what) {
    constexpr std::chrono::seconds interval(1);
    const auto path = socket_path(in.globals);
    const auto done =
        path ? cli::top(interval, [&] { return look(*path, in.globals, {what.bond}); }) : tl::unexpected(path.error());
    return done ? exit_ok : failed(done.error());
}

int watch_status(const Invocation &in, const WatchStatus &what) {
    const auto path = socket_path(in.globals);
    bool first = true;
    const auto print = [&](const ordered_json &status) {
        in.globals.json ? print_json(status, in.globals)
                        : void(std::cout << (first ? "" : "\n") << show::status_text(status));
        first = false;
    };
    const auto done = path ? cli::watch_status(
                                 what.interval, [&] { return look(*path, in.globals, {what.bond}); }, print)
                           : tl::unexpected(path.error());
    return done ? exit_ok : failed(done.error());
}

Result<std::string> metrics_page(const std::filesystem::path &socket, const Globals &globals) {
    XB_TRY(status, look(socket, globals, {}));
    try {
        return show::metrics_text(*status);
    } catch (const ordered_json::exception &e) {
        return fail(EPROTO, std::string("the daemon's answer is not understood: ") + e.what());
    }
}

int metrics(const Invocation &in, const Metrics &what) {
    const auto path = socket_path(in.globals);
    if (!path) {
        return refused(path.error());
    }
    const auto page = [&] { return metrics_page(*path, in.globals); };
    if (what.listen) {
        const auto served = serve_metrics(*what.listen, page);
        return served ? exit_ok : refused(served.error());
    }
    const auto text = page();
    if (!text) {
        return refused(text.error(), exit_no_daemon);
    }
    std::cout << *text;
    return exit_ok;
}

struct Runner {
    const Invocation &in;

    int operator()(const api::Request &r) const {
        return std::holds_alternative<api::Watch>(r) ? watch(in) : ask(in, r);
    }
    int operator()(const ApplyFile &a) const { return apply(in, a); }
    int operator()(const ExplainOffline &e) const {
        const auto result = show::explain_policy(e.policy, e.slaves, e.frame, e.vlan_tci);
        in.globals.json ? print_json(result, in.globals) : void(std::cout << show::explain_text(result));
        return exit_ok;
    }
    int operator()(const LacpCapture &c) const { return capture(in, c); }
    int operator()(const Xstats &x) const { return xstats(in, x); }
    int operator()(const Batch &b) const { return run_batch(b, in.globals); }
    int operator()(const XskRules &x) const { return show_rules(in, x); }
    int operator()(const ImportFiles &i) const {
        const auto done = import_files(i, in.globals.json, in.globals.pretty);
        return done ? exit_ok : refused(done.error());
    }
    int operator()(const ExportFile &e) const { return export_file(e); }
    int operator()(const Migrate &m) const { return migrate(in, m); }
    int operator()(const Metrics &m) const { return metrics(in, m); }
    int operator()(const Top &t) const { return top(in, t); }
    int operator()(const WatchStatus &w) const { return watch_status(in, w); }
    int operator()(const Ifenslave &i) const { return ifenslave(in, i); }
    int operator()(const XdpAttachFile &x) const { return xdp_attach(in, x); }
    int operator()(const XdpShow &x) const { return xdp_show(in, x); }
    int operator()(const PortShow &x) const { return port_show(in, x); }
    int operator()(const Doctor &) const { return doctor(in); }
    int operator()(const OptionTable &t) const {
        std::cout << option_table_text(t);
        return exit_ok;
    }
    int operator()(const Help &h) const {
        std::cout << help_text(h);
        return exit_ok;
    }
    int operator()(const Version &) const {
        std::cout << "xbond " XBOND_VERSION "\n";
        return exit_ok;
    }
};

} // namespace

int run(const Invocation &in) {
    if (in.globals.netns) {
        if (auto ok = sys::enter_netns(*in.globals.netns); !ok) {
            const bool denied = ok.error().code == EPERM || ok.error().code == EACCES;
            return refused(ok.error(), denied ? exit_denied : exit_refused);
        }
    }
    try {
        return std::visit(Runner{in}, in.action);
    } catch (const ordered_json::exception &e) { // a daemon of another version
        return refused({EPROTO, std::string("the daemon's answer is not understood: ") + e.what()});
    }
}

} // namespace xbond::cli
