// SPDX-License-Identifier: MIT
// Directories and locks that nobody else may have prepared.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include "user/sys/directory.h"

using namespace xbond;
using namespace xbond::sys;
namespace fs = std::filesystem;

namespace {

struct Scratch {
    fs::path path;
    Scratch() {
        std::string name = (fs::temp_directory_path() / "xbond-directory-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Scratch() { fs::remove_all(path); }
};

mode_t mode_of(const fs::path &path) {
    struct stat st {};
    ::stat(path.c_str(), &st);
    return st.st_mode & 07777;
}

} // namespace

TEST_CASE("directory: modes are those asked for, whatever the umask is") {
    const Scratch scratch;
    for (const mode_t mask : {0U, 0077U}) {
        const auto before = ::umask(mask);
        const auto name = scratch.path / ("a" + std::to_string(mask));
        REQUIRE(make_directories(name / "b"));
        REQUIRE(make_directories(name / "b" / "state", 0700));
        ::umask(before);
        CHECK(mode_of(name) == 0755);
        CHECK(mode_of(name / "b") == 0755);
        CHECK(mode_of(name / "b" / "state") == 0700);
    }
}

TEST_CASE("directory: one that others may write in, or that is a symlink, is not trusted") {
    const Scratch scratch;
    CHECK(check_private(scratch.path));
    const auto open = scratch.path / "open", link = scratch.path / "link", missing = scratch.path / "missing";
    fs::create_directory(open);
    ::chmod(open.c_str(), 0777);
    CHECK(check_private(open).error().code == EPERM);
    ::chmod(open.c_str(), 0775);
    CHECK(check_private(open).error().code == EPERM);
    fs::create_directory_symlink("/", link);
    CHECK(check_private(link).error().code == ENOTDIR);
    CHECK(check_private(missing).error().code == ENOENT);
    if (::getuid() == 0) {
        ::chmod(open.c_str(), 0755);
        REQUIRE(::chown(open.c_str(), 65534, 65534) == 0);
        CHECK(check_private(open).error().code == EPERM);
    }
}

TEST_CASE("directory: one of ours that lets others write is closed to them, somebody else's is refused") {
    const Scratch scratch;
    const auto open = scratch.path / "open", link = scratch.path / "link", fresh = scratch.path / "a" / "b";
    fs::create_directory(open);
    ::chmod(open.c_str(), 0777);
    CHECK(make_private(open, 0700));
    CHECK(mode_of(open) == 0700);
    CHECK(make_private(fresh, 0700));
    CHECK(mode_of(fresh) == 0700);
    fs::create_directory_symlink(open, link);
    CHECK(make_private(link, 0700).error().code == ENOTDIR);
    if (::getuid() == 0) {
        REQUIRE(::chown(open.c_str(), 65534, 65534) == 0);
        CHECK(make_private(open, 0700).error().code == EPERM);
        CHECK(check_shared(open).error().code == EPERM);
    }
    ::chmod(fresh.c_str(), 0777);
    CHECK(check_shared(fresh).error().code == EPERM);
    ::chmod(fresh.c_str(), 01777);
    CHECK(check_shared(fresh));
}

TEST_CASE("directory: a file is read only if nobody else can have written it") {
    const Scratch scratch;
    const auto file = scratch.path / "file", link = scratch.path / "link", pipe = scratch.path / "pipe";
    std::ofstream(file) << "text";
    CHECK(read_own_file(file).value() == "text");
    fs::create_symlink(file, link);
    CHECK(read_own_file(link).error().code == ELOOP);
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(read_own_file(pipe).error().code == EPERM); // and does not wait for a writer
    CHECK(read_own_file(scratch.path / "missing").error().code == ENOENT);
    ::chmod(file.c_str(), 0666);
    CHECK(read_own_file(file).error().code == EPERM);
    ::chmod(file.c_str(), 0644);
    if (::getuid() == 0) {
        REQUIRE(::chown(file.c_str(), 65534, 65534) == 0);
        CHECK(read_own_file(file).error().code == EPERM);
    }
}

TEST_CASE("lock: the second to come is told who is there, and gets in when the first has gone") {
    const Scratch scratch;
    const auto file = scratch.path / "run" / "lock";
    auto first = lock_file(file, "another xbondd");
    REQUIRE(first);
    const auto second = lock_file(file, "another xbondd");
    REQUIRE_FALSE(second);
    CHECK(second.error().code == EBUSY);
    CHECK(second.error().message.find("another xbondd (pid " + std::to_string(::getpid()) + ")") != std::string::npos);
    first->reset();
    CHECK(lock_file(file, "another xbondd"));
}

TEST_CASE("lock: one whose file was removed keeps nobody out, and a symlink is not followed") {
    const Scratch scratch;
    const auto file = scratch.path / "lock", target = scratch.path / "target";
    const auto first = lock_file(file, "x");
    REQUIRE(first);
    fs::remove(file);
    CHECK(lock_file(file, "x"));
    fs::remove(file);
    std::ofstream(target) << "precious";
    fs::create_symlink(target, file);
    CHECK(lock_file(file, "x").error().code == ELOOP);
    CHECK(fs::file_size(target) == 8);
}
