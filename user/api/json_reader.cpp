// SPDX-License-Identifier: MIT
#include "user/api/json_reader.h"

#include <algorithm>

#include "user/api/protocol.h"

namespace xbond::api {

using nlohmann::ordered_json;

namespace {

constexpr int max_depth = 8; // the deepest legal input, a slave's options in a config file, has 5
constexpr std::size_t max_shown = 40;

struct Refusal { // leaves the JSON parser from its callback
    std::string reason;
};

std::string position(std::string_view text, std::size_t byte) {
    const std::string_view before = text.substr(0, std::min(byte == 0 ? 0 : byte - 1, text.size()));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto start = before.rfind('\n');
    const auto column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

// Refuses what the parser itself would accept: depth, and keys given twice (the last would win silently).
class Guard {
public:
    explicit Guard(const JsonLimits &limits) : limits_(limits) {}

    bool operator()(int depth, ordered_json::parse_event_t event, ordered_json &value) {
        using Event = ordered_json::parse_event_t;
        if (event == Event::object_start || event == Event::array_start) {
            if (depth >= max_depth) {
                throw Refusal{"nested deeper than " + std::to_string(max_depth) + " levels"};
            }
        }
        if (event != Event::object_end && event != Event::array_end && ++values_ > limits_.values) {
            throw Refusal{"more than " + std::to_string(limits_.values) + " values"};
        }
        if (event == Event::object_start) {
            keys_.emplace_back();
        } else if (event == Event::object_end) {
            keys_.pop_back();
        } else if (event == Event::key && !keys_.back().insert(value.get<std::string>()).second) {
            throw Refusal{"key " + shown(value) + " is given twice"};
        } else if (event == Event::key && keys_.back().size() > limits_.keys) {
            throw Refusal{"more than " + std::to_string(limits_.keys) + " keys in one object"};
        }
        return true;
    }

private:
    JsonLimits limits_;
    std::size_t values_ = 0;
    std::vector<std::set<std::string>> keys_;
};

// As much of it as can be shown: to write all of a long text takes longer than to read it.
ordered_json beginning(const ordered_json &value) {
    if (value.is_string()) {
        return value.get_ref<const std::string &>().substr(0, max_shown + 1);
    }
    if (!value.is_structured()) {
        return value;
    }
    ordered_json some = value.is_array() ? ordered_json::array() : ordered_json::object();
    for (auto item = value.begin(); item != value.end() && some.size() <= max_shown; ++item) {
        if (value.is_array()) {
            some.push_back(beginning(*item));
        } else {
            some.emplace(item.key().substr(0, max_shown + 1), beginning(item.value()));
        }
    }
    return some;
}

} // namespace

std::string shown(const ordered_json &whole) {
    const ordered_json value = beginning(whole);
    std::string text = value.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
    return text.size() <= max_shown ? text : text.substr(0, max_shown) + "...";
}

Result<ordered_json> parse_json(std::string_view text, const JsonLimits &limits) {
    Guard guard(limits);
    try {
        return ordered_json::parse(text.begin(), text.end(),
                                   [&guard](int depth, ordered_json::parse_event_t event, ordered_json &value) {
                                       return guard(depth, event, value);
                                   });
    } catch (const ordered_json::parse_error &e) {
        return fail(EINVAL, "not valid JSON at " + position(text, e.byte));
    } catch (const ordered_json::exception &) { // a number that no double holds
        return fail(EINVAL, "not valid JSON: a number is out of range");
    } catch (const Refusal &r) {
        return fail(EINVAL, r.reason);
    }
}

ObjectReader::ObjectReader(const ordered_json &object, std::string path) : object_(object), path_(std::move(path)) {
    if (!object_.is_object()) {
        error_ =
            Error{EINVAL, (path_.empty() ? "" : path_ + ": ") + "expected a JSON object {...}, got " + shown(object_)};
    }
}

std::string ObjectReader::path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void ObjectReader::refuse(std::string_view key, const std::string &reason, int code) {
    refuse_with(Error{code, path_of(key) + ": " + reason});
}

void ObjectReader::refuse_with(Error e) {
    if (!error_) {
        error_ = std::move(e);
    }
}

bool ObjectReader::has(std::string_view key) const { return object_.is_object() && object_.contains(key); }

const ordered_json *ObjectReader::any(std::string_view key) {
    if (error_ || !has(key)) {
        return nullptr;
    }
    taken_.emplace(key);
    return &object_.at(std::string(key));
}

std::optional<std::string> ObjectReader::text(std::string_view key) {
    const auto *value = any(key);
    if (!value) {
        return std::nullopt;
    }
    if (!value->is_string() || value->get_ref<const std::string &>().find('\0') != std::string::npos) {
        refuse(key, "expected a string, got " + shown(*value));
        return std::nullopt;
    }
    return value->get<std::string>();
}

std::optional<bool> ObjectReader::boolean(std::string_view key) {
    const auto *value = any(key);
    if (value && !value->is_boolean()) {
        refuse(key, "expected true or false, got " + shown(*value));
        return std::nullopt;
    }
    return value ? std::optional(value->get<bool>()) : std::nullopt;
}

std::optional<std::uint32_t> ObjectReader::number(std::string_view key, std::uint32_t min, std::uint32_t max) {
    const auto *value = any(key);
    if (!value) {
        return std::nullopt;
    }
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() < min || value->get<std::uint64_t>() > max) {
        refuse(key, "expected a number " + std::to_string(min) + ".." + std::to_string(max) + ", got " + shown(*value));
        return std::nullopt;
    }
    return value->get<std::uint32_t>();
}

std::optional<std::string> ObjectReader::ifname(std::string_view key) {
    auto name = text(key);
    if (name) {
        if (auto ok = name->empty() ? check_ifname(*name) : check_any_name(*name); !ok) {
            refuse(key, ok.error().message);
            return std::nullopt;
        }
    }
    return name;
}

std::optional<MacAddr> ObjectReader::unicast_mac(std::string_view key) {
    const auto value = text(key);
    if (!value) {
        return std::nullopt;
    }
    const auto mac = MacAddr::parse(*value);
    if (!mac) {
        refuse(key, "expected a MAC address aa:bb:cc:dd:ee:ff, got " + shown(*value));
    } else if (!mac->is_valid_unicast()) {
        refuse(key, *value + " is no unicast address", EADDRNOTAVAIL);
    }
    return error_ ? std::nullopt : mac;
}

std::optional<std::uint32_t> ObjectReader::mtu() { return number("mtu", 68, 65535); }

void ObjectReader::require(std::string_view key) {
    if (!has(key)) {
        refuse(key, "missing");
    }
}

std::vector<std::string> ObjectReader::untaken() const {
    std::vector<std::string> keys;
    if (!error_) {
        for (const auto &[key, value] : object_.items()) {
            if (!taken_.contains(key)) {
                keys.push_back(key);
            }
        }
    }
    return keys;
}

Result<void> ObjectReader::finish(std::string_view what_is_known) {
    if (const auto left = untaken(); !left.empty()) {
        refuse_with(Error{EINVAL, (path_.empty() ? "" : path_ + ": ") + "unknown key " + shown(left.front()) +
                                      "; known here: " + std::string(what_is_known)});
    }
    if (error_) {
        return tl::unexpected(*error_);
    }
    return {};
}

} // namespace xbond::api
