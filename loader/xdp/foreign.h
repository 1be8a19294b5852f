// SPDX-License-Identifier: MIT
// Somebody's XDP program out of an object file. For the command line: a broken file costs its process, never the
// controller's, and it is read with the rights, and in the mounts, of who names it. What the controller gets is a
// descriptor, which nobody has who may not load programs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/fd.h"
#include "xbond/result.h"

struct bpf_object;

namespace xbond::loader {

class ForeignProgram {
public:
    // `name`: the function's; empty: the only one of type XDP. `pin_dir`: a directory of a bpffs, where maps are looked
    // for that the object wants pinned by name; empty: none. On refusal the message ends with the verifier's last
    // lines.
    static Result<ForeignProgram> load(const std::filesystem::path &file, const std::string &name,
                                       const std::filesystem::path &pin_dir);

    int fd() const { return fd_; }
    const std::string &name() const { return name_; }
    bool frags() const { return frags_; } // declared for frames in fragments (SEC("xdp.frags"))
    // The maps that it uses, by their names, so that others can read them; what was pinned there so makes room.
    Result<void> pin_maps() const;

private:
    std::shared_ptr<bpf_object> object_;
    std::string name_;
    int fd_ = -1; // the object's
    bool frags_ = false;
    std::filesystem::path pin_dir_;
};

// The pins in a directory of these maps, by their ids, but of none of those that are kept. The directory goes, too, if
// nothing else is in it. Everything else stays, whoever named the directory.
void remove_map_pins(const std::filesystem::path &pin_dir, std::span<const std::uint32_t> maps,
                     std::span<const std::uint32_t> kept);

} // namespace xbond::loader
