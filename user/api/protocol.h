// SPDX-License-Identifier: MIT
// The control protocol: one JSON object per line over a unix stream socket, a request and its reply
// (docs/control-protocol.md).
//   {"v":1,"cmd":"link.add","name":"bond0","options":[["mode","1"],["miimon","50"]],"address":"…","mtu":9000}
//   {"ok":true,"result":…}   {"ok":false,"error":{"errno":13,"name":"EACCES","message":"…"}}
// `monitor` keeps the connection and sends one event object per line.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "user/core/options/options.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::api {

inline constexpr int protocol_version = 1;
inline constexpr std::size_t max_request_bytes = 1 << 20;

struct LinkAdd { // a bond
    std::string name;
    std::vector<core::OptionValue> options;
    std::optional<MacAddr> address;
    std::optional<std::uint32_t> mtu;
    std::optional<std::string> master{}; // of the bond: a bridge, a VRF
    std::optional<bool> up{};
    std::vector<core::OptionValue> device{}; // device_words.h
    std::optional<std::string> netns{};      // as LinkSet's
};
struct LinkDel {
    std::string name;
};
struct LinkSet { // any mix; options are the bond's, slave_options a slave's
    std::string name;
    std::vector<core::OptionValue> options;
    std::vector<core::OptionValue> slave_options;
    std::optional<std::string> master; // "" = nomaster
    std::optional<bool> up;
    std::optional<MacAddr> address;
    std::optional<std::uint32_t> mtu;
    std::optional<std::string> new_name{};
    std::vector<core::OptionValue> device{}; // device_words.h
    // The network namespace for a bond's device, as people call it; its descriptor comes beside the request
    // (SCM_RIGHTS). "" = home, without a descriptor.
    std::optional<std::string> netns{};
};
struct Status {
    std::optional<std::string> name;
}; // the snapshot as status JSON
struct LinkShow {
    std::optional<std::string> name;
    bool details = false, statistics = false;
}; // iproute2 JSON
struct Proc {
    std::string name;
}; // text
struct Watch {};
struct Explain {
    std::string name;
    std::vector<std::uint8_t> frame;
    std::uint16_t vlan_tci = 0;
};
struct Lacp { // mode 802.3ad: its state, or the last frames of each slave or of one
    std::string name;
    bool history = false;
    std::optional<std::string> slave;
};
struct StateOpen { // a bond's xb_view, and news of it on this connection
    std::string name;
    bool sockets = false; // and the maps of AF_XDP sockets that rules give the client
};
struct Apply {
    std::string config_json;
    bool dry_run = false;
};
// Somebody's XDP program on the slaves of a bond; its descriptor comes beside the request (SCM_RIGHTS). File, program
// and pin are what people are shown; the maps pinned in `pin` go with the program.
struct XdpAttach {
    std::string name;
    std::string file, program, pin;
    bool frags = false; // takes frames in fragments
};
struct XdpDetach {
    std::string name;
};
// A device whose frames go through a bond, and the end of that.
struct PortAdd {
    std::string name, port;
    std::optional<MacAddr> mac{};        // the only address behind it
    std::optional<std::uint16_t> vlan{}; // of its untagged frames
    XdpPolicy xdp = XdpPolicy::automatic;
};
struct PortDel {
    std::string name, port;
};
using Request = std::variant<LinkAdd, LinkDel, LinkSet, Status, LinkShow, Proc, Watch, Explain, Apply, Lacp, StateOpen,
                             XdpAttach, XdpDetach, PortAdd, PortDel>;

bool is_write(const Request &);            // needs root or the daemon's group
std::string_view command(const Request &); // "link.add", ...
// What comes beside a request; a network namespace is root's alone to give.
enum class Beside { nothing, program, netns };
Beside beside(const Request &);
bool needs_root(const Request &);

// Strict: unknown command or key, wrong type, missing key: EINVAL with the name. Never throws.
Result<Request> parse_request(std::string_view line);
std::string encode_request(const Request &); // one line, no newline inside, "\n" at the end
std::string encode_ok(const nlohmann::ordered_json &result);
std::string encode_error(const Error &);
// The result, or the error it carries. Ordered: what the daemon rendered keeps its order.
Result<nlohmann::ordered_json> parse_reply(std::string_view line);

// What the daemon answers to a peer that may not write. Told apart for the command line's exit code: EPERM alone is
// also what bonding says of a device that is up (`enslave.order`).
Error denied(std::uint32_t uid);
bool is_denied(const Error &);

// Names as the kernel takes them: 1..15 bytes, no '/', ':' or blank, not "." or "..". A bond's at most 14, since the
// pair's other end gets a "p" behind it.
Result<void> check_ifname(std::string_view name);
Result<void> check_any_name(std::string_view name); // also an alternative one: up to 127 bytes
Result<void> check_bond_name(std::string_view name);

// ---- the config file: {"bonds":{"bond0":{"mode":"active-backup","miimon":100,"slaves":["eth0","eth1"],…}}} ----
// A slave by what it is. A MAC, the permanent one, tells which device it is, and a name beside it only what it was
// called; everything else that is given has to fit.
struct SlaveConfig {
    std::string name; // or an alternative name
    std::vector<core::OptionValue> options;
    std::optional<MacAddr> mac;
    std::string match, path, driver; // a glob of names; udev's ID_PATH, or a glob of it; the driver's name, or a glob

    bool names_one() const { return mac.has_value() || !name.empty(); } // else every device that fits
    std::string text() const; // "eth0", "mac 52:...", "driver ixgbe match en*"
};
// What is known of a network device.
struct Nic {
    std::string name;
    std::vector<std::string> altnames;
    MacAddr mac; // the permanent one, as far as it has one
    std::string driver, path;
    bool virtual_above = false; // a VLAN, a bridge: a slave by its name only
};
bool fits(const SlaveConfig &, const Nic &);
bool glob_fits(std::string_view pattern, std::string_view text); // * ? [a-z] [!a-z]
struct PortConfig {                                              // as PortAdd
    std::string name;
    std::optional<MacAddr> mac{};
    std::optional<std::uint16_t> vlan{};
    XdpPolicy xdp = XdpPolicy::automatic;

    bool operator==(const PortConfig &) const = default;
    std::string words() const; // as `port add` takes them, from the name on
};
struct BondConfig {
    std::string name;
    std::vector<core::OptionValue> options;
    std::optional<MacAddr> address;
    std::optional<std::uint32_t> mtu;
    bool up = true;
    std::vector<SlaveConfig> slaves;
    std::optional<std::vector<PortConfig>> ports{}; // none: those made by hand stay
};
struct Config {
    std::optional<std::string> group; // may write, besides root
    std::vector<BondConfig> bonds;
};
// Every error names file, key and reason; option values are checked with core::set_option, nothing is applied.
Result<Config> parse_config(std::string_view json_text, std::string_view file_name);

} // namespace xbond::api
