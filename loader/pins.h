// SPDX-License-Identifier: MIT
// Names in the BPF file system. A bpffs knows directories and pinned objects only, and no dot in a name; an empty
// directory serves as a mark that survives the controller.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "common/fd.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::loader {

// Makes the directory and those above it.
Result<void> make_pin_dir(const std::filesystem::path &dir);

Result<void> pin(int fd, const std::filesystem::path &path);

// Takes the place of what is pinned there in one step.
Result<void> replace_pin(int fd, const std::filesystem::path &path);

// ENOENT when nothing is pinned there.
Result<Fd> open_pin(const std::filesystem::path &path);

// A pin or a mark; silent when there is none.
void remove_pin(const std::filesystem::path &path);

// Whose the pins of a directory are, by its mark netns_<cookie>. Earlier revisions made none, nor do kernels without
// cookies.
enum class Owner { this_netns, another_netns, unknown };
Owner owner_of(const std::filesystem::path &pin_dir);
Result<void> mark_owner(const std::filesystem::path &pin_dir);

// What a slave was before it became one, as a mark was_<ifindex>_<mac>_<mtu>_<up>: for whoever cannot read the state.
struct Original {
    std::uint32_t ifindex = 0;
    MacAddr mac;
    std::uint32_t mtu = 0;
    bool up = false;
};
Result<void> mark_original(const std::filesystem::path &pin_dir, const Original &);
void unmark_original(const std::filesystem::path &pin_dir, std::uint32_t ifindex);
std::vector<Original> marked_originals(const std::filesystem::path &pin_dir);

} // namespace xbond::loader
