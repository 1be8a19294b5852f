// SPDX-License-Identifier: MIT
// libyaml's events as a tree. The tree is built here, not by libyaml, so that depth and what aliases multiply are
// bounded.
#include <map>
#include <yaml.h>

#include "user/import/syntax/node.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

struct Parser {
    Parser() { yaml_parser_initialize(&raw); }
    ~Parser() { yaml_parser_delete(&raw); }
    Parser(const Parser &) = delete;
    Parser &operator=(const Parser &) = delete;
    yaml_parser_t raw{};
};
struct Event {
    ~Event() { yaml_event_delete(&raw); }
    yaml_event_t raw{};
};

std::string text_of(const yaml_char_t *text, std::size_t length) {
    return {reinterpret_cast<const char *>(text), length};
}
std::string name_of(const yaml_char_t *text) { return text == nullptr ? "" : reinterpret_cast<const char *>(text); }

class Builder {
public:
    explicit Builder(const std::string &file) : file_(file) {}

    Result<void> take(const yaml_event_t &event) {
        const auto line = static_cast<unsigned>(event.start_mark.line + 1);
        switch (event.type) {
        case YAML_SCALAR_EVENT: {
            auto node = std::make_shared<Node>();
            node->kind = Node::Kind::scalar;
            node->quoted = event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
            node->text = text_of(event.data.scalar.value, event.data.scalar.length);
            node->line = line;
            if (node->text.find('\0') != std::string::npos) {
                return refuse({file_, line}, "a value holds a NUL byte");
            }
            remember(event.data.scalar.anchor, node, 1);
            return add(node, 1);
        }
        case YAML_SEQUENCE_START_EVENT:
            return open(Node::Kind::sequence, name_of(event.data.sequence_start.anchor), line);
        case YAML_MAPPING_START_EVENT:
            return open(Node::Kind::mapping, name_of(event.data.mapping_start.anchor), line);
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
            return close();
        case YAML_ALIAS_EVENT: {
            const auto found = anchors_.find(name_of(event.data.alias.anchor));
            if (found == anchors_.end()) {
                return refuse({file_, line}, "an alias of nothing");
            }
            return add(found->second.node, found->second.size, line);
        }
        case YAML_DOCUMENT_START_EVENT:
            return ++documents_ > 1 ? refuse({file_, line}, "a second document") : Result<void>();
        default:
            return {};
        }
    }

    Node::Ptr root() const { return root_; }

private:
    struct Open {
        std::shared_ptr<Node> node;
        std::string anchor;
        std::size_t size = 1; // nodes in it, aliases counted as what they stand for
        std::optional<Node::Member> key;
    };
    struct Anchored {
        Node::Ptr node;
        std::size_t size;
    };

    void remember(const yaml_char_t *anchor, const Node::Ptr &node, std::size_t size) {
        if (anchor != nullptr) {
            anchors_[name_of(anchor)] = {node, size};
        }
    }

    Result<void> open(Node::Kind kind, std::string anchor, unsigned line) {
        if (open_.size() >= max_depth) {
            return refuse({file_, line}, "nested deeper than " + std::to_string(max_depth) + " levels");
        }
        auto node = std::make_shared<Node>();
        node->kind = kind;
        node->line = line;
        open_.push_back({std::move(node), std::move(anchor), 1, {}});
        return {};
    }

    Result<void> close() {
        Open done = std::move(open_.back());
        open_.pop_back();
        if (!done.anchor.empty()) {
            anchors_[done.anchor] = {done.node, done.size};
        }
        return add(done.node, done.size);
    }

    Result<void> add(const Node::Ptr &node, std::size_t size, unsigned line = 0) {
        line = line == 0 ? node->line : line;
        if (open_.empty()) {
            root_ = node;
            return {};
        }
        auto &parent = open_.back();
        parent.size += size;
        if (parent.size > max_nodes || (total_ += 1) > max_nodes) {
            return refuse({file_, line},
                          "more than " + std::to_string(max_nodes) + " values, aliases counted as what they stand for");
        }
        if (parent.node->is_sequence()) {
            parent.node->items.push_back(node);
        } else if (!parent.key) {
            if (!node->is_scalar()) {
                return refuse({file_, line}, "a key that is no scalar");
            }
            parent.key = Node::Member{node->text, nullptr, line};
        } else {
            parent.key->value = node;
            parent.node->members.push_back(std::move(*parent.key));
            parent.key.reset();
        }
        return {};
    }

    const std::string &file_;
    std::vector<Open> open_;
    std::map<std::string, Anchored> anchors_;
    Node::Ptr root_;
    std::size_t total_ = 0;
    int documents_ = 0;
};

} // namespace

Result<Node::Ptr> parse_yaml(std::string_view text, const std::string &file) {
    Parser parser;
    yaml_parser_set_input_string(&parser.raw, reinterpret_cast<const unsigned char *>(text.data()), text.size());
    yaml_parser_set_encoding(&parser.raw, YAML_UTF8_ENCODING);
    Builder builder(file);
    for (bool done = false; !done;) {
        Event event;
        if (yaml_parser_parse(&parser.raw, &event.raw) == 0) {
            const auto line = std::max(parser.raw.problem_mark.line, parser.raw.context_mark.line) + 1;
            const std::string what = parser.raw.problem == nullptr ? "" : std::string(": ") + parser.raw.problem;
            return refuse({file, static_cast<unsigned>(line)}, "not valid YAML" + what);
        }
        XB_TRY_VOID(builder.take(event.raw));
        done = event.raw.type == YAML_STREAM_END_EVENT;
    }
    return builder.root();
}

} // namespace xbond::import
