// SPDX-License-Identifier: MIT
// The bpf() calls that libbpf 1.1 lacks or spreads over several steps, as Results. Errors carry the errno.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "xbond/result.h"

namespace xbond::loader {

enum class Direction { ingress, egress };

// One hook of one device.
struct HookPoint {
    std::uint32_t ifindex = 0;
    Direction direction = Direction::ingress;
};
std::string describe(HookPoint where); // "ingress of eth0 (ifindex 3)"

// fail(code, "<what>: <strerror>"), with the last complaint of libbpf or libxdp (a verifier log, an extack) appended.
// A negative code is taken as the -errno that libbpf returns.
tl::unexpected<Error> kernel_error(int code, std::string_view what);
void add_complaint(std::string_view text); // as if a library had printed it
void drop_complaints();                    // of calls that were expected to fail

// From here on libbpf and libxdp print nothing; kernel_error() reports their last complaint instead. Idempotent.
void capture_library_log();

struct LinkInfo {
    std::uint32_t type = 0; // enum bpf_link_type, which may be newer than our headers
    std::uint32_t prog_id = 0;
    std::uint32_t ifindex = 0; // 0: the device has gone
};
Result<LinkInfo> link_info(int link_fd); // EINVAL: of no link

struct ProgramInfo {
    std::uint32_t id = 0;
    std::uint32_t type = 0; // enum bpf_prog_type
    std::uint64_t tag = 0;  // the kernel's hash of the instructions
    std::string name;
    std::vector<std::uint32_t> map_ids;
};
Result<ProgramInfo> program_info(int prog_fd);
Result<ProgramInfo> program_info_by_id(std::uint32_t prog_id);

// Whether a program belongs to the bond in question.
using IsOurs = std::function<bool(std::uint32_t prog_id)>;

// 0 when the descriptor is no map.
std::uint32_t map_id(int map_fd);

// Runs a TC program once, without traffic, as if a frame had come in on `ifindex` (0: no device) with this mark.
// Gives the program's return value. The device is looked up in the caller's network namespace.
Result<std::uint32_t> run_once(int prog_fd, std::uint32_t ifindex, std::uint32_t mark);

} // namespace xbond::loader
