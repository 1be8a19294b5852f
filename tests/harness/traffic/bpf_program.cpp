// SPDX-License-Identifier: MIT
#include "tests/harness/traffic/bpf_program.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <span>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/harness/throw_errno.h"

namespace xbond::harness {
namespace {

// The headers of Debian 12 are older than tcx.
constexpr std::uint32_t attach_xdp = 37, attach_tcx_ingress = 46, attach_tcx_egress = 47;

bpf_insn insn(std::uint8_t code, std::uint8_t dst, std::uint8_t src, std::int16_t off, std::int32_t imm) {
    bpf_insn i{};
    i.code = code;
    i.dst_reg = dst & 0xf;
    i.src_reg = src & 0xf;
    i.off = off;
    i.imm = imm;
    return i;
}

bpf_insn load(std::uint8_t reg, std::int32_t value) { return insn(BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, value); }
bpf_insn leave() { return insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

Fd bpf(int command, bpf_attr &attr, const char *what) {
    const long fd = ::syscall(SYS_bpf, command, &attr, sizeof attr);
    if (fd < 0) {
        throw_errno(what);
    }
    return Fd(static_cast<int>(fd));
}

Fd load_program(std::uint32_t type, const char *name, std::span<const bpf_insn> insns) {
    static constexpr char license[] = "MIT";
    bpf_attr attr{};
    attr.prog_type = type;
    attr.insns = reinterpret_cast<std::uintptr_t>(insns.data());
    attr.insn_cnt = static_cast<std::uint32_t>(insns.size());
    attr.license = reinterpret_cast<std::uintptr_t>(license);
    std::strncpy(attr.prog_name, name, sizeof attr.prog_name - 1);
    return bpf(BPF_PROG_LOAD, attr, "load a program");
}

Fd one_number() {
    bpf_attr map{};
    map.map_type = BPF_MAP_TYPE_ARRAY;
    map.key_size = sizeof(std::uint32_t);
    map.value_size = sizeof(std::uint64_t);
    map.max_entries = 1;
    return bpf(BPF_MAP_CREATE, map, "make a map");
}

void access(int command, const Fd &map, std::uint64_t &value) {
    const std::uint32_t key = 0;
    bpf_attr attr{};
    attr.map_fd = static_cast<std::uint32_t>(map.get());
    attr.key = reinterpret_cast<std::uintptr_t>(&key);
    attr.value = reinterpret_cast<std::uintptr_t>(&value);
    if (::syscall(SYS_bpf, command, &attr, sizeof attr) != 0) {
        throw_errno("read or write a map");
    }
}

} // namespace

OnDevice::OnDevice(const NetNs &ns, const std::string &ifname, Hook hook, int program) {
    bpf_attr attr{};
    attr.link_create.prog_fd = static_cast<std::uint32_t>(program);
    attr.link_create.target_ifindex = ns.ifindex(ifname);
    attr.link_create.attach_type = hook == Hook::tcx_ingress  ? attach_tcx_ingress
                                   : hook == Hook::tcx_egress ? attach_tcx_egress
                                                              : attach_xdp;
    attr.link_create.flags = hook == Hook::xdp_native    ? XDP_FLAGS_DRV_MODE
                             : hook == Hook::xdp_generic ? XDP_FLAGS_SKB_MODE
                                                         : 0U;
    ns.inside([&] { link_ = bpf(BPF_LINK_CREATE, attr, "attach a program"); });
}

Counter::Counter() : map_(one_number()) {
    constexpr int go_on = -1; // TC_ACT_UNSPEC
    const std::array<bpf_insn, 6> insns{insn(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_VALUE, 0, map_.get()),
                                        insn(0, 0, 0, 0, 0),
                                        load(2, 1),
                                        insn(BPF_STX | BPF_DW | BPF_ATOMIC, 1, 2, 0, BPF_ADD),
                                        load(0, go_on),
                                        leave()};
    program_ = load_program(BPF_PROG_TYPE_SCHED_CLS, "count", insns);
}

void Counter::pin(const std::string &path) const {
    bpf_attr attr{};
    attr.pathname = reinterpret_cast<std::uintptr_t>(path.c_str());
    attr.bpf_fd = static_cast<std::uint32_t>(program_.get());
    if (::syscall(SYS_bpf, BPF_OBJ_PIN, &attr, sizeof attr) != 0) {
        throw_errno("pin a program at " + path);
    }
}

std::uint64_t Counter::packets() const {
    std::uint64_t value = 0;
    access(BPF_MAP_LOOKUP_ELEM, map_, value);
    return value;
}

Wire::Wire(std::uint32_t to) : map_(one_number()) {
    constexpr int slow_protocols = 0x0988, shot = 2; // as it lies in the context, in network order
    const std::array<bpf_insn, 12> insns{
        insn(BPF_LDX | BPF_W | BPF_MEM, 2, 1, offsetof(__sk_buff, protocol), 0),
        insn(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 6, slow_protocols),
        insn(BPF_LD | BPF_DW | BPF_IMM, 3, BPF_PSEUDO_MAP_VALUE, 0, map_.get()),
        insn(0, 0, 0, 0, 0),
        insn(BPF_LDX | BPF_DW | BPF_MEM, 3, 3, 0, 0),
        insn(BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 2, 0),
        load(0, shot),
        leave(),
        load(1, static_cast<std::int32_t>(to)),
        load(2, 0),
        insn(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect),
        leave(),
    };
    program_ = load_program(BPF_PROG_TYPE_SCHED_CLS, "wire", insns);
}

void Wire::lose_lacpdus(bool on) const {
    std::uint64_t value = on ? 1 : 0;
    access(BPF_MAP_UPDATE_ELEM, map_, value);
}

ToSockets::ToSockets() {
    bpf_attr map{};
    map.map_type = BPF_MAP_TYPE_XSKMAP;
    map.key_size = map.value_size = sizeof(std::uint32_t);
    map.max_entries = 1;
    map_ = bpf(BPF_MAP_CREATE, map, "make a map of sockets");
    const std::array<bpf_insn, 6> insns{insn(BPF_LDX | BPF_W | BPF_MEM, 2, 1, offsetof(xdp_md, rx_queue_index), 0),
                                        insn(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map_.get()),
                                        insn(0, 0, 0, 0, 0),
                                        load(3, XDP_PASS),
                                        insn(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
                                        leave()};
    program_ = load_program(BPF_PROG_TYPE_XDP, "to_sockets", insns);
}

void ToSockets::take(int xsk) const {
    const std::uint32_t queue = 0, socket = static_cast<std::uint32_t>(xsk);
    bpf_attr attr{};
    attr.map_fd = static_cast<std::uint32_t>(map_.get());
    attr.key = reinterpret_cast<std::uintptr_t>(&queue);
    attr.value = reinterpret_cast<std::uintptr_t>(&socket);
    if (::syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof attr) != 0) {
        throw_errno("put a socket into a map");
    }
}

Fd xdp_verdict(int verdict) {
    const std::array<bpf_insn, 2> insns{load(0, verdict), leave()};
    return load_program(BPF_PROG_TYPE_XDP, "verdict", insns);
}

Fd xdp_redirect(std::uint32_t ifindex) {
    const std::array<bpf_insn, 4> insns{load(1, static_cast<std::int32_t>(ifindex)), load(2, 0),
                                        insn(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect), leave()};
    return load_program(BPF_PROG_TYPE_XDP, "redirect", insns);
}

} // namespace xbond::harness
