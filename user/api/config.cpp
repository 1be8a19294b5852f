// SPDX-License-Identifier: MIT
// The config file (docs/control-protocol.md): everything is checked before anything is applied.
#include <algorithm>
#include <charconv>
#include <map>

#include "user/api/json_reader.h"
#include "user/api/port_words.h"
#include "user/api/protocol.h"
#include "user/core/bond/slave_options.h"
#include "user/core/options/option_table.h"
#include "xbond/abi.h"

namespace xbond::api {

using nlohmann::ordered_json;

namespace {

// Options may be written as string, number or true/false; the checks take what a command line would carry.
std::optional<std::string> option_text(const ordered_json &value) {
    if (value.is_string() && value.get_ref<const std::string &>().find('\0') == std::string::npos) {
        return value.get<std::string>();
    }
    if (value.is_number_integer()) {
        return value.dump();
    }
    if (value.is_boolean()) {
        return value.get<bool>() ? "1" : "0";
    }
    return std::nullopt;
}

class ConfigParser {
public:
    explicit ConfigParser(const ordered_json &root) : top_(root, "") {}

    Result<Config> parse() {
        config_.group = top_.text("group");
        if (const auto *bonds = top_.any("bonds")) {
            if (!bonds->is_object()) {
                top_.refuse("bonds", "expected an object {\"bond0\": {...}}, got " + shown(*bonds));
            } else {
                for (const auto &[name, value] : bonds->items()) {
                    bond(name, value);
                }
            }
        }
        check_names();
        XB_TRY_VOID(top_.finish("group, bonds"));
        return std::move(config_);
    }

private:
    void bond(const std::string &name, const ordered_json &value) {
        ObjectReader in(value, "bonds." + name);
        BondConfig out;
        out.name = name;
        if (auto ok = check_bond_name(name); !ok) {
            return top_.refuse("bonds", ok.error().message);
        }
        out.address = in.unicast_mac("address");
        out.mtu = in.mtu();
        out.up = in.boolean("up").value_or(true);
        slaves(in, out);
        ports(in, out);
        options(in, out);
        if (in.error()) {
            return top_.refuse_with(*in.error());
        }
        config_.bonds.push_back(std::move(out));
    }

    // What is left in a bond's object are options.
    static void options(ObjectReader &in, BondConfig &out) {
        for (const auto &key : in.untaken()) {
            if (key == "active_slave" || key == "clear_active_slave") {
                return in.refuse(key, "chooses a slave once and is no configuration; use primary");
            }
            const auto *value = in.any(key);
            const auto text = option_text(*value);
            if (!text) {
                return in.refuse(key, "expected a string, a whole number, true or false, got " + shown(*value));
            }
            out.options.push_back({key, *text});
        }
        out.options = core::in_apply_order(out.options);
        core::Options checked;
        for (const auto &option : out.options) {
            // A fresh bond, down and without slaves: whatever is refused here would be refused when it is applied.
            if (auto ok = core::set_option(checked, {}, option, nullptr); !ok) {
                return in.refuse(option.name, ok.error().message, ok.error().code);
            }
        }
    }

    static void slaves(ObjectReader &in, BondConfig &out) {
        const auto *list = in.any("slaves");
        if (!list) {
            return;
        }
        if (!list->is_array() || list->size() > XB_MAX_SLAVES) {
            return in.refuse("slaves", "expected a list of at most " + std::to_string(XB_MAX_SLAVES) + " slaves, got " +
                                           shown(*list));
        }
        std::map<std::string, std::string> queue_ids;
        for (std::size_t i = 0; i < list->size(); ++i) {
            const std::string key = "slaves[" + std::to_string(i) + "]";
            SlaveConfig slave;
            if (!read_slave(in, key, (*list)[i], slave)) {
                return;
            }
            for (const auto &[name, value] : slave.options) {
                if (name == "queue_id" && value != "0" && !queue_ids.emplace(value, slave.text()).second) {
                    return in.refuse(key, "queue_id " + value + " is already that of " + queue_ids[value]);
                }
            }
            out.slaves.push_back(std::move(slave));
        }
    }

    static bool read_slave(ObjectReader &in, const std::string &key, const ordered_json &value, SlaveConfig &out) {
        if (value.is_string()) {
            out.name = value.get<std::string>();
        } else {
            ObjectReader slave(value, in.path_of(key));
            read_identity(slave, out);
            for (const char *option : {"prio", "queue_id"}) {
                if (const auto *number = slave.any(option)) {
                    add_number(slave, *core::find_slave_option(option), *number, out);
                }
            }
            if (auto ok = slave.finish("name, mac, match, path, driver, prio, queue_id"); !ok) {
                in.refuse_with(ok.error());
                return false;
            }
        }
        if (out.name.empty() && value.is_object()) {
            return true;
        }
        if (auto ok = check_any_name(out.name); !ok) {
            in.refuse(key, ok.error().message);
            return false;
        }
        return true;
    }

    static void read_identity(ObjectReader &slave, SlaveConfig &out) {
        constexpr std::size_t longest = 256; // a path; names and drivers are shorter
        out.mac = slave.unicast_mac("mac");
        for (const auto &[key, to] : {std::pair("name", &out.name), std::pair("match", &out.match),
                                      std::pair("path", &out.path), std::pair("driver", &out.driver)}) {
            const auto text = slave.text(key);
            if (text && (text->empty() || text->size() > longest)) {
                return slave.refuse(key, "expected a text of 1 to 256 bytes");
            }
            *to = text.value_or("");
        }
        if (!out.names_one() && out.match.empty() && out.path.empty() && out.driver.empty()) {
            slave.require("name");
        }
    }

    static void add_number(ObjectReader &in, const core::SlaveOptionRow &row, const ordered_json &value,
                           SlaveConfig &out) {
        const auto text = option_text(value).value_or("");
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (value.is_boolean() || error != std::errc{} || end != text.data() + text.size() || number < row.first ||
            number > row.last) {
            return in.refuse(row.name, "expected a number " + std::string(row.values) + ", got " + shown(value));
        }
        out.options.push_back({std::string(row.name), std::to_string(number)});
    }

    static void ports(ObjectReader &in, BondConfig &out) {
        const auto *list = in.any("ports");
        if (!list) {
            return;
        }
        if (!list->is_array() || list->size() > XB_PORTS) {
            return in.refuse("ports",
                             "expected a list of at most " + std::to_string(XB_PORTS) + " ports, got " + shown(*list));
        }
        std::map<MacAddr, std::string> owner;
        auto &ports = out.ports.emplace();
        for (std::size_t i = 0; i < list->size(); ++i) {
            const std::string key = "ports[" + std::to_string(i) + "]";
            PortConfig port;
            if (!read_port(in, key, (*list)[i], port)) {
                return;
            }
            if (port.mac && (port.mac == out.address || !owner.emplace(*port.mac, port.name).second)) {
                return in.refuse(key, "mac " + port.mac->str() + " is already that of " +
                                          (port.mac == out.address ? "the bond" : owner[*port.mac]));
            }
            ports.push_back(std::move(port));
        }
    }

    static bool read_port(ObjectReader &in, const std::string &key, const ordered_json &value, PortConfig &out) {
        if (value.is_string()) {
            out.name = value.get<std::string>();
        } else {
            ObjectReader port(value, in.path_of(key));
            port.require("name");
            out = read_port_words(port);
            out.name = port.text("name").value_or("");
            if (auto ok = port.finish("name, mac, vlan, xdp"); !ok) {
                in.refuse_with(ok.error());
                return false;
            }
        }
        if (auto ok = check_any_name(out.name); !ok) {
            in.refuse(key, ok.error().message);
            return false;
        }
        return true;
    }

    // A device has one role: one bond, one bond's other end, slave or port of one bond.
    void check_names() {
        std::map<std::string, std::string> role;
        const auto take = [&](const std::string &name, const std::string &as) {
            if (const auto [other, fresh] = role.emplace(name, as); !fresh) {
                top_.refuse("bonds", name + " is " + as + " and also " + other->second);
            }
        };
        for (const auto &b : config_.bonds) {
            take(b.name, "a bond");
            take(b.name + "p", "the other end of " + b.name + "'s pair");
        }
        for (const auto &b : config_.bonds) {
            for (const auto &s : b.slaves) {
                if (s.names_one()) {
                    take(s.mac ? s.mac->str() : s.name, "a slave of " + b.name);
                }
            }
            for (const auto &p : b.ports.value_or(std::vector<PortConfig>())) {
                take(p.name, "a port of " + b.name);
            }
        }
    }

    ObjectReader top_;
    Config config_;
};

} // namespace

Result<Config> parse_config(std::string_view json_text, std::string_view file_name) {
    const auto in_file = [&](const Error &e) { return fail(e.code, std::string(file_name) + ": " + e.message); };
    const auto root = parse_json(json_text, config_limits);
    if (!root) {
        return in_file(root.error());
    }
    auto config = ConfigParser(*root).parse();
    if (!config) {
        return in_file(config.error());
    }
    return config;
}

} // namespace xbond::api
