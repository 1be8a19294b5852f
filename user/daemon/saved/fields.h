// SPDX-License-Identifier: MIT
// How a struct is kept as JSON: a row a member, in one list that serves both directions. A struct that has a member
// without a row does not compile. What is read was written by nobody knows whom: a value that does not fit its member
// is refused with the path of keys that leads to it, never cut.
//
//     template <> inline constexpr auto rows<Point> = std::tuple{field("x", &Point::x), field("y", &Point::y)};
//     const json j = write(point);
//     const auto point = read<Point>(j); // or throws
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "xbond/types.h"

namespace xbond::daemon::saved {

using json = nlohmann::json;

// ---- rows ----

template <typename Struct> inline constexpr auto rows = nullptr; // specialised for every struct that is saved
// As a list of the members' values in the order of the rows; the keys then serve messages only.
template <typename Struct> inline constexpr bool as_list = false;

template <typename Struct>
concept Saved = !std::same_as<decltype(rows<Struct>), const std::nullptr_t>;

template <typename Struct, typename Member, typename Form> struct Field {
    const char *key;
    Member Struct::*member;
    Form form; // how the value is written and read
};
struct ByType; // as its type is written everywhere
template <typename Struct, typename Member> constexpr auto field(const char *key, Member Struct::*member) {
    return Field<Struct, Member, ByType>{key, member, {}};
}
template <typename Struct, typename Member, typename Form>
constexpr auto field(const char *key, Member Struct::*member, Form form) {
    return Field<Struct, Member, Form>{key, member, form};
}

// The member's own rows, among those of the struct.
template <typename Struct, typename Member> struct Spread { Member Struct::*member; };
template <typename Struct, typename Member> constexpr auto spread(Member Struct::*member) {
    return Spread<Struct, Member>{member};
}

// Somebody else keeps it.
template <typename Struct, typename Member> struct Unsaved { Member Struct::*member; };
template <typename Struct, typename Member> constexpr auto unsaved(Member Struct::*member) {
    return Unsaved<Struct, Member>{member};
}

// What such a somebody adds to the struct's object, and takes from it.
template <typename Struct> struct Besides {
    static void write_into(json &, const Struct &) {}
    static void read_from(const json &, Struct &) {}
};

// ---- how many members a struct has ----

struct Anything {
    template <typename T> operator T() const;
};
struct AnyOptional { // std::optional<T> would take Anything in two ways
    template <typename T> operator std::optional<T>() const;
};

template <typename Struct, typename... Given> consteval std::size_t member_count() {
    if constexpr (requires { Struct{std::declval<Given>()..., std::declval<Anything>()}; }) {
        return member_count<Struct, Given..., Anything>();
    } else if constexpr (requires { Struct{std::declval<Given>()..., std::declval<AnyOptional>()}; }) {
        return member_count<Struct, Given..., AnyOptional>();
    } else {
        return sizeof...(Given);
    }
}

template <typename Struct> inline constexpr std::size_t row_count = std::tuple_size_v<decltype(rows<Struct>)>;

// ---- values by their type ----

// A value for a message: what is nested is only named, since it may be nested without end.
inline std::string describe(const json &j) { return j.is_structured() ? std::string("an ") + j.type_name() : j.dump(); }

[[noreturn]] inline void refuse(const char *expected, const json &j) {
    throw std::invalid_argument(std::string("not ") + expected + ": " + describe(j));
}

template <typename T> struct Codec;

template <typename T> json write(const T &value) { return Codec<T>::write(value); }
template <typename T> T read(const json &j) { return Codec<T>::read(j); }

struct ByType {
    template <typename T> json write(const T &value) const { return saved::write(value); }
    template <typename T> T read(const json &j) const { return saved::read<T>(j); }
};

template <> struct Codec<bool> {
    static json write(bool value) { return value; }
    static bool read(const json &j) {
        if (j.is_boolean()) {
            return j.get<bool>();
        }
        refuse("true or false", j);
    }
};

template <std::integral Number> struct Codec<Number> {
    static json write(Number value) { return value; }
    static Number read(const json &j) {
        if (j.is_number_unsigned() && std::in_range<Number>(j.get<std::uint64_t>())) {
            return static_cast<Number>(j.get<std::uint64_t>());
        }
        if (j.is_number_integer() && !j.is_number_unsigned() && std::in_range<Number>(j.get<std::int64_t>())) {
            return static_cast<Number>(j.get<std::int64_t>());
        }
        refuse("a number in range", j);
    }
};

template <> struct Codec<std::string> {
    static json write(const std::string &value) { return value; }
    static std::string read(const json &j) {
        if (j.is_string()) {
            return j.get<std::string>();
        }
        refuse("text", j);
    }
};

template <> struct Codec<Time> { // nanoseconds
    static json write(Time value) { return value.count(); }
    static Time read(const json &j) { return Time(saved::read<std::int64_t>(j)); }
};

template <> struct Codec<MacAddr> {
    static json write(const MacAddr &value) { return value.str(); }
    static MacAddr read(const json &j) {
        if (const auto mac = MacAddr::parse(saved::read<std::string>(j))) {
            return *mac;
        }
        refuse("a MAC address", j);
    }
};

template <typename T> struct Codec<std::optional<T>> {
    static json write(const std::optional<T> &value) { return value ? saved::write(*value) : json(); }
    static std::optional<T> read(const json &j) {
        return j.is_null() ? std::nullopt : std::optional<T>(saved::read<T>(j));
    }
};

template <typename T> struct Codec<std::vector<T>> {
    static json write(const std::vector<T> &values) {
        json list = json::array();
        for (const auto &value : values) {
            list.push_back(saved::write(value));
        }
        return list;
    }
    static std::vector<T> read(const json &j) {
        if (!j.is_array()) {
            refuse("a list", j);
        }
        std::vector<T> values;
        for (const auto &value : j) {
            values.push_back(saved::read<T>(value));
        }
        return values;
    }
};

// A list of just so many values.
inline const json &list_of(std::size_t size, const json &j) {
    if (!j.is_array() || j.size() != size) {
        throw std::invalid_argument("not a list of " + std::to_string(size) + " values: " + describe(j));
    }
    return j;
}

template <typename T, std::size_t size> struct Codec<std::array<T, size>> {
    static json write(const std::array<T, size> &values) {
        json list = json::array();
        for (const auto &value : values) {
            list.push_back(saved::write(value));
        }
        return list;
    }
    static std::array<T, size> read(const json &j) {
        std::array<T, size> values{};
        for (std::size_t i = 0; i < list_of(size, j).size(); ++i) {
            values.at(i) = saved::read<T>(j.at(i));
        }
        return values;
    }
};

template <typename First, typename Second> struct Codec<std::pair<First, Second>> {
    static json write(const std::pair<First, Second> &value) {
        return json::array({saved::write(value.first), saved::write(value.second)});
    }
    static std::pair<First, Second> read(const json &j) {
        return {saved::read<First>(list_of(2, j).at(0)), saved::read<Second>(j.at(1))};
    }
};

// ---- other forms, for the third argument of field() ----

// A number up to that of the last word of the enum.
template <typename Enum> struct UpTo {
    Enum last;
    json write(Enum value) const { return static_cast<std::underlying_type_t<Enum>>(value); }
    template <typename> Enum read(const json &j) const {
        const auto value = static_cast<Enum>(saved::read<std::underlying_type_t<Enum>>(j));
        if (value <= last) {
            return value;
        }
        refuse("a number in range", j);
    }
};
template <typename Enum> constexpr UpTo<Enum> up_to(Enum last) { return {last}; }

struct Slot {
    bool may_be_none;
    json write(SlotId slot) const { return slot; }
    template <typename> SlotId read(const json &j) const {
        const auto slot = saved::read<SlotId>(j);
        if (slot < XB_MAX_SLAVES || (may_be_none && slot == no_slot)) {
            return slot;
        }
        refuse("a slot", j);
    }
};
inline constexpr Slot a_slot{false}, slot_or_none{true};

struct AsBytes { // a MAC address as its six numbers
    json write(const MacAddr &mac) const { return saved::write(mac.bytes); }
    template <typename> MacAddr read(const json &j) const { return {saved::read<decltype(MacAddr::bytes)>(j)}; }
};
inline constexpr AsBytes as_bytes;

// ---- structs by their rows ----

template <Saved Struct> struct Codec<Struct> {
    static_assert(row_count<Struct> == member_count<Struct>(),
                  "every member of a struct that is saved has one row: field(), spread() or unsaved()");

    static json write(const Struct &object) {
        json j = as_list<Struct> ? json::array() : json::object();
        write_into(j, object);
        return j;
    }
    static Struct read(const json &j) {
        if (as_list<Struct>) {
            (void)list_of(row_count<Struct>, j);
        } else if (!j.is_object()) {
            refuse("an object", j);
        }
        Struct object;
        read_from(j, object);
        return object;
    }

    static void write_into(json &j, const Struct &object) {
        std::apply([&](const auto &...row) { (write_row(j, row, object), ...); }, rows<Struct>);
        Besides<Struct>::write_into(j, object);
    }
    static void read_from(const json &j, Struct &object) {
        std::size_t place = 0;
        std::apply([&](const auto &...row) { (read_row(j, place++, row, object), ...); }, rows<Struct>);
        Besides<Struct>::read_from(j, object);
    }

private:
    template <typename Member, typename Form>
    static void write_row(json &j, const Field<Struct, Member, Form> &row, const Struct &object) {
        auto value = row.form.write(object.*row.member);
        if constexpr (as_list<Struct>) {
            j.push_back(std::move(value));
        } else {
            j[row.key] = std::move(value);
        }
    }
    template <typename Member> static void write_row(json &j, const Spread<Struct, Member> &row, const Struct &object) {
        Codec<Member>::write_into(j, object.*row.member);
    }
    template <typename Member> static void write_row(json &, const Unsaved<Struct, Member> &, const Struct &) {}

    template <typename Member, typename Form>
    static void read_row(const json &j, std::size_t place, const Field<Struct, Member, Form> &row, Struct &object) {
        try {
            if (!as_list<Struct> && !j.contains(row.key)) {
                throw std::invalid_argument("missing");
            }
            object.*row.member = row.form.template read<Member>(as_list<Struct> ? j.at(place) : j.at(row.key));
        } catch (const std::exception &e) {
            throw std::invalid_argument(std::string(row.key) + ": " + e.what());
        }
    }
    template <typename Member>
    static void read_row(const json &j, std::size_t, const Spread<Struct, Member> &row, Struct &object) {
        Codec<Member>::read_from(j, object.*row.member);
    }
    template <typename Member>
    static void read_row(const json &, std::size_t, const Unsaved<Struct, Member> &, Struct &) {}
};

} // namespace xbond::daemon::saved
