// SPDX-License-Identifier: MIT
#include "tests/harness/trouble/syscall_fault.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <elf.h>
#include <filesystem>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <optional>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xbond::harness {
namespace {

using Arguments = std::array<std::uint64_t, 6>;
using Point = SyscallFault::Point;

template <typename T> T read_at(pid_t pid, std::uint64_t address) {
    T value{};
    iovec mine{&value, sizeof value}, theirs{reinterpret_cast<void *>(address), sizeof value};
    process_vm_readv(pid, &mine, 1, &theirs, 1, 0);
    return value;
}

std::string text_at(pid_t pid, std::uint64_t address) {
    std::string text;
    for (char next; text.size() < PATH_MAX && (next = read_at<char>(pid, address + text.size())) != 0;) {
        text += next;
    }
    return text;
}

void set_registers(pid_t thread, int set, void *value, std::size_t size) {
    iovec registers{value, size};
    ptrace(PTRACE_SETREGSET, thread, set, &registers);
}

#if defined(__x86_64__)
// At the beginning of a call: the kernel does nothing.
void skip_call(pid_t thread) {
    user_regs_struct registers{};
    iovec place{&registers, sizeof registers};
    ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &place);
    registers.orig_rax = static_cast<unsigned long long>(-1);
    set_registers(thread, NT_PRSTATUS, &registers, sizeof registers);
}

void set_result(pid_t thread, long result) {
    user_regs_struct registers{};
    iovec place{&registers, sizeof registers};
    ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &place);
    registers.rax = static_cast<unsigned long long>(result);
    set_registers(thread, NT_PRSTATUS, &registers, sizeof registers);
}
#elif defined(__aarch64__)
void skip_call(pid_t thread) {
    int none = -1;
    set_registers(thread, NT_ARM_SYSTEM_CALL, &none, sizeof none);
}

void set_result(pid_t thread, long result) {
    user_regs_struct registers{};
    iovec place{&registers, sizeof registers};
    ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &place);
    registers.regs[0] = static_cast<unsigned long long>(result);
    set_registers(thread, NT_PRSTATUS, &registers, sizeof registers);
}
#endif

std::string file_of(pid_t pid, std::uint64_t fd) {
    std::error_code none;
    return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd), none).string();
}

// What is only looked at has no state to leave in between; that it cannot be looked at, has.
std::optional<Point> netlink_request(pid_t pid, std::uint64_t message) {
    const auto header = read_at<nlmsghdr>(pid, message);
    if (header.nlmsg_type != RTM_NEWLINK && header.nlmsg_type != RTM_DELLINK && header.nlmsg_type != RTM_GETLINK) {
        return std::nullopt;
    }
    return Point{"netlink " + std::to_string(header.nlmsg_type), {EPERM, ENODEV, EBUSY, ENOMEM}};
}

std::optional<Point> bpf_call(std::uint64_t command) {
    const std::string what = "bpf command " + std::to_string(command);
    switch (command) {
    case BPF_PROG_LOAD:
        return Point{what, {EPERM, ENOMEM, E2BIG}};
    case BPF_MAP_CREATE:
    case BPF_LINK_CREATE:
    case BPF_LINK_UPDATE:
    case BPF_OBJ_GET:
        return Point{what, {EPERM, ENOMEM, EMFILE}};
    case BPF_OBJ_PIN:
        return Point{what, {ENOSPC, ENOMEM}};
    case BPF_PROG_TEST_RUN:
        return Point{what, {EINTR, ENOMEM}};
    default:
        return std::nullopt;
    }
}

std::optional<Point> opened(const std::string &path) {
    if (path.starts_with("/proc/sys/") || path.find("/state/") != std::string::npos) {
        return Point{"open " + path.substr(path.rfind('/') + 1), {EMFILE, ENOSPC, EROFS}};
    }
    return std::nullopt;
}

std::optional<Point> written(const std::string &file) {
    if (file.starts_with("/proc/sys/") || file.find("/state/") != std::string::npos) {
        return Point{"write " + file.substr(file.rfind('/') + 1), {ENOSPC, EINTR, EIO}};
    }
    return std::nullopt;
}

std::optional<Point> removed(const std::string &path) {
    return path.find("/state/") != std::string::npos
               ? std::optional(Point{"unlink " + path.substr(path.rfind('/') + 1), {EROFS, EIO}})
               : std::nullopt;
}

std::optional<Point> device_ioctl(std::uint64_t request) {
    switch (request) {
    case SIOCADDMULTI:
    case SIOCDELMULTI:
        return Point{"multicast list of a device", {ENOMEM, ENODEV}};
    default:
        return std::nullopt;
    }
}

// Of all calls on the way those that change something outside the process, or keep it from that.
std::optional<Point> point_of(pid_t pid, std::uint64_t number, const Arguments &arg) {
    switch (number) {
    case SYS_bpf:
        return bpf_call(arg[0]);
    case SYS_sendto:
        return file_of(pid, arg[0]).starts_with("socket:") && arg[2] >= sizeof(nlmsghdr) && arg[4] == 0
                   ? netlink_request(pid, arg[1])
                   : std::nullopt;
    case SYS_ioctl:
        return device_ioctl(arg[1]);
    case SYS_unlink:
        return removed(text_at(pid, arg[0]));
    case SYS_unlinkat:
        return removed(text_at(pid, arg[1]));
    case SYS_openat:
        return opened(text_at(pid, arg[1]));
    case SYS_write:
        return written(file_of(pid, arg[0]));
    case SYS_fsync:
    case SYS_fdatasync:
        return Point{"fsync", {EIO, ENOSPC}};
    case SYS_rename:
    case SYS_renameat:
    case SYS_renameat2:
        return Point{"rename", {ENOSPC, EPERM}};
    case SYS_mkdir:
    case SYS_mkdirat:
        return Point{"mkdir", {ENOSPC, ENOMEM}};
    default:
        return std::nullopt;
    }
}

} // namespace

// The signal wakes the tracer where it waits, and does nothing else.
SyscallFault::SyscallFault(pid_t process) : process_(process) {
    struct sigaction wake {};
    wake.sa_handler = [](int) {};
    sigaction(SIGUSR2, &wake, nullptr);
    tracer_ = std::thread([this] { run(); });
    for (bool ready = false; !ready; std::this_thread::yield()) {
        const std::lock_guard held(lock_);
        ready = ready_;
    }
}

SyscallFault::~SyscallFault() {
    {
        const std::lock_guard held(lock_);
        stop_ = true;
    }
    while (!ended_) { // it may have been about to wait
        pthread_kill(tracer_.native_handle(), SIGUSR2);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    tracer_.join();
}

void SyscallFault::count() { arm({}, 0); } // no call is called nothing

void SyscallFault::arm(const Point &point, int how) {
    const std::lock_guard held(lock_);
    points_.clear();
    seen_.clear();
    armed_ = point;
    how_ = how;
    counting_ = true;
    met_ = false;
}

std::vector<SyscallFault::Point> SyscallFault::disarm() {
    const std::lock_guard held(lock_);
    counting_ = false;
    return std::move(points_);
}

bool SyscallFault::met() const {
    const std::lock_guard held(lock_);
    return met_;
}

// New threads are made by followed ones, which tell of them.
bool SyscallFault::follow_all() {
    std::error_code none;
    bool any = false;
    for (const auto &task : std::filesystem::directory_iterator("/proc/" + std::to_string(process_) + "/task", none)) {
        const auto thread = static_cast<pid_t>(std::stol(task.path().filename()));
        if (threads_.contains(thread)) {
            continue;
        }
        constexpr auto options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
        if (ptrace(PTRACE_SEIZE, thread, 0, options) == 0 && ptrace(PTRACE_INTERRUPT, thread, 0, 0) == 0) {
            threads_[thread] = {};
            any = true;
        }
    }
    return any;
}

void SyscallFault::run() {
    while (follow_all()) {} // one may have made another meanwhile
    {
        const std::lock_guard held(lock_);
        ready_ = true;
    }
    for (bool stop = false; !stop;) {
        int status = 0;
        const pid_t thread = waitpid(-1, &status, __WALL | __WNOTHREAD);
        if (thread > 0) {
            stopped(thread, status);
        } else if (errno == ECHILD) {
            break; // all have ended
        }
        const std::lock_guard held(lock_);
        stop = stop_; // the kernel detaches from them, and they go on
    }
    ended_ = true;
}

void SyscallFault::stopped(pid_t thread, int status) {
    if (!WIFSTOPPED(status)) {
        threads_.erase(thread);
        return;
    }
    threads_.try_emplace(thread);
    const int signal = WSTOPSIG(status), event = status >> 16;
    if (signal == (SIGTRAP | 0x80)) {
        at_call(thread);
    }
    const bool group_stop = event == PTRACE_EVENT_STOP && signal != SIGTRAP;
    if (group_stop) {
        ptrace(PTRACE_LISTEN, thread, 0, 0);
        return;
    }
    const bool delivered = event == 0 && signal != (SIGTRAP | 0x80);
    ptrace(PTRACE_SYSCALL, thread, 0, delivered ? signal : 0);
}

void SyscallFault::at_call(pid_t thread) {
    auto &state = threads_[thread];
    __ptrace_syscall_info info{};
    if (ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), thread, sizeof info, &info) <= 0) {
        return;
    }
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && state.fails_with != 0) {
        set_result(thread, -state.fails_with);
        state.fails_with = 0;
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) {
        return;
    }
    const std::lock_guard held(lock_);
    Arguments arg{};
    std::copy_n(info.entry.args, arg.size(), arg.begin());
    auto point = counting_ ? point_of(thread, info.entry.nr, arg) : std::nullopt;
    if (!point) {
        return;
    }
    point->nth = seen_[point->what]++;
    points_.push_back(*point);
    if (point->what != armed_.what || point->nth != armed_.nth) {
        return;
    }
    met_ = true;
    if (how_ == kill) {
        ::kill(process_, SIGKILL);
        return;
    }
    state.fails_with = how_;
    skip_call(thread);
}

} // namespace xbond::harness
