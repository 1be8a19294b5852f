// SPDX-License-Identifier: MIT
// Somebody's programs, attached by the command line, and what they have counted.
#pragma once

#include <bpf/bpf.h>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/harness/daemon.h"

namespace xbond::harness {

inline std::string object(const std::string &name) { return XBOND_TEST_CHAINED + name + ".o"; }

inline std::filesystem::path bpffs(const Daemon &daemon) { return daemon.pin_dir().parent_path().parent_path(); }

// What a program has counted whose maps are pinned in `dir`.
inline std::uint64_t counted(const std::filesystem::path &dir) {
    const Fd map(bpf_obj_get((dir / "counted").c_str()));
    const std::uint32_t key = 0;
    std::uint64_t value = 0;
    if (!map || bpf_map_lookup_elem(map.get(), &key, &value) != 0) {
        throw std::runtime_error("no pinned map 'counted' in " + dir.string());
    }
    return value;
}

} // namespace xbond::harness
