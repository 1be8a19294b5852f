// SPDX-License-Identifier: MIT
// Strict reading of JSON that somebody else wrote: requests and config files. Nothing here throws. Heavy header: for
// .cpp files.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "user/core/options/options.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::api {

// Bounds of one text. Objects are searched from their beginning, so that reading one costs the square of its keys.
struct JsonLimits {
    std::size_t keys;   // of one object
    std::size_t values; // in all
};
inline constexpr JsonLimits request_limits{64, 2048};    // the largest legal request has some 600 values
inline constexpr JsonLimits config_limits{4096, 262144}; // bonds of a file; only who may write gets that far

// Parses one JSON text. Duplicate keys, invalid UTF-8, numbers beyond a double, nesting deeper than 8 and what is over
// the limits are errors; syntax errors tell line and column.
Result<nlohmann::ordered_json> parse_json(std::string_view text, const JsonLimits &limits);

// The members of one object, each taken by name and type. The first error is kept and everything after it answers
// empty, so that a caller reads all members and asks once, in `finish`, which also refuses members nobody took.
class ObjectReader {
public:
    // `path` names the object in messages: "" for the top, "bonds.bond0" below it.
    ObjectReader(const nlohmann::ordered_json &object, std::string path);

    bool has(std::string_view key) const;
    const nlohmann::ordered_json *any(std::string_view key); // null when absent
    std::optional<std::string> text(std::string_view key);   // without NUL bytes
    std::optional<bool> boolean(std::string_view key);
    std::optional<std::uint32_t> number(std::string_view key, std::uint32_t min, std::uint32_t max);
    std::optional<std::string> ifname(std::string_view key);
    std::optional<MacAddr> unicast_mac(std::string_view key);
    std::optional<std::uint32_t> mtu();
    void require(std::string_view key); // an error when absent

    void refuse(std::string_view key, const std::string &reason, int code = EINVAL);
    void refuse_with(Error);
    std::vector<std::string> untaken() const; // members not taken yet, in file order
    std::string path_of(std::string_view key) const;

    const std::optional<Error> &error() const { return error_; }
    Result<void> finish(std::string_view what_is_known);

private:
    const nlohmann::ordered_json &object_;
    std::string path_;
    std::set<std::string, std::less<>> taken_;
    std::optional<Error> error_;
};

// How a value looks in a message: its JSON text, cut to something readable.
std::string shown(const nlohmann::ordered_json &value);

} // namespace xbond::api
