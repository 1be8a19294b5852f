// SPDX-License-Identifier: MIT
// JSON with its lines, which no library at hand tells of values. Strict, as teamd's parser is: no comments, no keys
// twice.
#include <algorithm>

#include "user/core/options/text.h"
#include "user/import/syntax/node.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

class JsonParser {
public:
    JsonParser(std::string_view text, Place begin) : text_(text), at_(std::move(begin)) {}

    Result<Node::Ptr> document() {
        if (!is_utf8(text_)) {
            return wrong("no UTF-8");
        }
        XB_TRY(root, value(0));
        blanks();
        return text_.empty() ? std::move(root) : Result<Node::Ptr>(wrong("something behind the value"));
    }

private:
    tl::unexpected<Error> wrong(const std::string &what) const { return refuse(at_, "not valid JSON: " + what); }
    void skip() {
        at_.line += text_.front() == '\n' ? 1 : 0;
        text_.remove_prefix(1);
    }
    void blanks() {
        while (!text_.empty() && std::string_view(" \t\r\n").find(text_.front()) != std::string_view::npos) {
            skip();
        }
    }
    bool take(char c) {
        blanks();
        if (!text_.starts_with(c)) {
            return false;
        }
        skip();
        return true;
    }

    Result<Node::Ptr> value(unsigned depth) {
        blanks();
        if (depth > max_depth) {
            return wrong("nested deeper than " + std::to_string(max_depth) + " levels");
        }
        if (++nodes_ > max_nodes) {
            return wrong("more than " + std::to_string(max_nodes) + " values");
        }
        auto node = std::make_shared<Node>();
        node->line = at_.line;
        if (take('{')) {
            XB_TRY_VOID(object(*node, depth));
        } else if (take('[')) {
            XB_TRY_VOID(array(*node, depth));
        } else if (text_.starts_with('"')) {
            XB_TRY(text, string());
            node->kind = Node::Kind::scalar;
            node->quoted = true;
            node->text = std::move(*text);
        } else {
            XB_TRY_VOID(literal(*node));
        }
        return Node::Ptr(std::move(node));
    }

    Result<void> object(Node &node, unsigned depth) {
        node.kind = Node::Kind::mapping;
        if (take('}')) {
            return {};
        }
        do {
            blanks();
            const auto line = at_.line;
            XB_TRY(key, string());
            if (node.members.size() >= 1000 || node.find(*key) != nullptr) {
                return wrong(node.members.size() >= 1000 ? "more than 1000 keys"
                                                         : "key " + core::quoted(*key) + " is given twice");
            }
            if (!take(':')) {
                return wrong("expected ':' behind a key");
            }
            XB_TRY(member, value(depth + 1));
            node.members.push_back({std::move(*key), std::move(*member), line});
        } while (take(','));
        return take('}') ? Result<void>() : wrong("expected ',' or '}'");
    }

    Result<void> array(Node &node, unsigned depth) {
        node.kind = Node::Kind::sequence;
        if (take(']')) {
            return {};
        }
        do {
            XB_TRY(item, value(depth + 1));
            node.items.push_back(std::move(*item));
        } while (take(','));
        return take(']') ? Result<void>() : wrong("expected ',' or ']'");
    }

    Result<void> literal(Node &node) {
        const auto word = text_.substr(0, text_.find_first_of(",:]} \t\r\n"));
        const auto digits = word.starts_with('-') ? word.substr(1) : word;
        const bool number = !digits.empty() && digits.front() >= '0' && digits.front() <= '9' &&
                            digits.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
        if (!number && !is_one_of(word, {"true", "false", "null"})) {
            return wrong("expected a value, got " + core::quoted(word.substr(0, 40)));
        }
        node.kind = word == "null" ? Node::Kind::null : Node::Kind::scalar;
        node.text = word;
        text_.remove_prefix(word.size());
        return {};
    }

    Result<std::string> string() {
        std::string out;
        if (!take('"')) {
            return wrong("expected a string");
        }
        while (!text_.empty() && text_.front() != '"') {
            if (static_cast<unsigned char>(text_.front()) < ' ') {
                return wrong("a control character in a string");
            }
            if (text_.front() != '\\') {
                out += text_.front();
                text_.remove_prefix(1);
                continue;
            }
            text_.remove_prefix(1);
            XB_TRY_VOID(escape(out));
        }
        return take('"') ? Result<std::string>(std::move(out)) : wrong("a string without end");
    }

    Result<void> escape(std::string &out) {
        constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
        const auto found = text_.empty() ? std::string_view::npos : from.find(text_.front());
        if (found != std::string_view::npos) {
            out += to[found];
            text_.remove_prefix(1);
            return {};
        }
        // \uXXXX: names, words and addresses are ASCII; what is beyond is of no use here.
        const auto hex = text_.substr(0, 5);
        if (hex.size() < 5 || hex[0] != 'u' ||
            hex.substr(1).find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
            return wrong("an escape that there is not");
        }
        const auto code = std::stoul(std::string(hex.substr(1)), nullptr, 16);
        if (code == 0) {
            return wrong("a NUL character");
        }
        out += code < 0x80 ? static_cast<char>(code) : '?';
        text_.remove_prefix(5);
        return {};
    }

    std::string_view text_;
    Place at_;
    std::size_t nodes_ = 0;
};

} // namespace

Result<Node::Ptr> parse_json(std::string_view text, const Place &begin) { return JsonParser(text, begin).document(); }

} // namespace xbond::import
