// SPDX-License-Identifier: MIT
// xbond-files for the daemon of a test, mounted in a directory of that daemon.
#pragma once

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/mount.h>

#include "tests/harness/daemon.h"
#include "tests/harness/wait.h"

namespace xbond::harness {

// Whether a test has to be left out.
inline bool no_fuse() {
    const Fd fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    if (!fd) {
        std::cout << "SKIPPED: this machine has no FUSE\n";
    }
    return !fd;
}

// Whether a program of others is there that the test is about.
inline bool installed(const std::string &name) {
    const bool there = run({"sh", "-c", "command -v " + name}).ok();
    if (!there) {
        std::cout << "SKIPPED: " << name << " is not installed\n";
    }
    return there;
}

class Mounted {
public:
    Mounted(const NetNs &ns, const Daemon &daemon) : ns_(ns), socket_(daemon.socket()), dir_(daemon.dir() / "files") {
        start();
    }
    Mounted(const Mounted &) = delete;
    Mounted &operator=(const Mounted &) = delete;
    ~Mounted() {
        process_.reset();
        while (umount2(dir_.c_str(), MNT_DETACH) == 0) {}
    }
    void start() {
        process_ = std::make_unique<Process>(Argv{program("xbond-files"), dir_, "--socket", socket_}, ns_.fd());
        if (!wait_until([&] { return !process_->running() || serves(); }, 10s) || !process_->running()) {
            throw std::runtime_error("xbond-files does not serve: " + process_->err());
        }
    }
    Process &process() { return *process_; }
    bool serves() const {
        std::error_code ignored;
        return std::filesystem::exists(dir_ / "proc", ignored);
    }
    std::filesystem::path dir() const { return dir_; }
    std::filesystem::path proc(const std::string &bond) const { return dir_ / "proc/net/bonding" / bond; }
    std::filesystem::path net() const { return dir_ / "sys/class/net"; }
    std::filesystem::path file(const std::string &name) const { return net() / "bond0/bonding" / name; }

private:
    const NetNs &ns_;
    std::filesystem::path socket_, dir_;
    std::unique_ptr<Process> process_;
};

inline std::string text_of(const std::filesystem::path &path) { return run({"cat", path}).out; }

// One write, as `echo` does it; the errno, or 0.
inline int put(const std::filesystem::path &path, const std::string &text) {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
}

} // namespace xbond::harness
