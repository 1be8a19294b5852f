// SPDX-License-Identifier: MIT
#include "user/import/syntax/shell.h"

#include <algorithm>

#include "user/core/options/text.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

class Lexer {
public:
    Lexer(std::string_view text, Place begin) : text_(text), at_(std::move(begin)) {}

    Result<std::vector<ShellCommand>> run() {
        while (!done()) {
            const char c = peek();
            if (c == '\n' || std::string_view(";&|()").find(c) != std::string_view::npos) {
                end_command();
                skip();
            } else if (c == ' ' || c == '\t' || c == '\r' || (c == '\\' && (next_is("\\\n") || next_is("\\\r\n")))) {
                end_word();
                c == '\\' ? skip_line() : void(skip());
            } else if (c == '#' && !in_word_) {
                text_.remove_prefix(std::min(text_.size(), text_.find('\n')));
            } else if (c == '>' || c == '<') {
                redirect();
            } else {
                XB_TRY_VOID(piece());
            }
        }
        end_command();
        return std::move(commands_);
    }

private:
    bool done() const { return text_.empty(); }
    char peek() const { return text_.front(); }
    bool next_is(std::string_view what) const { return text_.starts_with(what); }
    char skip() {
        const char c = text_.front();
        at_.line += c == '\n' ? 1 : 0;
        text_.remove_prefix(1);
        return c;
    }
    void skip_line() {
        while (!done() && skip() != '\n') {}
    }

    ShellWord &word() {
        if (!in_word_) {
            if (command_.words.empty()) {
                command_.line = at_.line;
            }
            command_.words.push_back({"", at_.line});
            in_word_ = true;
        }
        return command_.words.back();
    }
    void end_word() { in_word_ = false; }
    void end_command() {
        end_word();
        if (!command_.words.empty()) {
            commands_.push_back(std::move(command_));
            command_ = {};
        }
    }
    void redirect() {
        if (in_word_ && word().text.find_first_not_of("0123456789") == std::string::npos) {
            command_.words.pop_back(); // a file descriptor's number
        }
        end_word();
        auto &out = word();
        out.redirects = true;
        while (!done() && (peek() == '>' || peek() == '<' || peek() == '&')) {
            out.text += skip();
        }
        end_word();
    }

    Result<void> piece() {
        auto &out = word();
        const char c = skip();
        if (c == '\'') {
            return single_quotes(out);
        }
        if (c == '"') {
            return double_quotes(out);
        }
        if (c == '\\') {
            out.text += done() ? '\\' : skip();
        } else if (c == '$' && next_is("'")) {
            skip();
            return escaped_quotes(out);
        } else if (c == '$' && next_is("\"")) {
            skip();
            return double_quotes(out);
        } else if (c == '$' || c == '`') {
            expansion(out, c);
        } else {
            out.text += c;
        }
        return {};
    }

    void expansion(ShellWord &out, char c) {
        out.expands = true;
        out.substitutes = out.substitutes || c == '`' || next_is("(");
        out.text += c;
        if (next_is("(")) { // not the end of a command
            out.text += skip();
        }
    }

    Result<void> single_quotes(ShellWord &out) {
        const Place begin = at_;
        while (!done() && peek() != '\'') {
            out.text += skip();
        }
        return close(begin);
    }

    Result<void> double_quotes(ShellWord &out) {
        const Place begin = at_;
        while (!done() && peek() != '"') {
            const char c = skip();
            if (c == '\\' && !done() && std::string_view("$`\"\\\n").find(peek()) != std::string_view::npos) {
                const char escaped = skip();
                out.text += escaped == '\n' ? "" : std::string(1, escaped);
            } else if (c == '$' || c == '`') {
                expansion(out, c);
            } else {
                out.text += c;
            }
        }
        return close(begin);
    }

    Result<void> escaped_quotes(ShellWord &out) {
        const Place begin = at_;
        while (!done() && peek() != '\'') {
            const char c = skip();
            if (c != '\\' || done()) {
                out.text += c;
                continue;
            }
            const char escaped = skip();
            constexpr std::string_view from = "ntrabvfe", to = "\n\t\r\a\b\v\f\033";
            const auto found = from.find(escaped);
            out.text += found == std::string_view::npos ? escaped : to[found];
        }
        return close(begin);
    }

    Result<void> close(const Place &begin) {
        if (done()) {
            return refuse(begin, "a quote has no end");
        }
        skip();
        return {};
    }

    std::string_view text_;
    Place at_;
    bool in_word_ = false;
    ShellCommand command_;
    std::vector<ShellCommand> commands_;
};

// NAME= or NAME+= at the beginning of a word: where the value begins, else 0.
std::size_t value_begin(std::string_view word) {
    const auto end = word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (end == 0 || end == std::string_view::npos || (word.front() >= '0' && word.front() <= '9')) {
        return 0;
    }
    const auto rest = word.substr(end);
    return rest.starts_with('=') ? end + 1 : rest.starts_with("+=") ? end + 2 : 0;
}

class Variables {
public:
    explicit Variables(std::string file) : file_(std::move(file)) {}

    Result<void> command(const ShellCommand &command) {
        std::size_t i = 0;
        if (command.words.front().text == "export" || command.words.front().text == "declare") {
            i = 1;
        }
        const auto first = i;
        for (; i < command.words.size() && value_begin(command.words[i].text) > 0; ++i) {
            XB_TRY_VOID(check(command.words[i]));
            assign(command.words[i]);
        }
        // NAME=value command: the shell forgets the value again. NAME=value OTHER=value: NetworkManager reads one
        // value.
        for (auto one = first; one < i && command.words.size() > first + 1; ++one) {
            out_[out_.size() - 1 - (i - 1 - one)].has_blanks = true;
        }
        for (; i < command.words.size(); ++i) {
            XB_TRY_VOID(check(command.words[i]));
        }
        return {};
    }

    std::vector<ShellVariable> take() { return std::move(out_); }

private:
    Result<void> check(const ShellWord &word) const {
        const Place at{file_, word.line};
        const auto begin = value_begin(word.text);
        const auto name = begin == 0 ? "" : word.text.substr(0, word.text.find_first_of("+="));
        if (word.substitutes) {
            return refuse(at, (name.empty() ? "a" : name + " contains a") +
                                  " command substitution: its value needs a shell to be known, and nothing is run");
        }
        if (!is_utf8(word.text)) {
            return refuse(at, (name.empty() ? "a word" : name) + " is no UTF-8");
        }
        return {};
    }

    void assign(const ShellWord &word) {
        const auto begin = value_begin(word.text);
        const bool appends = word.text[begin - 2] == '+';
        ShellVariable fresh{
            word.text.substr(0, begin - (appends ? 2 : 1)), word.text.substr(begin), {file_, word.line}, word.expands};
        const auto old = std::ranges::find(out_, fresh.name, &ShellVariable::name);
        if (old != out_.end()) {
            if (appends) {
                fresh.value = old->value + fresh.value;
                fresh.expands = fresh.expands || old->expands;
                fresh.has_blanks = old->has_blanks;
            }
            out_.erase(old);
        }
        out_.push_back(std::move(fresh));
    }

    std::string file_;
    std::vector<ShellVariable> out_;
};

} // namespace

Result<std::vector<ShellCommand>> parse_shell(std::string_view text, const Place &begin) {
    return Lexer(text, begin).run();
}

Result<std::vector<ShellVariable>> parse_variables(std::string_view text, const std::string &file) {
    constexpr std::size_t most = 2000;
    XB_TRY(commands, parse_shell(text, {file, 1}));
    if (commands->size() > most) {
        return refuse({file, (*commands)[most].line}, "more than " + std::to_string(most) + " commands");
    }
    Variables out(file);
    for (const auto &command : *commands) {
        XB_TRY_VOID(out.command(command));
    }
    return out.take();
}

} // namespace xbond::import
