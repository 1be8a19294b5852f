// SPDX-License-Identifier: MIT
#include "user/cli/batch.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "user/cli/run.h"

namespace xbond::cli {
namespace {

BatchLine words_of(std::string_view line) {
    constexpr std::string_view blanks = " \t\r\n";
    BatchLine out;
    while (true) {
        const auto begin = line.find_first_not_of(blanks);
        if (begin == std::string_view::npos) {
            return out;
        }
        line.remove_prefix(begin);
        const bool quoted = line.front() == '\'' || line.front() == '"';
        const auto end = quoted ? line.find(line.front(), 1) : line.find_first_of(blanks);
        const std::size_t mark = quoted ? 1 : 0;
        out.words.emplace_back(line.substr(mark, end == std::string_view::npos ? end : end - mark));
        out.open_quote = out.open_quote || (quoted && end == std::string_view::npos);
        line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    }
}

int run_line(const BatchLine &line, const Globals &globals) {
    auto in = line.open_quote ? Result<Invocation>(fail(EINVAL, "-batch: a quote without end"))
                              : parse_command(line.words, globals);
    if (in && (std::holds_alternative<Batch>(in->action) || in->globals.netns)) {
        in = fail(EINVAL, "-batch: of a line, neither -batch nor -n; they stand before the first");
    }
    if (!in) {
        std::cerr << "xbond: " << in.error().message << '\n';
        return exit_usage;
    }
    return run(*in);
}

} // namespace

std::vector<BatchLine> batch_lines(std::string_view text) {
    std::vector<BatchLine> lines;
    std::string joined;
    unsigned number = 0, first = 1;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        ++number;
        joined += line.substr(0, line.find('#'));
        if (joined.ends_with('\\') && !text.empty()) {
            joined.back() = ' ';
            continue;
        }
        if (auto parsed = words_of(joined); !parsed.words.empty()) {
            parsed.number = first;
            lines.push_back(std::move(parsed));
        }
        joined.clear();
        first = number + 1;
    }
    return lines;
}

// All lines of the namespace that was entered for the first.
int run_batch(const Batch &what, const Globals &globals) {
    std::ifstream file;
    if (what.path != "-") {
        file.open(what.path);
        if (!file) {
            std::cerr << "xbond: -batch: " << what.path << ": " << std::strerror(errno) << '\n';
            return exit_refused;
        }
    }
    const std::string text{std::istreambuf_iterator<char>(what.path == "-" ? std::cin : file), {}};
    Globals of_lines = globals;
    of_lines.netns.reset();
    int worst = exit_ok;
    for (const auto &line : batch_lines(text)) {
        if (const int code = run_line(line, of_lines); code != exit_ok) {
            std::cerr << "Command failed " << what.path << ':' << line.number << '\n';
            worst = code;
            if (!what.force) {
                break;
            }
        }
    }
    return worst;
}

} // namespace xbond::cli
