// SPDX-License-Identifier: MIT
#include "user/daemon/rights.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "user/sys/io.h"

namespace xbond::daemon {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t own_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t own_architecture = AUDIT_ARCH_AARCH64;
#endif

#define XB_CALL(name)                                                                                                  \
    { #name, SYS_##name }
constexpr RefusedCall refused[] {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // which look for leaks and write reports with these
    XB_CALL(execve), XB_CALL(ptrace),
#endif
        XB_CALL(execveat),
        // others' memory and descriptors
        XB_CALL(process_vm_readv), XB_CALL(process_vm_writev), XB_CALL(pidfd_getfd), XB_CALL(kcmp),
        XB_CALL(perf_event_open), XB_CALL(userfaultfd),
        // the kernel itself
        XB_CALL(init_module), XB_CALL(finit_module), XB_CALL(delete_module), XB_CALL(kexec_load),
#ifdef SYS_kexec_file_load
        XB_CALL(kexec_file_load),
#endif
        XB_CALL(reboot), XB_CALL(syslog), XB_CALL(acct), XB_CALL(swapon), XB_CALL(swapoff), XB_CALL(quotactl),
#ifdef SYS_iopl
        XB_CALL(iopl), XB_CALL(ioperm),
#endif
        // what is mounted where
        XB_CALL(mount), XB_CALL(umount2), XB_CALL(pivot_root), XB_CALL(chroot), XB_CALL(open_tree), XB_CALL(move_mount),
        XB_CALL(fsopen), XB_CALL(fsconfig), XB_CALL(fsmount), XB_CALL(fspick), XB_CALL(mount_setattr),
        // files past their directories' modes
        XB_CALL(open_by_handle_at), XB_CALL(fanotify_init),
        // namespaces of its own, in which it would have all rights
        XB_CALL(unshare),
        // clocks and names of the machine
        XB_CALL(settimeofday), XB_CALL(clock_settime), XB_CALL(adjtimex), XB_CALL(clock_adjtime), XB_CALL(sethostname),
        XB_CALL(setdomainname),
        // keys
        XB_CALL(add_key), XB_CALL(request_key), XB_CALL(keyctl),
        // calls that no filter sees
        XB_CALL(io_uring_setup), XB_CALL(io_uring_enter), XB_CALL(io_uring_register),
};
#undef XB_CALL

sock_filter load(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }

sock_filter answer(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

// Over the next `then` or `otherwise` instructions.
sock_filter jump(std::uint16_t test, std::uint32_t value, std::size_t then, std::size_t otherwise) {
    return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), value, static_cast<std::uint8_t>(then),
                    static_cast<std::uint8_t>(otherwise));
}

std::vector<sock_filter> filter() {
    constexpr std::uint32_t skipped = 0xffffffff; // by a tracer: there is no call
    constexpr std::uint32_t x32 = 0x40000000;     // other numbers for the same calls
    static_assert(std::size(refused) < 250, "a jump goes over at most 255 instructions");
    std::vector<sock_filter> program{load(offsetof(seccomp_data, arch)),
                                     jump(BPF_JEQ, own_architecture, 1, 0),
                                     answer(SECCOMP_RET_ERRNO | EPERM),
                                     load(offsetof(seccomp_data, nr)),
                                     jump(BPF_JEQ, skipped, std::size(refused) + 1, 0),
                                     jump(BPF_JSET, x32, std::size(refused) + 1, 0)};
    for (std::size_t i = 0; i < std::size(refused); ++i) {
        program.push_back(jump(BPF_JEQ, static_cast<std::uint32_t>(refused[i].number), std::size(refused) - i, 0));
    }
    program.push_back(answer(SECCOMP_RET_ALLOW));
    program.push_back(answer(SECCOMP_RET_ERRNO | EPERM));
    return program;
}

} // namespace

// CAP_SYS_ADMIN: programs and maps are found again by their ids, and devices that were moved away in other network
// namespaces (with CAP_SYS_PTRACE). CAP_NET_BROADCAST: what happens where a bond's device lives. CAP_IPC_LOCK: memory
// of AF_XDP sockets. CAP_DAC_READ_SEARCH: a config file that is not root's.
void drop_rights() {
    constexpr std::array kept{CAP_NET_ADMIN, CAP_NET_RAW,  CAP_NET_BROADCAST, CAP_BPF,      CAP_PERFMON,
                              CAP_SYS_ADMIN, CAP_SYS_NICE, CAP_SYS_PTRACE,    CAP_IPC_LOCK, CAP_DAC_READ_SEARCH};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> rights{};
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    if (::syscall(SYS_capget, &header, rights.data()) != 0) {
        return;
    }
    std::array<std::uint32_t, _LINUX_CAPABILITY_U32S_3> mask{};
    for (const auto one : kept) {
        mask.at(CAP_TO_INDEX(one)) |= CAP_TO_MASK(one);
    }
    for (int one = 0; one <= CAP_LAST_CAP; ++one) {
        if (std::ranges::find(kept, one) == kept.end()) {
            (void)::prctl(PR_CAPBSET_DROP, one, 0, 0, 0); // of what it might start; EINVAL: an older kernel
        }
    }
    for (std::size_t i = 0; i < rights.size(); ++i) {
        rights.at(i).effective &= mask.at(i);
        rights.at(i).permitted &= mask.at(i);
        rights.at(i).inheritable = 0;
    }
    (void)::syscall(SYS_capset, &header, rights.data());
    (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

std::span<const RefusedCall> refused_calls() { return refused; }

Result<void> confine() {
    auto program = filter();
    const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
    constexpr auto flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &whole) != 0) {
        return sys::fail_errno("no filter of system calls");
    }
    return {};
}

} // namespace xbond::daemon
