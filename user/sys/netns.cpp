// SPDX-License-Identifier: MIT
#include "user/sys/netns.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sstream>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <thread>
#include <vector>

#include "common/fd.h"
#include "user/sys/io.h"

namespace xbond::sys {
namespace {

namespace fs = std::filesystem;
constexpr const char *bpffs = "/sys/fs/bpf";

bool on_bpffs(const fs::path &path) {
    struct statfs st {};
    return ::statfs(path.c_str(), &st) == 0 && st.f_type == static_cast<decltype(st.f_type)>(BPF_FS_MAGIC);
}

std::string proc(pid_t pid, const char *file) { return "/proc/" + std::to_string(pid) + "/" + file; }

pid_t parent_of(pid_t pid) { // 0 when there is none, or it cannot be read
    const auto status = read_file(proc(pid, "status")).value_or("");
    constexpr std::string_view key = "\nPPid:\t";
    const auto at = status.find(key);
    pid_t parent = 0;
    if (at != std::string::npos) {
        std::from_chars(status.data() + at + key.size(), status.data() + status.size(), parent);
    }
    return parent;
}

// Process 1, then the ancestors of this process from the outermost to its parent.
std::vector<pid_t> candidates() {
    std::vector<pid_t> chain;
    for (pid_t pid = ::getppid(); pid > 1; pid = parent_of(pid)) {
        chain.push_back(pid);
    }
    chain.push_back(1);
    std::reverse(chain.begin(), chain.end());
    return chain;
}

bool same_file(const struct stat &a, const struct stat &b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

// Joins the mount namespace of a process, if it is not the one we are in: a needless join would lose the working
// directory.
Result<void> join_mounts_of(pid_t pid) {
    const std::string name = proc(pid, "ns/mnt");
    const Fd theirs(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat their_ns {};
    struct stat our_ns {};
    if (!theirs || ::fstat(theirs.get(), &their_ns) != 0 || ::stat("/proc/self/ns/mnt", &our_ns) != 0) {
        return fail_errno("cannot open " + name);
    }
    if (same_file(their_ns, our_ns) || ::setns(theirs.get(), CLONE_NEWNS) == 0) {
        return {};
    }
    return fail_errno("cannot join " + name);
}

// Two daemons that start together must not both mount: the second would cover the first one's pins. The directory is
// open to everybody, so a lock that somebody sits on only delays.
void wait_for_lock(const Fd &directory) {
    using namespace std::chrono_literals;
    const auto deadline = std::chrono::steady_clock::now() + 1s;
    while (::flock(directory.get(), LOCK_EX | LOCK_NB) != 0 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(5ms);
    }
}

Result<void> mount_bpffs() {
    const Fd directory(::open(bpffs, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) {
        return fail_errno(std::string("cannot open ") + bpffs);
    }
    wait_for_lock(directory);
    if (!on_bpffs(bpffs) && ::mount("bpf", bpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) {
        return fail_errno(std::string("cannot mount the BPF file system on ") + bpffs);
    }
    return {};
}

Result<fs::path> check_wanted(const fs::path &wanted) {
    std::error_code ignored;
    fs::path existing = fs::absolute(wanted, ignored);
    while (existing.has_relative_path() && !fs::exists(existing, ignored)) {
        existing = existing.parent_path(); // directories below are made later, with the pins
    }
    if (!on_bpffs(existing)) {
        return fail(EINVAL, wanted.string() + " is on no BPF file system: mount one with `mount -t bpf bpf DIR`");
    }
    return wanted;
}

} // namespace

Result<std::uint64_t> netns_inode() {
    struct stat st {};
    if (::stat("/proc/thread-self/ns/net", &st) != 0) {
        return fail_errno("cannot read /proc/thread-self/ns/net");
    }
    return st.st_ino;
}

std::set<std::uint64_t> visible_netns() {
    std::set<std::uint64_t> found;
    const auto add = [&found](const fs::path &path) {
        struct stat st {};
        if (::stat(path.c_str(), &st) == 0) {
            found.insert(st.st_ino);
        }
    };
    std::error_code ignored;
    for (const auto &process : fs::directory_iterator("/proc", ignored)) {
        if (std::isdigit(static_cast<unsigned char>(process.path().filename().string().front())) != 0) {
            add(process.path() / "ns/net");
        }
    }
    for (const auto &name : fs::directory_iterator("/run/netns", ignored)) {
        add(name.path());
    }
    // "... 0:4 net:[4026532253] /somewhere ...": mounted there, in this mount namespace or in that of process 1.
    for (const char *process : {"self", "1"}) {
        const auto mounts = read_file(std::string("/proc/") + process + "/mountinfo").value_or("");
        constexpr std::string_view key = " net:[";
        for (auto at = mounts.find(key); at != std::string::npos; at = mounts.find(key, at + 1)) {
            std::uint64_t inode = 0;
            std::from_chars(mounts.data() + at + key.size(), mounts.data() + mounts.size(), inode);
            found.insert(inode);
        }
    }
    return found;
}

namespace {

// Paths that are one, as far as can be seen; the same one may come more than once.
std::vector<fs::path> netns_paths() {
    std::vector<fs::path> paths;
    std::error_code ignored;
    for (const auto &name : fs::directory_iterator("/run/netns", ignored)) {
        paths.push_back(name.path());
    }
    std::vector<fs::path> held;
    for (const auto &process : fs::directory_iterator("/proc", ignored)) {
        if (std::isdigit(static_cast<unsigned char>(process.path().filename().string().front())) == 0) {
            continue;
        }
        paths.push_back(process.path() / "ns/net");
        for (const auto &open : fs::directory_iterator(process.path() / "fd", ignored)) {
            if (fs::read_symlink(open.path(), ignored).string().starts_with("net:[")) {
                held.push_back(open.path());
            }
        }
    }
    paths.insert(paths.end(), held.begin(), held.end());
    return paths;
}

} // namespace

Result<Fd> find_netns(const std::function<bool(int netns_fd)> &is_it) {
    fs::path nowhere;
    return find_netns(is_it, nowhere);
}

Result<Fd> find_netns(const std::function<bool(int netns_fd)> &is_it, fs::path &found) {
    if (!found.empty()) {
        Fd fd(::open(found.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (fd && is_netns(fd.get()) && is_it(fd.get())) {
            return fd;
        }
    }
    std::set<std::uint64_t> seen;
    for (const auto &path : netns_paths()) {
        Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        struct stat st {};
        struct statfs kind {};
        if (!fd || ::fstat(fd.get(), &st) != 0 || ::fstatfs(fd.get(), &kind) != 0 ||
            kind.f_type != static_cast<decltype(kind.f_type)>(NSFS_MAGIC) || !seen.insert(st.st_ino).second) {
            continue;
        }
        if (is_it(fd.get())) {
            found = path;
            return fd;
        }
    }
    return fail(ENOENT, "no such network namespace is held by anything that can be seen here");
}

// All of the kernel's own files of namespaces are in one file system: whatever else it is was passed by somebody whose
// file system may take its time to answer, and is not asked.
bool is_netns(int fd) {
    struct statx theirs {
    }, ours{};
    constexpr int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    return ::statx(fd, "", flags, STATX_INO, &theirs) == 0 &&
           ::statx(AT_FDCWD, "/proc/thread-self/ns/net", AT_STATX_DONT_SYNC, STATX_INO, &ours) == 0 &&
           theirs.stx_dev_major == ours.stx_dev_major && theirs.stx_dev_minor == ours.stx_dev_minor &&
           ::ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

Result<Fd> open_netns(std::string_view name) {
    const bool is_path = name.find('/') != std::string_view::npos;
    if (name.empty() || name == "." || name == "..") {
        return fail(EINVAL, "\"" + std::string(name) + "\" is no name of a network namespace");
    }
    const std::string path = (is_path ? "" : "/run/netns/") + std::string(name);
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    int code = errno;
    if (!fd && !is_path && std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; })) {
        fd = Fd(::open(("/proc/" + std::string(name) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
        code = errno;
    }
    if (!fd) {
        return fail_errno("cannot open network namespace " + std::string(name), code);
    }
    if (!is_netns(fd.get())) {
        return fail(EINVAL, std::string(name) + " is no network namespace");
    }
    return fd;
}

Result<Fd> own_netns() {
    Fd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!fd) {
        return fail_errno("cannot open /proc/thread-self/ns/net");
    }
    return fd;
}

Result<void> within_netns(int netns_fd, const std::function<Result<void>()> &body) {
    Result<void> done;
    std::thread inside([&] {
        if (::setns(netns_fd, CLONE_NEWNET) != 0) {
            done = fail_errno("cannot enter a network namespace");
        } else {
            done = body();
        }
    });
    inside.join();
    return done;
}

Result<void> enter_netns(std::string_view name_or_path) {
    const bool is_path = name_or_path.find('/') != std::string_view::npos;
    if (name_or_path.empty() || name_or_path == "." || name_or_path == "..") {
        return fail(EINVAL, "\"" + std::string(name_or_path) + "\" is no name of a network namespace");
    }
    const std::string path = (is_path ? "" : "/run/netns/") + std::string(name_or_path);
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        return fail_errno("cannot open network namespace " + path);
    }
    if (::setns(fd.get(), CLONE_NEWNET) != 0) {
        return fail_errno("cannot enter network namespace " + path);
    }
    return {};
}

Result<fs::path> settle_bpffs(const std::optional<fs::path> &wanted) {
    if (wanted) {
        return check_wanted(*wanted);
    }
    if (on_bpffs(bpffs)) {
        return bpffs;
    }
    for (const pid_t pid : candidates()) {
        const auto joined = join_mounts_of(pid);
        if (joined) {
            break; // where every one refuses, our own namespace has to do
        }
        if (joined.error().code == EINVAL) { // not a refusal: this process has threads already
            return tl::make_unexpected(joined.error());
        }
    }
    return mount_bpffs().map([] { return fs::path(bpffs); });
}

void join_outer_mounts(const fs::path &needed) {
    const Fd home(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    std::error_code ignored;
    const bool was_there = fs::exists(needed, ignored);
    for (const pid_t pid : candidates()) {
        if (join_mounts_of(pid)) {
            break;
        }
    }
    if (home && was_there && !fs::exists(needed, ignored)) {
        (void)::setns(home.get(), CLONE_NEWNS);
    }
}

std::vector<fs::path> bpffs_mounts() {
    std::vector<fs::path> found;
    std::istringstream mounts(read_file("/proc/self/mountinfo").value_or(""));
    for (std::string line; std::getline(mounts, line);) { // id parent device root PLACE options ... - TYPE source ...
        std::istringstream words(line);
        std::string word, place;
        for (int n = 0; n < 5; ++n) {
            words >> place;
        }
        while (words >> word && word != "-") {}
        if (words >> word && word == "bpf") {
            found.emplace_back(place);
        }
    }
    return found;
}

fs::path default_socket(std::uint64_t netns) { return "/run/xbond/" + std::to_string(netns) + "/control"; }

fs::path default_files_dir(std::uint64_t netns) { return "/run/xbond/" + std::to_string(netns) + "/files"; }

fs::path default_state_dir(std::uint64_t netns) { return "/run/xbond/" + std::to_string(netns) + "/state"; }

} // namespace xbond::sys
