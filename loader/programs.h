// SPDX-License-Identifier: MIT
// The BPF objects: open → read-only data → reuse maps → load. Maps are made once, by the first object that declares
// them, and shared by every later one.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>

#include "common/fd.h"
#include "loader/datapath.h"

struct bpf_object;

namespace xbond::loader {

// The maps of abi.h; a map that no object has made yet has no descriptor.
class Maps {
public:
    static constexpr std::array<std::string_view, 9> names{XB_MAP_TABLE, XB_MAP_STAMPS, XB_MAP_LB,
                                                           XB_MAP_STATS, XB_MAP_EVENTS, XB_MAP_OWN4,
                                                           XB_MAP_OWN6,  XB_MAP_WATCH,  XB_MAP_XSK};

    int fd(std::string_view name) const; // -1: not made
    void add(std::string_view name, Fd fd);

    Result<void> pin_all(const std::filesystem::path &dir) const;
    // ENOENT when a map that every data path has is missing; xb_watch and xb_xsk depend on the kernel.
    static Result<Maps> open_pins(const std::filesystem::path &dir);

private:
    std::array<Fd, names.size()> fds_;
};

enum class ObjectKind { tx, rx, watch, xdp };

// One opened, and then loaded, BPF object.
class Object {
public:
    // `carrier` picks the variant of tx and watch; there is no watch without a check.
    static Result<Object> open(ObjectKind kind, CarrierCheck carrier, const xb_config &config);

    // For a caller that lets libxdp load the object: maps first, then libxdp, then keep_maps().
    Result<void> reuse_maps(const Maps &maps);
    Result<void> keep_maps(Maps &maps);
    Result<void> load(Maps &maps); // all of it

    Result<Fd> program(const char *name) const;
    bpf_object *get() const { return object_; }

private:
    template <typename Skeleton> static Result<Object> open_skeleton(const xb_config &config);

    std::shared_ptr<void> skeleton_; // owns object_
    bpf_object *object_ = nullptr;
};

// What runs. xb_learn, xb_look and xb_watch_arm know no ProgramSet; they are missing where there is no carrier check.
struct Programs {
    Fd tx;
    Fd rx;
    Fd learn;
    Fd look; // also missing where an older build made the pins, until its programs are replaced
    Fd watch_arm;

    struct Named {
        const char *name; // of the program and of its pin
        Fd Programs::*place;
    };
    static const std::array<Named, 5> all;
};

xb_config make_config(const DataPath::Config &config, const ProgramSet &programs);
// Loads what the kinds (tx, rx, watch) contain; the rest of the result stays empty. An object with a carrier check
// costs some 50 ms, because libbpf parses the kernel's type information for it.
Result<Programs> load_programs(std::span<const ObjectKind> kinds, const xb_config &config, CarrierCheck carrier,
                               Maps &maps);

// Runs xb_watch_arm: starts the timer of the carrier watch, changes its interval or stops it (0). The kernel makes the
// timer without waiting for memory; when it finds none this tries again for up to 63 ms, asleep in between.
Result<void> arm_watch(int prog_fd, Ms interval);

// The name of a mark beside the pins: these programs, which run, are those of this build's BPF objects. It names both,
// because a controller of an older build replaces programs and knows no marks.
inline constexpr std::string_view build_prefix = "build_";
std::string build_mark(const Programs &running);

// What a loaded program has in its read-only data.
Result<xb_config> read_config(int prog_fd);

} // namespace xbond::loader
