// SPDX-License-Identifier: MIT
#include "loader/xdp/array.h"

#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>

#include "common/fd.h"
#include "loader/bpf_calls.h"

namespace xbond::loader {
namespace {

// The smallest program that uses it.
Fd load_user(int array_fd, bool frags, bpf_attach_type type) {
    std::array<bpf_insn, 6> code{};
    code[0].code = BPF_LD | BPF_IMM | BPF_DW; // of two instructions
    code[0].dst_reg = BPF_REG_2;
    code[0].src_reg = BPF_PSEUDO_MAP_FD;
    code[0].imm = array_fd;
    code[2].code = BPF_ALU64 | BPF_MOV | BPF_K;
    code[2].dst_reg = BPF_REG_3;
    code[3].code = BPF_JMP | BPF_CALL;
    code[3].imm = BPF_FUNC_tail_call;
    code[4].code = BPF_ALU64 | BPF_MOV | BPF_K;
    code[4].dst_reg = BPF_REG_0;
    code[4].imm = XDP_PASS;
    code[5].code = BPF_JMP | BPF_EXIT;
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type);
    options.prog_flags = frags ? BPF_F_XDP_HAS_FRAGS : 0;
    return Fd(bpf_prog_load(BPF_PROG_TYPE_XDP, "xb_user", "GPL", code.data(), code.size(), &options));
}

} // namespace

Result<bpf_attach_type> attach_type_of(int array_fd, bool frags) {
    for (const bpf_attach_type type : {as_nothing, BPF_XDP}) {
        if (load_user(array_fd, frags, type)) {
            return type;
        }
        if (errno != EINVAL) {
            break;
        }
    }
    return kernel_error(errno, "cannot use the array of chained XDP programs");
}

void load_as(bpf_object *object, bpf_attach_type type) {
    bpf_program *program = nullptr;
    bpf_object__for_each_program(program, object) {
        const auto now = bpf_program__expected_attach_type(program);
        if (bpf_program__type(program) == BPF_PROG_TYPE_XDP && (now == BPF_XDP || now == as_nothing)) {
            (void)bpf_program__set_expected_attach_type(program, type);
        }
    }
}

} // namespace xbond::loader
