// SPDX-License-Identifier: MIT
#include "user/api/protocol.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "user/api/device_words.h"
#include "user/api/json_reader.h"
#include "user/api/port_words.h"
#include "user/core/options/keywords.h"
#include "user/core/wire/hex.h"

namespace xbond::api {

using nlohmann::ordered_json;

namespace {

constexpr std::size_t max_ifname = 15, max_bond_name = 14; // IFNAMSIZ without its NUL; room for the pair's "p"
constexpr std::size_t max_altname = 127;
constexpr std::size_t max_options = 256;
constexpr std::size_t max_path = 4096;
constexpr std::string_view denied_reason = " may only read: changes need root or the group of the config file";

// ---- reading ----

void read_options(ObjectReader &in, std::string_view key, std::vector<core::OptionValue> &out) {
    const auto *list = in.any(key);
    if (!list) {
        return;
    }
    if (!list->is_array() || list->size() > max_options) {
        return in.refuse(key, "expected a list of [name, value] pairs, got " + shown(*list));
    }
    for (const auto &pair : *list) {
        if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
            return in.refuse(key, "expected a [name, value] pair of strings, got " + shown(pair));
        }
        out.push_back({pair[0].get<std::string>(), pair[1].get<std::string>()});
        if ((out.back().name + out.back().value).find('\0') != std::string::npos) {
            return in.refuse(key, "NUL byte in " + shown(pair));
        }
    }
}

std::string required_ifname(ObjectReader &in, std::string_view key) {
    in.require(key);
    return in.ifname(key).value_or("");
}

std::optional<std::string> master_of(ObjectReader &in) {
    auto master = in.text("master");
    if (master && !master->empty()) {
        if (auto ok = check_any_name(*master); !ok) {
            in.refuse("master", ok.error().message);
        }
    }
    return master;
}

void read_device_words(ObjectReader &in, std::vector<core::OptionValue> &out) {
    read_options(in, "device", out);
    for (const auto &word : out) {
        if (auto ok = check_device_word(word); !ok) {
            in.refuse("device", ok.error().message);
        }
    }
}

LinkAdd read_link_add(ObjectReader &in) {
    LinkAdd out;
    out.name = required_ifname(in, "name");
    if (auto ok = check_bond_name(out.name); !ok) {
        in.refuse("name", ok.error().message);
    }
    read_options(in, "options", out.options);
    out.address = in.unicast_mac("address");
    out.mtu = in.mtu();
    out.master = master_of(in);
    out.up = in.boolean("up");
    read_device_words(in, out.device);
    out.netns = in.text("netns");
    return out;
}

LinkDel read_link_del(ObjectReader &in) {
    LinkDel out{required_ifname(in, "name")};
    if (auto ok = check_ifname(out.name); !out.name.empty() && !ok) {
        in.refuse("name", ok.error().message);
    }
    return out;
}

LinkSet read_link_set(ObjectReader &in) {
    LinkSet out;
    out.name = required_ifname(in, "name");
    read_options(in, "options", out.options);
    read_options(in, "slave_options", out.slave_options);
    out.master = master_of(in);
    out.up = in.boolean("up");
    out.address = in.unicast_mac("address");
    out.mtu = in.mtu();
    out.new_name = in.ifname("new_name");
    read_device_words(in, out.device);
    out.netns = in.text("netns");
    return out;
}

LinkShow read_link_show(ObjectReader &in) {
    LinkShow out;
    out.name = in.ifname("name");
    out.details = in.boolean("details").value_or(false);
    out.statistics = in.boolean("statistics").value_or(false);
    return out;
}

Explain read_explain(ObjectReader &in) {
    Explain out;
    out.name = required_ifname(in, "name");
    in.require("frame");
    auto frame = wire::parse_hex(in.text("frame").value_or(""));
    if (!frame) {
        in.refuse("frame", frame.error().message);
    } else {
        out.frame = std::move(*frame);
    }
    out.vlan_tci = static_cast<std::uint16_t>(in.number("vlan_tci", 0, 65535).value_or(0));
    return out;
}

Apply read_apply(ObjectReader &in) {
    Apply out;
    in.require("config");
    out.config_json = in.text("config").value_or("");
    out.dry_run = in.boolean("dry_run").value_or(false);
    return out;
}

Lacp read_lacp(ObjectReader &in) {
    Lacp out;
    out.name = required_ifname(in, "name");
    out.history = in.boolean("history").value_or(false);
    out.slave = in.ifname("slave");
    return out;
}

XdpAttach read_xdp_attach(ObjectReader &in) {
    XdpAttach out;
    out.name = required_ifname(in, "name");
    for (auto [key, place] : {std::pair{"file", &out.file}, {"program", &out.program}, {"pin", &out.pin}}) {
        *place = in.text(key).value_or("");
        if (place->size() > max_path) {
            in.refuse(key, "longer than " + std::to_string(max_path) + " bytes");
        }
    }
    if (!out.pin.empty() && !out.pin.starts_with('/')) {
        in.refuse("pin", "expected an absolute path, got " + shown(out.pin));
    }
    out.frags = in.boolean("frags").value_or(false);
    return out;
}

PortAdd read_port_add(ObjectReader &in) {
    PortAdd out;
    out.name = required_ifname(in, "name");
    out.port = required_ifname(in, "port");
    const auto words = read_port_words(in);
    out.mac = words.mac;
    out.vlan = words.vlan;
    out.xdp = words.xdp;
    return out;
}

PortDel read_port_del(ObjectReader &in) {
    PortDel out;
    out.name = required_ifname(in, "name");
    out.port = required_ifname(in, "port");
    return out;
}

StateOpen read_state_open(ObjectReader &in) {
    StateOpen out;
    out.name = required_ifname(in, "name");
    out.sockets = in.boolean("sockets").value_or(false);
    return out;
}

struct Command {
    std::string_view name;
    std::string_view keys; // besides v and cmd, for messages
    Request (*read)(ObjectReader &);
};

// In the order of the alternatives of Request.
constexpr std::array<Command, std::variant_size_v<Request>> commands{{
    {"link.add", "name, options, address, mtu, master, up, device",
     [](ObjectReader &in) -> Request { return read_link_add(in); }},
    {"link.del", "name", [](ObjectReader &in) -> Request { return read_link_del(in); }},
    {"link.set", "name, options, slave_options, master, up, address, mtu, new_name, device",
     [](ObjectReader &in) -> Request { return read_link_set(in); }},
    {"status", "name", [](ObjectReader &in) -> Request { return Status{in.ifname("name")}; }},
    {"link.show", "name, details, statistics", [](ObjectReader &in) -> Request { return read_link_show(in); }},
    {"proc", "name", [](ObjectReader &in) -> Request { return Proc{required_ifname(in, "name")}; }},
    {"monitor", "none", [](ObjectReader &) -> Request { return Watch{}; }},
    {"explain", "name, frame, vlan_tci", [](ObjectReader &in) -> Request { return read_explain(in); }},
    {"apply", "config, dry_run", [](ObjectReader &in) -> Request { return read_apply(in); }},
    {"lacp", "name, history, slave", [](ObjectReader &in) -> Request { return read_lacp(in); }},
    {"state.open", "name, sockets", [](ObjectReader &in) -> Request { return read_state_open(in); }},
    {"xdp.attach", "name, file, program, pin, frags", [](ObjectReader &in) -> Request { return read_xdp_attach(in); }},
    {"xdp.detach", "name", [](ObjectReader &in) -> Request { return XdpDetach{required_ifname(in, "name")}; }},
    {"port.add", "name, port, mac, vlan, xdp", [](ObjectReader &in) -> Request { return read_port_add(in); }},
    {"port.del", "name, port", [](ObjectReader &in) -> Request { return read_port_del(in); }},
}};

std::string command_list() {
    std::string out;
    for (const auto &c : commands) {
        out += (out.empty() ? "" : ", ") + std::string(c.name);
    }
    return out;
}

// ---- writing ----

ordered_json pairs(const std::vector<core::OptionValue> &options) {
    auto out = ordered_json::array();
    for (const auto &o : options) {
        out.push_back({o.name, o.value});
    }
    return out;
}

template <typename T> void put(ordered_json &out, const char *key, const std::optional<T> &value) {
    if (value) {
        out[key] = *value;
    }
}

void put_mac(ordered_json &out, const std::optional<MacAddr> &mac) {
    if (mac) {
        out["address"] = mac->str();
    }
}

void put_words(ordered_json &out, const std::vector<core::OptionValue> &words) {
    if (!words.empty()) {
        out["device"] = pairs(words);
    }
}

struct Writer {
    ordered_json &out;

    void operator()(const LinkAdd &r) const {
        out["name"] = r.name;
        out["options"] = pairs(r.options);
        put_mac(out, r.address);
        put(out, "mtu", r.mtu);
        put(out, "master", r.master);
        put(out, "up", r.up);
        put_words(out, r.device);
        put(out, "netns", r.netns);
    }
    void operator()(const LinkDel &r) const { out["name"] = r.name; }
    void operator()(const LinkSet &r) const {
        out["name"] = r.name;
        out["options"] = pairs(r.options);
        out["slave_options"] = pairs(r.slave_options);
        put(out, "master", r.master);
        put(out, "up", r.up);
        put_mac(out, r.address);
        put(out, "mtu", r.mtu);
        put(out, "new_name", r.new_name);
        put_words(out, r.device);
        put(out, "netns", r.netns);
    }
    void operator()(const Status &r) const { put(out, "name", r.name); }
    void operator()(const LinkShow &r) const {
        put(out, "name", r.name);
        out["details"] = r.details;
        out["statistics"] = r.statistics;
    }
    void operator()(const Proc &r) const { out["name"] = r.name; }
    void operator()(const Watch &) const {}
    void operator()(const Explain &r) const {
        out["name"] = r.name;
        out["frame"] = wire::to_hex(r.frame);
        out["vlan_tci"] = r.vlan_tci;
    }
    void operator()(const Apply &r) const {
        out["config"] = r.config_json;
        out["dry_run"] = r.dry_run;
    }
    void operator()(const Lacp &r) const {
        out["name"] = r.name;
        out["history"] = r.history;
        put(out, "slave", r.slave);
    }
    void operator()(const StateOpen &r) const {
        out["name"] = r.name;
        out["sockets"] = r.sockets;
    }
    void operator()(const XdpAttach &r) const {
        out["name"] = r.name;
        out["file"] = r.file;
        out["program"] = r.program;
        out["pin"] = r.pin;
        out["frags"] = r.frags;
    }
    void operator()(const XdpDetach &r) const { out["name"] = r.name; }
    void operator()(const PortAdd &r) const {
        out["name"] = r.name;
        out["port"] = r.port;
        if (r.mac) {
            out["mac"] = r.mac->str();
        }
        put(out, "vlan", r.vlan);
        out["xdp"] = core::name(r.xdp);
    }
    void operator()(const PortDel &r) const {
        out["name"] = r.name;
        out["port"] = r.port;
    }
};

std::string line(const ordered_json &object) {
    // Non-ASCII is escaped and bad UTF-8 (an interface name, an argument) replaced: the line is always valid JSON.
    return object.dump(-1, ' ', true, ordered_json::error_handler_t::replace) + "\n";
}

} // namespace

bool is_write(const Request &request) {
    return std::holds_alternative<LinkAdd>(request) || std::holds_alternative<LinkDel>(request) ||
           std::holds_alternative<LinkSet>(request) || std::holds_alternative<Apply>(request) ||
           std::holds_alternative<XdpAttach>(request) || std::holds_alternative<XdpDetach>(request) ||
           std::holds_alternative<PortAdd>(request) || std::holds_alternative<PortDel>(request);
}

namespace {

const std::optional<std::string> *netns_of(const Request &request) {
    const auto *add = std::get_if<LinkAdd>(&request);
    const auto *set = std::get_if<LinkSet>(&request);
    return add != nullptr ? &add->netns : set != nullptr ? &set->netns : nullptr;
}

} // namespace

Beside beside(const Request &request) {
    if (const auto *netns = netns_of(request); netns != nullptr && *netns && !(**netns).empty()) {
        return Beside::netns;
    }
    return std::holds_alternative<XdpAttach>(request) ? Beside::program : Beside::nothing;
}

bool needs_root(const Request &request) {
    const auto *netns = netns_of(request);
    return netns != nullptr && netns->has_value();
}

std::string_view command(const Request &request) { return commands[request.index()].name; }

Result<Request> parse_request(std::string_view text) {
    if (text.size() > max_request_bytes) {
        return fail(EMSGSIZE, "a request of " + std::to_string(text.size()) + " bytes; at most " +
                                  std::to_string(max_request_bytes) + " are taken");
    }
    const auto object = parse_json(text, request_limits);
    if (!object) {
        return fail(object.error().code, "request: " + object.error().message);
    }
    ObjectReader in(*object, "");
    in.require("v");
    in.require("cmd");
    if (const auto v = in.number("v", 0, UINT32_MAX); v && *v != protocol_version) {
        in.refuse("v", "version " + std::to_string(*v) + " is not spoken here; expected " +
                           std::to_string(protocol_version));
    }
    const auto name = in.text("cmd");
    if (in.error()) {
        return tl::unexpected(*in.error());
    }
    const auto *found = std::find_if(commands.begin(), commands.end(), [&](const auto &c) { return c.name == *name; });
    if (found == commands.end()) {
        return fail(EINVAL, "cmd: unknown command " + shown(*name) + "; known: " + command_list());
    }
    Request request = found->read(in);
    if (auto ok = in.finish("v, cmd; " + std::string(found->keys)); !ok) {
        return fail(ok.error().code, std::string(found->name) + ": " + ok.error().message);
    }
    return request;
}

std::string encode_request(const Request &request) {
    ordered_json out{{"v", protocol_version}, {"cmd", command(request)}};
    std::visit(Writer{out}, request);
    return line(out);
}

std::string encode_ok(const ordered_json &result) { return line({{"ok", true}, {"result", result}}); }

std::string encode_error(const Error &error) {
    const char *name = ::strerrorname_np(error.code);
    return line(
        {{"ok", false}, {"error", {{"errno", error.code}, {"name", name ? name : "?"}, {"message", error.message}}}});
}

Result<ordered_json> parse_reply(std::string_view text) {
    ordered_json reply = ordered_json::parse(text.begin(), text.end(), nullptr, false);
    if (!reply.is_object() || !reply.contains("ok") || !reply["ok"].is_boolean()) {
        return fail(EPROTO, "the daemon's answer is no reply: " + shown(std::string(text.substr(0, 80))));
    }
    if (reply["ok"].get<bool>()) {
        return reply.contains("result") ? reply["result"] : ordered_json();
    }
    const auto error = reply.find("error");
    if (error == reply.end() || !error->is_object() || !error->contains("errno") || !error->contains("message") ||
        !(*error)["errno"].is_number_integer() || !(*error)["message"].is_string()) {
        return fail(EPROTO, "the daemon's answer carries no error: " + shown(reply));
    }
    return fail((*error)["errno"].get<int>(), (*error)["message"].get<std::string>());
}

Error denied(std::uint32_t uid) { return {EPERM, "uid " + std::to_string(uid) + std::string(denied_reason)}; }

bool is_denied(const Error &error) { return error.code == EPERM && error.message.ends_with(denied_reason); }

namespace {

Result<void> check_name(std::string_view name, std::size_t longest) {
    const auto forbidden = [](unsigned char c) { return c == '/' || c == ':' || c <= ' ' || c == 0x7f; };
    if (name.empty() || name.size() > longest) {
        return fail(EINVAL,
                    "an interface name has 1.." + std::to_string(longest) + " bytes, got " + shown(std::string(name)));
    }
    if (name == "." || name == ".." || std::any_of(name.begin(), name.end(), forbidden)) {
        return fail(EINVAL, shown(std::string(name)) + " is no interface name: no '/', ':' or blank, not . or ..");
    }
    return {};
}

} // namespace

Result<void> check_ifname(std::string_view name) { return check_name(name, max_ifname); }

Result<void> check_any_name(std::string_view name) { return check_name(name, max_altname); }

Result<void> check_bond_name(std::string_view name) {
    XB_TRY_VOID(check_ifname(name));
    if (name.size() > max_bond_name) {
        return fail(EINVAL, "a bond's name has at most " + std::to_string(max_bond_name) +
                                " bytes (the pair's other end is called " + std::string(name) + "p)");
    }
    if (name.find('.') != std::string_view::npos) {
        return fail(EINVAL, "a bond's name has no dot, got '" + std::string(name) +
                                "': its pins are named after it, and the bpf file system refuses dots");
    }
    return {};
}

} // namespace xbond::api
