// SPDX-License-Identifier: MIT
// What importing works on and what it finds: a machine's files, seen through a reader that is handed in; bonds as the
// tools that own the files describe them; notes about what stays behind. Nothing here opens a file or runs anything.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::import {

// Files of a machine. Paths are relative to its root ("etc/network/interfaces"); a path that leaves it is not followed.
class Files {
public:
    enum class Kind : std::uint8_t { missing, file, directory, masked, other }; // masked: a symlink to /dev/null
    virtual ~Files() = default;
    virtual Kind kind(const std::string &path) const = 0;
    virtual Result<std::string> read(const std::string &path) const = 0;
    virtual std::vector<std::string> list(const std::string &directory) const = 0; // names, in the order of their bytes
};

struct Place {
    std::string file;
    unsigned line = 0; // 0: the file as a whole
};

struct Note { // something that is not carried over
    Place at;
    std::string text;
};
using Notes = std::vector<Note>;

// A slave by what the source knows it by. What is given must all fit.
struct SlaveRef {
    std::string name, mac, match, path, driver;
    std::optional<std::int64_t> prio, queue_id;
};

struct Setting { // one option as the source has it
    std::string name, value;
    Place at;
    std::string key; // what the source calls it
};

struct Bond {
    std::string name;
    Place at;
    std::vector<Setting> module;   // parameters that the module was loaded with for this bond
    std::vector<Setting> settings; // in the order in which the tool hands them to the driver
    std::vector<SlaveRef> slaves;
    std::optional<std::uint32_t> mtu;
    std::string address;
    bool module_defaults = true; // the module's parameters are its defaults
    bool monitored = false;      // without a word about monitors the tool looks at the carrier every 100 ms
};

struct Draft { // of one format
    std::vector<Bond> bonds;
    Notes notes;

    Bond *find(std::string_view name) {
        for (auto &bond : bonds) {
            if (bond.name == name) {
                return &bond;
            }
        }
        return nullptr;
    }
    Bond &bond(const std::string &name, const Place &at) {
        if (auto *found = find(name)) {
            return *found;
        }
        bonds.push_back({});
        bonds.back().name = name;
        bonds.back().at = at;
        return bonds.back();
    }
    void note(Place at, std::string text) { notes.push_back({std::move(at), std::move(text)}); }
};

// What holds for a machine whatever format its bonds are in.
struct Machine {
    const Files &files;
    std::vector<Setting> module;                           // `options bonding ...`
    std::map<std::string, std::vector<Setting>> per_alias; // `options bond0 ...`
    std::map<std::string, std::string> pinned;             // name -> MAC, by udev rules and .link files
    std::vector<std::string> bonds;                        // names that the module's files or a script give to bonds
};

inline std::string text_of(const Place &at) { return at.line == 0 ? at.file : at.file + ":" + std::to_string(at.line); }
inline tl::unexpected<Error> refuse(const Place &at, const std::string &why) {
    return fail(EINVAL, text_of(at) + ": " + why);
}
// Adds a slave unless one with the same identity is there; then what is new about it is added to that one.
void add_slave(Bond &, const SlaveRef &);

std::vector<std::string_view> format_names(); // as `xbond import FORMAT` takes them

// ---- the formats; `machine.bonds` names bonds that a file may speak of without saying that they are bonds ----
Result<void> read_modprobe(Machine &);          // module parameters
Result<void> read_pinned_names(Machine &);      // udev rules, .link files
Result<Draft> read_boot_scripts(Machine &);     // rc.local and the like
Result<Draft> read_ifcfg(const Machine &);      // Red Hat's network-scripts
Result<Draft> read_suse(const Machine &);       // SUSE's wicked
Result<Draft> read_interfaces(const Machine &); // ifupdown with ifenslave, ifupdown2, ifupdown-ng
Result<Draft> read_netplan(const Machine &);
Result<Draft> read_networkd(const Machine &);
Result<Draft> read_networkmanager(const Machine &); // keyfiles
Result<Draft> read_teamd(const Machine &);
Result<Draft> read_live(const Machine &); // sysfs and /proc/net/bonding

} // namespace xbond::import
