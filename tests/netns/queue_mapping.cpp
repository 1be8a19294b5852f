// SPDX-License-Identifier: MIT
#include "tests/netns/queue_mapping.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace xbond::harness {
namespace {

constexpr unsigned tcx_egress = 47;         // BPF_TCX_EGRESS: newer than Debian 12's headers
constexpr unsigned attach_before = 1U << 3; // BPF_F_BEFORE

Fd bpf(bpf_cmd command, bpf_attr &attr, const char *what) {
    Fd fd(static_cast<int>(syscall(SYS_bpf, command, &attr, sizeof attr)));
    if (!fd) {
        throw std::system_error(errno, std::generic_category(), what);
    }
    return fd;
}

} // namespace

QueueMapping::QueueMapping(const NetNs &ns, const std::string &ifname, std::uint16_t mapping) {
    const bpf_insn code[] = {
        {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, mapping},
        {BPF_STX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_2, offsetof(__sk_buff, queue_mapping), 0},
        {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, -1}, // TCX_NEXT
        {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
    };
    bpf_attr load{};
    load.prog_type = BPF_PROG_TYPE_SCHED_CLS;
    load.insns = reinterpret_cast<std::uintptr_t>(code);
    load.insn_cnt = std::size(code);
    load.license = reinterpret_cast<std::uintptr_t>("MIT");
    std::strcpy(load.prog_name, "xbtest_queue");
    program_ = bpf(BPF_PROG_LOAD, load, "load the queue mapping program");
    ns.inside([&] {
        bpf_attr attach{};
        attach.link_create.prog_fd = static_cast<std::uint32_t>(program_.get());
        attach.link_create.target_ifindex = ns.ifindex(ifname);
        attach.link_create.attach_type = tcx_egress;
        attach.link_create.flags = attach_before;
        link_ = bpf(BPF_LINK_CREATE, attach, "attach the queue mapping program");
    });
}

} // namespace xbond::harness
