// SPDX-License-Identifier: MIT
// A BPF object as libbpf prepares it for the running kernel: relocated, its type information loaded. For that libbpf
// reads all of the kernel's type information, some 15 ms, and what comes out is the same for every bond. So it is done
// once a process; what is a bond's own, maps and read-only data, is put in at each load.
#pragma once

#include <cstddef>
#include <linux/bpf.h>
#include <string>
#include <utility>
#include <vector>

#include "common/fd.h"
#include "loader/programs.h"
#include "xbond/result.h"

struct bpf_prog_load_opts;
struct bpf_program;

namespace xbond::loader {

class Blueprint {
public:
    // Made by the first call. `carrier` as in Object::open().
    static Result<const Blueprint *> of(ObjectKind kind, CarrierCheck carrier);

    // Those of the object's maps that nobody has made yet.
    Result<void> make_maps(Maps &maps) const;
    // Verifies the programs, with these maps; none of an XDP object, which libxdp loads for each device.
    Result<void> load(const xb_config &config, const Maps &maps, Programs &programs) const;

private:
    struct Map {
        std::string shared; // among Maps::names; empty: every load makes its own
        bpf_map_info like{};
        std::vector<std::byte> value; // of global variables, before the config is put in
        std::ptrdiff_t config_at = -1;
    };
    struct Program {
        std::string name;
        std::vector<bpf_insn> code;
        std::vector<std::pair<std::size_t, std::size_t>> uses; // which instruction names which map
        std::vector<std::byte> functions, lines;               // for the verifier: timers need the functions
        std::uint32_t function_size = 0, line_size = 0;
    };

    static Result<Blueprint> make(ObjectKind kind, CarrierCheck carrier);
    static int capture(bpf_program *program, bpf_prog_load_opts *options, long cookie);
    void take_values(const Object &object);
    Result<void> take_maps(const Object &object);
    Result<Fd> make_map(const Map &map, const xb_config &config) const;
    Result<Fd> load_program(const Program &program, const std::vector<int> &map_fds) const;

    std::string name_;
    Fd types_;
    std::vector<Map> maps_;
    std::vector<Program> programs_;
};

} // namespace xbond::loader
