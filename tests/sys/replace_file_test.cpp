// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/sys/replace_file.h"

using namespace xbond;
using namespace xbond::sys;
namespace fs = std::filesystem;

namespace {

class Directory {
public:
    Directory() {
        std::string name = (fs::temp_directory_path() / "xbond-file-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    Directory(const Directory &) = delete;
    Directory &operator=(const Directory &) = delete;
    ~Directory() { fs::remove_all(path_); }
    fs::path file() const { return path_ / "saved"; }
    std::ptrdiff_t entries() const { return std::distance(fs::directory_iterator(path_), fs::directory_iterator()); }

private:
    fs::path path_;
};

std::string content(const fs::path &path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The errno of replacing it in a process whose files end after `limit` bytes, as on a disk that is full.
int replace_with_room(const fs::path &path, const std::string &text, rlim_t limit) {
    const pid_t child = ::fork();
    if (child == 0) {
        const rlimit room{limit, limit};
        ::signal(SIGXFSZ, SIG_IGN);
        ::setrlimit(RLIMIT_FSIZE, &room);
        const auto done = replace_file(path, text, Durable::yes);
        ::_exit(done ? 0 : done.error().code);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WEXITSTATUS(status);
}

} // namespace

TEST_CASE("replace file: what cannot be written whole leaves the old one as it was, and nothing beside it") {
    const Directory directory;
    REQUIRE(replace_file(directory.file(), "the old one", Durable::yes));
    const std::string longer(10000, 'x');
    for (const rlim_t room : {0, 1, 4096, 9999}) {
        CHECK(replace_with_room(directory.file(), longer, room) == EFBIG);
        CHECK(content(directory.file()) == "the old one");
        CHECK(directory.entries() == 1);
    }
    CHECK(replace_with_room(directory.file(), longer, 10000) == 0);
    CHECK(content(directory.file()) == longer);
}

TEST_CASE("replace file: a successor that was left half written is no obstacle, and not followed where it leads") {
    const Directory directory;
    const fs::path elsewhere = directory.file().string() + ".elsewhere", fresh = directory.file().string() + ".new";
    std::ofstream(fresh) << "half of it, and more than what comes";
    REQUIRE(replace_file(directory.file(), "whole", Durable::no));
    CHECK(content(directory.file()) == "whole");
    std::ofstream(elsewhere) << "not ours";
    fs::create_symlink(elsewhere, fresh);
    CHECK_FALSE(replace_file(directory.file(), "again", Durable::no));
    CHECK(content(elsewhere) == "not ours");
    CHECK(content(directory.file()) == "whole");
}
