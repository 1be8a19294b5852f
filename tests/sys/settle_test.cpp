// SPDX-License-Identifier: MIT
// settle_bpffs for real, in a machine of its own: a private mount, PID and network namespace, in which process 1 is
// part of the test and /run is a tmpfs. Nothing of it is visible outside and all of it ends with its process 1.
#include <catch2/catch.hpp>
#include <csignal>
#include <functional>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/sys/lab.h"
#include "user/sys/netns.h"

using namespace xbond::sys;

namespace {

constexpr int cannot = 77; // the sandbox itself was refused

// Exit status of `body`, run in a child that dies with its parent.
int in_child(const std::function<int()> &body) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::_exit(body());
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

bool private_mounts() {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// Runs `body` as process 1 of the private machine, with a network namespace "x" to ip.
int in_sandbox(const std::function<int()> &body) {
    return in_child([&] {
        if (!private_mounts() || ::unshare(CLONE_NEWPID | CLONE_NEWNET) != 0) {
            return cannot;
        }
        return in_child([&] {
            const bool ready = ::mount("proc", "/proc", "proc", 0, nullptr) == 0 &&
                               ::mount("tmpfs", "/run", "tmpfs", 0, nullptr) == 0 && shell("ip netns add x");
            ::umount2("/sys/fs/bpf", MNT_DETACH); // whatever the machine has: here it is missing
            return ready ? body() : cannot;
        });
    });
}

int settle(const std::string &pin) { return shell("ip netns exec x " XB_SETTLE_HELPER " " + pin) ? 0 : 1; }

bool pinned(const std::string &name) { return ::access(("/sys/fs/bpf/" + name).c_str(), F_OK) == 0; }

// From here on neither this process nor what it executes has the capability.
bool drop_capability(int capability) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    if (::prctl(PR_CAPBSET_DROP, capability) != 0 || ::syscall(SYS_capget, &header, data) != 0) {
        return false;
    }
    for (auto *set :
         {&data[capability / 32].effective, &data[capability / 32].permitted, &data[capability / 32].inheritable}) {
        *set &= ~(1U << (capability % 32));
    }
    return ::syscall(SYS_capset, &header, data) == 0;
}

bool skipped(int status) {
    if (status == cannot) {
        std::puts("SKIPPED: may not make mount, PID and network namespaces");
    }
    return status == cannot;
}

} // namespace

TEST_CASE("settle_bpffs: from `ip netns exec` pins go to the mount namespace of process 1 and outlive the command") {
    const int status = in_sandbox([] {
        if (settle("first") != 0) {
            return 1;
        }
        if (!pinned("first")) {
            return 2;
        }
        return settle("second") == 0 && pinned("first") && pinned("second") ? 0 : 3; // not mounted over
    });
    if (!skipped(status)) {
        CHECK(status == 0);
    }
}

TEST_CASE("settle_bpffs: where process 1 refuses, the outermost ancestor that may be joined is taken") {
    const int status = in_sandbox([] {
        const int inner = in_child([] {
            // Process 1 now has a capability that this one and its children lack, and may not be looked into.
            if (!private_mounts() || !drop_capability(CAP_SYS_PTRACE)) {
                return cannot;
            }
            if (::access("/proc/1/ns/mnt", F_OK) == 0 && ::open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC) >= 0) {
                return 4;
            }
            return settle("map") != 0 ? 1 : (pinned("map") ? 0 : 2);
        });
        return inner == 0 && pinned("map") ? 3 : inner; // process 1 must not have it
    });
    if (!skipped(status)) {
        CHECK(status == 0);
    }
}

TEST_CASE("settle_bpffs: a bpffs that is mounted here is used, without a move") {
    const int status = in_sandbox([] {
        if (::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) != 0 || ::chdir("/tmp") != 0) {
            return cannot;
        }
        const auto dir = settle_bpffs(std::nullopt);
        char cwd[64];
        return dir && *dir == "/sys/fs/bpf" && std::string_view(::getcwd(cwd, sizeof cwd)) == "/tmp" ? 0 : 1;
    });
    if (!skipped(status)) {
        CHECK(status == 0);
    }
}

TEST_CASE("settle_bpffs: the wanted place is used as it is, and must be a bpffs") {
    const int status = in_sandbox([] {
        if (::mkdir("/run/bpf", 0700) != 0 || ::mount("bpf", "/run/bpf", "bpf", 0, nullptr) != 0) {
            return cannot;
        }
        const auto below = settle_bpffs("/run/bpf/not/made/yet");
        const auto other = settle_bpffs("/run/elsewhere");
        if (!below || *below != "/run/bpf/not/made/yet") {
            return 1;
        }
        return !other && other.error().code == EINVAL ? 0 : 2;
    });
    if (!skipped(status)) {
        CHECK(status == 0);
    }
}
