// SPDX-License-Identifier: MIT
#include "tests/harness/sandbox.h"

#include <cerrno>
#include <cstdlib>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <system_error>

namespace xbond::harness {
namespace {

void check(int result, const char *what) {
    if (result != 0) {
        throw std::system_error(errno, std::generic_category(), what);
    }
}

bool enter() {
    check(unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS): the netns tests need root");
    check(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
    check(mount("xbond-test", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"), "mount tmpfs on /run");
    // libxdp pins its dispatchers in a bpffs of its own choice, by default the machine's.
    check(mkdir("/run/libxdp", 0700), "mkdir /run/libxdp");
    check(mount("bpf", "/run/libxdp", "bpf", 0, "mode=0700"), "mount bpffs for libxdp");
    check(setenv("LIBXDP_BPFFS", "/run/libxdp", 1), "setenv");
    return true;
}

} // namespace

void enter_sandbox() { [[maybe_unused]] static const bool entered = enter(); }

TempDir::TempDir(const std::string &prefix) {
    enter_sandbox();
    std::string name = "/run/" + prefix + "-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
    }
    path_ = name;
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

BpfFs::BpfFs() : dir_("bpf") { check(mount("bpf", dir_.path().c_str(), "bpf", 0, "mode=0700"), "mount bpffs"); }

BpfFs::~BpfFs() { umount2(dir_.path().c_str(), MNT_DETACH); }

} // namespace xbond::harness
