// SPDX-License-Identifier: MIT
// Global options and the commands that are xbond's own.
#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "user/cli/grammar/args.h"
#include "user/cli/ifenslave.h"
#include "user/cli/metrics.h"
#include "user/core/options/text.h"
#include "user/import/export.h"
#include "user/import/machine.h"

namespace xbond::cli {

namespace {

using Parse = Result<Invocation> (*)(Args, Invocation);

tl::unexpected<Error> unexpected_word(std::string_view command, std::string_view word, std::string_view expected) {
    return fail(EINVAL, std::string(command) + ": unexpected \"" + std::string(word) + "\"; expected " +
                            std::string(expected) + ". See xbond help");
}

// Commands of the form: [WORD] [options of its own] [global options], in any order.
struct Simple {
    std::string_view name, expected;
    std::string_view flag; // an option of its own, "" if it has none
};

struct SimpleArgs {
    std::optional<std::string> word;
    bool flag = false;
};

Result<SimpleArgs> parse_simple(Args args, Globals &globals, const Simple &command) {
    SimpleArgs out;
    while (!args.empty()) {
        if (!command.flag.empty() && args.peek() == command.flag) {
            args.take();
            out.flag = true;
            continue;
        }
        XB_TRY(global, take_global(args, globals));
        if (*global) {
            continue;
        }
        if (out.word || args.peek().starts_with("--")) {
            return unexpected_word(command.name, args.peek(), command.expected);
        }
        out.word = args.take();
    }
    return out;
}

bool is_number(std::string_view word) {
    return !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
}

// status [BOND] [--watch [SECONDS]]; a number behind --watch is no bond.
Result<Invocation> parse_status(Args args, Invocation out) {
    constexpr std::string_view expected = "status [BOND] [--watch [SECONDS]] [-j]";
    std::optional<std::string> bond;
    std::optional<WatchStatus> watch;
    while (!args.empty()) {
        if (args.peek() == "--watch") {
            args.take();
            watch = watch.value_or(WatchStatus{});
            if (!args.empty() && is_number(args.peek())) {
                XB_TRY(seconds, parse_number(args.take(), "status --watch", 1, 86400));
                watch->interval = std::chrono::seconds(*seconds);
            }
            continue;
        }
        XB_TRY(global, take_global(args, out.globals));
        if (*global) {
            continue;
        }
        if (bond || args.peek().starts_with("--")) {
            return unexpected_word("status", args.peek(), expected);
        }
        bond = args.take();
    }
    if (watch) {
        watch->bond = bond;
        out.action = *watch;
    } else {
        out.action = api::Request(api::Status{bond});
    }
    return out;
}

Result<Invocation> parse_proc(Args args, Invocation out) {
    XB_TRY(in, parse_simple(args, out.globals, {"proc", "proc BOND", ""}));
    if (!in->word) {
        return fail(EINVAL, "proc: which bond? Usage: xbond proc BOND");
    }
    out.action = api::Request(api::Proc{*in->word});
    return out;
}

Result<Invocation> parse_apply(Args args, Invocation out) {
    XB_TRY(in, parse_simple(args, out.globals, {"apply", "apply FILE [--dry-run]", "--dry-run"}));
    if (!in->word) {
        return fail(EINVAL, "apply: which file? Usage: xbond apply FILE [--dry-run], FILE - reads standard input");
    }
    out.action = ApplyFile{*in->word, in->flag};
    return out;
}

Result<Invocation> parse_import(Args args, Invocation out) {
    ImportFiles what;
    while (!args.empty()) {
        if (args.peek() == "--root") {
            args.take();
            XB_TRY(root, args.value("--root"));
            what.root = *root;
            continue;
        }
        XB_TRY(global, take_global(args, out.globals));
        if (*global) {
            continue;
        }
        const auto known = import::format_names();
        if (!what.format.empty() || std::find(known.begin(), known.end(), args.peek()) == known.end()) {
            return unexpected_word("import", args.peek(), "import [--root DIR] [FORMAT] [-j]");
        }
        what.format = args.take();
    }
    out.action = what;
    return out;
}

Result<Invocation> parse_export(Args args, Invocation out) {
    XB_TRY(taken, take_words(args, out.globals));
    const std::vector<std::string> &words = *taken;
    const auto known = import::export_names();
    if (words.size() != 2 || std::find(known.begin(), known.end(), words[0]) == known.end()) {
        return fail(EINVAL,
                    "export: which format, which file? Usage: xbond export iproute2|networkd|netplan FILE, FILE - "
                    "reads standard input");
    }
    out.action = ExportFile{words[0], words[1]};
    return out;
}

Result<Invocation> parse_migrate(Args args, Invocation out) {
    Migrate what;
    while (!args.empty()) {
        if (args.peek() == "--dry-run" || args.peek() == "--back") {
            (args.take() == "--back" ? what.back : what.dry_run) = true;
            continue;
        }
        XB_TRY(global, take_global(args, out.globals));
        if (*global) {
            continue;
        }
        if (!what.bond.empty()) {
            return unexpected_word("migrate", args.peek(), "migrate BOND [--dry-run] [--back]");
        }
        what.bond = args.take();
    }
    if (what.bond.empty()) {
        return fail(EINVAL, "migrate: which bond? Usage: xbond migrate BOND [--dry-run] [--back]");
    }
    out.action = what;
    return out;
}

Result<Invocation> parse_top(Args args, Invocation out) {
    XB_TRY(in, parse_simple(args, out.globals, {"top", "top [BOND]", ""}));
    out.action = Top{in->word};
    return out;
}

Result<Invocation> parse_metrics(Args args, Invocation out) {
    Metrics what;
    while (!args.empty()) {
        if (args.peek() == "--listen") {
            args.take();
            XB_TRY(where, args.value("--listen"));
            XB_TRY_VOID(check_listen(*where));
            what.listen = *where;
            continue;
        }
        XB_TRY(global, take_global(args, out.globals));
        if (!*global) {
            return unexpected_word("metrics", args.peek(), "metrics [--listen 127.0.0.1:PORT | --listen unix:PATH]");
        }
    }
    out.action = what;
    return out;
}

// lacp BOND [history [SLAVE] | pcap FILE], with global options anywhere.
Result<Invocation> parse_lacp(Args args, Invocation out) {
    XB_TRY(taken, take_words(args, out.globals));
    const std::vector<std::string> &words = *taken;
    if (words.empty()) {
        return fail(EINVAL, "lacp: which bond? Usage: xbond lacp BOND [history [SLAVE] | pcap FILE]");
    }
    const std::string what = words.size() > 1 ? words[1] : "";
    if (words.size() == 1 || (what == "history" && words.size() <= 3)) {
        api::Lacp request{words[0], !what.empty(), {}};
        if (words.size() == 3) {
            request.slave = words[2];
        }
        out.action = api::Request(request);
        return out;
    }
    if (what == "pcap" && words.size() == 3) {
        out.action = LacpCapture{words[0], words[2]};
        return out;
    }
    return unexpected_word("lacp", words.back(), "lacp BOND [history [SLAVE] | pcap FILE]");
}

template <typename Action> Result<Invocation> parse_wordless(Args args, Invocation out, std::string_view name) {
    XB_TRY(in, parse_simple(args, out.globals, {name, "nothing more", ""}));
    if (in->word) {
        return unexpected_word(name, *in->word, "nothing more");
    }
    out.action = Action{};
    return out;
}

Result<Invocation> parse_monitor(Args args, Invocation out) {
    auto parsed = parse_wordless<Doctor>(args, std::move(out), "monitor");
    if (parsed) {
        parsed->action = api::Request(api::Watch{});
    }
    return parsed;
}

Result<Invocation> parse_doctor(Args args, Invocation out) {
    return parse_wordless<Doctor>(args, std::move(out), "doctor");
}

Result<Invocation> parse_options(Args args, Invocation out) {
    XB_TRY(in, parse_simple(args, out.globals, {"options", "options [--markdown]", "--markdown"}));
    if (in->word) {
        return unexpected_word("options", *in->word, "--markdown");
    }
    out.action = OptionTable{in->flag};
    return out;
}

Result<Invocation> parse_help(Args args, Invocation out) {
    Help help{args.empty() ? "" : args.take(), ""};
    if (help.topic == "manual") {
        XB_TRY(page, args.value("help manual"));
        help.page = *page;
    }
    out.action = help;
    return out;
}

struct Object {
    std::string_view name;
    Parse parse;
};

// A prefix finds the first that fits, as in ip: "l" and "li" are link.
constexpr std::array<Object, 19> objects{{{"link", parse_link},
                                          {"status", parse_status},
                                          {"monitor", parse_monitor},
                                          {"proc", parse_proc},
                                          {"explain", parse_explain},
                                          {"doctor", parse_doctor},
                                          {"apply", parse_apply},
                                          {"lacp", parse_lacp},
                                          {"xsk", parse_xsk},
                                          {"import", parse_import},
                                          {"xdp", parse_xdp},
                                          {"port", parse_port},
                                          {"ifenslave", parse_ifenslave},
                                          {"export", parse_export},
                                          {"metrics", parse_metrics},
                                          {"top", parse_top},
                                          {"migrate", parse_migrate},
                                          {"options", parse_options},
                                          {"help", parse_help}}};

std::string object_list() {
    std::string out;
    for (const auto &o : objects) {
        out += (out.empty() ? "" : ", ") + std::string(o.name);
    }
    return out;
}

} // namespace

Result<std::string> Args::value(std::string_view keyword) {
    if (empty()) {
        return fail(EINVAL, std::string(keyword) + " needs a value");
    }
    return take();
}

Result<std::uint32_t> parse_number(std::string_view text, std::string_view what, std::uint32_t min, std::uint32_t max) {
    const bool hex = text.starts_with("0x");
    const auto digits = hex ? text.substr(2) : text;
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, hex ? 16 : 10);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || number < min ||
        number > max) {
        return fail(EINVAL, std::string(what) + ": expected a number " + std::to_string(min) + ".." +
                                std::to_string(max) + ", got \"" + std::string(text) + "\"");
    }
    return number;
}

Result<MacAddr> parse_address(std::string_view text) {
    const auto mac = MacAddr::parse(text);
    if (!mac || !mac->is_valid_unicast()) {
        return fail(EINVAL,
                    "address: expected a unicast MAC address aa:bb:cc:dd:ee:ff, got \"" + std::string(text) + "\"");
    }
    return *mac;
}

Result<std::vector<std::string>> take_words(Args args, Globals &globals) {
    std::vector<std::string> words;
    while (!args.empty()) {
        XB_TRY(global, take_global(args, globals));
        if (!*global) {
            words.push_back(args.take());
        }
    }
    return words;
}

Result<bool> take_global(Args &args, Globals &globals) {
    std::string_view word = args.peek();
    if (!word.starts_with('-') || word == "-" || word == "--") {
        return false;
    }
    if (word.starts_with("--")) {
        word.remove_prefix(1); // as ip does
    }
    const auto flag = [&](std::string_view name, bool &value) {
        if (word.size() < 2 || !matches(word, name)) {
            return false;
        }
        args.take();
        value = true;
        return true;
    };
    if (flag("-json", globals.json) || flag("-pretty", globals.pretty) || flag("-details", globals.details) ||
        flag("-statistics", globals.statistics) || flag("-stats", globals.statistics) ||
        flag("-oneline", globals.oneline) || (word.size() > 2 && flag("-brief", globals.brief))) {
        return true;
    }
    const bool netns = matches(word, "-netns");
    const bool timeout = word == "-timeout";
    if (!netns && !timeout && word != "-socket") {
        constexpr std::array<std::string_view, 11> known{"-netns",      "-json",    "-pretty", "-details",
                                                         "-statistics", "-oneline", "-brief",  "-socket",
                                                         "-timeout",    "-batch",   "-force"};
        return fail(EINVAL, "unknown option " + args.peek() + core::meant(word, known) +
                                "; known: -n NETNS, -j, -p, -d, -s, -o, -br, -b FILE, -force, --socket PATH, --timeout "
                                "SECONDS, -V. See xbond help");
    }
    args.take();
    XB_TRY(value, args.value(netns ? "-n" : timeout ? "--timeout" : "--socket"));
    if (timeout) {
        XB_TRY(seconds, parse_number(*value, "--timeout", 0, 86400));
        globals.timeout = std::chrono::seconds(*seconds);
    } else if (netns) {
        globals.netns = *value;
    } else {
        globals.socket = *value;
    }
    return true;
}

namespace {

// Behind any command.
bool asks_for_help(std::span<const std::string> argv) {
    return std::ranges::any_of(argv,
                               [](const auto &word) { return word == "--help" || word == "-help" || word == "-h"; });
}

// `link add bond0 type bond --help` is about bonds.
std::optional<std::string_view> help_topic(std::span<const std::string> argv) {
    const auto type = std::ranges::find(argv, "type");
    const bool known = type != argv.end() && type + 1 != argv.end() && (type[1] == "bond" || type[1] == "bond_slave");
    return known ? std::optional<std::string_view>(type[1]) : std::nullopt;
}

Result<Invocation> parse_object(Args args, std::span<const std::string> argv, Invocation out) {
    if (args.empty()) {
        return fail(EINVAL, "what to do? Commands: " + object_list() + ". See xbond help");
    }
    const std::string &word = args.take();
    for (const auto &object : objects) {
        if (!matches(word, object.name)) {
            continue;
        }
        if (asks_for_help(argv)) {
            out.action = Help{std::string(help_topic(argv).value_or(object.name))};
            return out;
        }
        return object.parse(args, std::move(out));
    }
    std::vector<std::string_view> names;
    std::ranges::transform(objects, std::back_inserter(names), &Object::name);
    return fail(EINVAL, "unknown command \"" + word + "\"" + core::meant(word, names) + "; known: " + object_list() +
                            ". See xbond help");
}

} // namespace

Result<Invocation> parse_command(std::span<const std::string> argv, const Globals &globals) {
    Args args(argv);
    Invocation out{globals, {}, {}};
    std::optional<std::string> batch;
    bool force = false;
    while (!args.empty() && args.peek().starts_with('-')) {
        const std::string_view word = args.peek();
        if (word == "-V" || word == "-Version" || word == "--version") {
            out.action = Version{};
            return out;
        }
        if (word == "-h" || word == "-help" || word == "--help") {
            out.action = Help{};
            return out;
        }
        const std::string_view one_dash = word.starts_with("--") ? word.substr(1) : word;
        if (one_dash.size() > 2 && matches(one_dash, "-force")) { // -f is -family with ip
            args.take();
            force = true;
            continue;
        }
        if (one_dash.size() > 1 && matches(one_dash, "-batch")) {
            args.take();
            XB_TRY(path, args.value("-batch"));
            batch = *path;
            continue;
        }
        auto global = take_global(args, out.globals);
        if (!global || !*global) {
            return global ? fail(EINVAL, "expected a command, got " + args.peek()) : tl::unexpected(global.error());
        }
    }
    if (batch || force) {
        if (!batch || !args.empty()) {
            return fail(EINVAL, batch ? "-batch: unexpected \"" + args.peek() + "\": commands are lines of the file"
                                      : "-force is for -batch FILE");
        }
        out.action = Batch{*batch, force};
        return out;
    }
    return parse_object(args, argv, std::move(out));
}

} // namespace xbond::cli
