// SPDX-License-Identifier: MIT
// What a data path loads. Maps are made once, by the first object that declares them, and shared by every later one.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "common/fd.h"
#include "loader/datapath.h"
#include "xbond/view.h"

struct bpf_map;
struct bpf_object;

namespace xbond::loader {

// The maps of abi.h; a map that no object has made yet has no descriptor.
class Maps {
public:
    static constexpr std::array<std::string_view, 22> names{
        XB_MAP_TABLE,     XB_MAP_STAMPS,     XB_MAP_LB,          XB_MAP_STATS, XB_MAP_EVENTS,     XB_MAP_OWN4,
        XB_MAP_OWN6,      XB_MAP_WATCH,      XB_MAP_XSK,         XB_MAP_VIEW,  XB_MAP_VIEW_TIMER, XB_MAP_XSK_RULES,
        XB_MAP_XSK_APPS,  XB_MAP_CHAIN,      XB_MAP_CHAIN_FRAGS, XB_MAP_OUT,   XB_MAP_ALL,        XB_MAP_PORTS,
        XB_MAP_PORT_MACS, XB_MAP_PORT_STATS, XB_MAP_PORT_OUT,    XB_MAP_ENTER};

    int fd(std::string_view name) const; // -1: not made
    void add(std::string_view name, Fd fd);

    Result<void> pin_all(const std::filesystem::path &dir) const; // those that are not pinned yet
    // ENOENT when a map that every data path has is missing; the others depend on the kernel, on the revision that
    // made the pins, or on what was asked for.
    static Result<Maps> open_pins(const std::filesystem::path &dir);

private:
    std::array<Fd, names.size()> fds_;
};

enum class ObjectKind { tx, rx, watch, xdp, xdp_frags, view, port, fwd };

// One opened BPF object, for a blueprint or for libxdp.
class Object {
public:
    // `carrier` picks the variant of tx, watch, view, port and fwd; there is no watch without a check.
    static Result<Object> open(ObjectKind kind, CarrierCheck carrier, const xb_config &config);

    Result<void> reuse_maps(const Maps &maps); // before it is loaded
    bpf_object *get() const { return object_; }
    const xb_config *config() const { return config_; } // in its read-only data; null: it has none
    static std::string shared_name(const bpf_map *map); // among Maps::names; empty: the object's own

private:
    template <typename Skeleton> static Result<Object> open_skeleton(const xb_config &config);

    std::shared_ptr<void> skeleton_; // owns object_
    bpf_object *object_ = nullptr;
    const xb_config *config_ = nullptr;
};

// What runs. xb_learn, xb_look and xb_watch_arm know no ProgramSet; they are missing where there is no carrier
// check.
struct Programs {
    Fd tx;
    Fd rx;
    Fd learn;
    Fd look; // also missing where an older build made the pins, until its programs are replaced
    Fd watch_arm;
    Fd view; // of a data path whose view was asked for
    Fd port; // of one that has, or had, ports

    struct Named {
        const char *name; // of the program and of its pin
        Fd Programs::*place;
    };
    static const std::array<Named, 7> all;
};

xb_config make_config(const DataPath::Config &config, const ProgramSet &programs);
// The maps of these objects that nobody has made yet.
Result<void> make_maps(std::span<const ObjectKind> kinds, CarrierCheck carrier, Maps &maps);
// Loads what the kinds contain; the rest of the result stays empty.
Result<Programs> load_programs(std::span<const ObjectKind> kinds, const xb_config &config, CarrierCheck carrier,
                               const Maps &maps);

// Runs xb_watch_arm: starts the timer of the carrier watch, which looks at the groups on `bond` too, changes its
// interval or stops it (0). The kernel makes the timer without waiting for memory; when it finds none this tries
// again for up to 63 ms, asleep in between.
Result<void> arm_watch(int prog_fd, std::uint32_t bond, Ms interval);

// The name of a mark beside the pins: these programs, which run, are those of this build's BPF objects. It names
// both, because a controller of an older build replaces programs and knows no marks.
inline constexpr std::string_view build_prefix = "build_";
std::string build_mark(const Programs &running);

// Runs xb_view_run, as arm_watch does xb_watch_arm.
Result<void> arm_view(int prog_fd, std::uint32_t bond, Ms interval);

// What a loaded program has in its read-only data.
Result<xb_config> read_config(int prog_fd);

} // namespace xbond::loader
