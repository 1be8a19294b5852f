// SPDX-License-Identifier: MIT
#include "tests/harness/trouble/syscall_watch.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sstream>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace xbond::harness {
namespace {

template <typename T> T read_at(pid_t pid, std::uint64_t address) {
    T value{};
    iovec mine{&value, sizeof value}, theirs{reinterpret_cast<void *>(address), sizeof value};
    process_vm_readv(pid, &mine, 1, &theirs, 1, 0);
    return value;
}

std::string text_at(pid_t pid, std::uint64_t address) {
    std::string text;
    while (text.size() < PATH_MAX) {
        const char next = read_at<char>(pid, address + text.size());
        if (next == 0) {
            break;
        }
        text += next;
    }
    return text;
}

// Whether a descriptor is a socket of rtnetlink.
bool is_netlink(pid_t pid, std::uint64_t fd) {
    std::error_code ec;
    const auto link = std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd), ec);
    const std::string target = link.string();
    if (!target.starts_with("socket:[")) {
        return false;
    }
    const std::string inode = target.substr(8, target.size() - 9);
    std::ifstream sockets("/proc/" + std::to_string(pid) + "/net/netlink");
    for (std::string line; std::getline(sockets, line);) {
        std::istringstream words(line);
        std::string address, protocol, last;
        words >> address >> protocol;
        for (std::string word; words >> word;) {
            last = word;
        }
        if (last == inode && protocol == "0") {
            return true;
        }
    }
    return false;
}

// A route is looked up without RTNL; every other request of rtnetlink takes it, or may.
std::string netlink_request(pid_t pid, std::uint64_t fd, std::uint64_t message) {
    if (!is_netlink(pid, fd)) {
        return {};
    }
    const auto type = read_at<nlmsghdr>(pid, message).nlmsg_type;
    return type == RTM_GETROUTE ? "" : "netlink request " + std::to_string(type);
}

// To read what is in /proc takes no lock that anybody holds for long.
std::string opened(pid_t pid, std::uint64_t path) {
    const std::string text = text_at(pid, path);
    return text.starts_with("/proc/") ? "" : "open " + text;
}

std::string bpf_call(std::uint64_t command) {
    switch (command) {
    case BPF_PROG_LOAD:
    case BPF_LINK_CREATE:
    case BPF_LINK_UPDATE:
    case BPF_LINK_DETACH:
    case BPF_MAP_CREATE:
    case BPF_OBJ_PIN:
    case BPF_OBJ_GET:
    case BPF_BTF_LOAD:
        return "bpf command " + std::to_string(command);
    default:
        return {};
    }
}

// Empty: it does not wait for anybody.
std::string sleeper(pid_t pid, std::uint64_t number, const std::array<std::uint64_t, 6> &arg) {
    switch (number) {
    case SYS_openat:
        return opened(pid, arg[1]);
    case SYS_open:
        return opened(pid, arg[0]);
    case SYS_sendto:
        return netlink_request(pid, arg[0], arg[1]);
    case SYS_bpf:
        return bpf_call(arg[0]);
    case SYS_bind:
        return "bind";
    case SYS_ioctl:
        return "ioctl " + std::to_string(arg[1]);
    case SYS_fsync:
    case SYS_fdatasync:
        return "fsync";
    case SYS_rename:
    case SYS_renameat2:
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_mkdir:
        return "file system call " + std::to_string(number);
    case SYS_clock_nanosleep:
    case SYS_nanosleep:
        return "sleep";
    default:
        return {};
    }
}

} // namespace

SyscallWatch::SyscallWatch(pid_t thread) : thread_(thread), tracer_([this] { run(); }) { ready_.wait(false); }

SyscallWatch::~SyscallWatch() {
    stop_ = true;
    syscall(SYS_tkill, thread_, SIGSTOP); // ends a wait; the tracer lets it go on
    tracer_.join();
}

std::set<std::string> SyscallWatch::could_sleep() const {
    const std::lock_guard held(lock_);
    return found_;
}

// A thread may be traced by the thread that seized it, only.
void SyscallWatch::run() {
    const bool seized =
        ptrace(PTRACE_SEIZE, thread_, 0, PTRACE_O_TRACESYSGOOD) == 0 && ptrace(PTRACE_INTERRUPT, thread_, 0, 0) == 0;
    ready_ = true;
    ready_.notify_all();
    int status = 0;
    while (seized && waitpid(thread_, &status, __WALL) == thread_ && WIFSTOPPED(status)) {
        const int signal = WSTOPSIG(status);
        if (signal == (SIGTRAP | 0x80)) {
            look(thread_);
        }
        if (stop_ && signal == SIGSTOP) {
            ptrace(PTRACE_DETACH, thread_, 0, 0);
            return;
        }
        const bool delivered = (status >> 16) == 0 && signal != (SIGTRAP | 0x80) && signal != SIGSTOP;
        ptrace(PTRACE_SYSCALL, thread_, 0, delivered ? signal : 0);
    }
}

void SyscallWatch::look(pid_t pid) {
    __ptrace_syscall_info info{};
    if (ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), pid, sizeof info, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY) {
        return;
    }
    ++seen_;
    std::array<std::uint64_t, 6> arg{};
    std::copy_n(info.entry.args, arg.size(), arg.begin());
    if (const auto what = sleeper(pid, info.entry.nr, arg); !what.empty()) {
        const std::lock_guard held(lock_);
        found_.insert(what);
    }
}

} // namespace xbond::harness
