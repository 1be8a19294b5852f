// SPDX-License-Identifier: MIT
// The filter of system calls, put on in processes of its own: it does not come off again.
#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "user/daemon/rights.h"

using namespace xbond::daemon;

namespace {

constexpr int not_confined = 200;

// What it answers in a process that is confined; below 200.
int confined(const std::function<int()> &body) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(confine() ? body() : not_confined);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) != not_confined);
    return WEXITSTATUS(status);
}

// With arguments that do nothing, should it go through.
int error_of(long number) {
    errno = 0;
    return ::syscall(number, -1, -1, -1, -1, -1, -1) == -1 ? errno : 0;
}

} // namespace

TEST_CASE("rights: every call that a controller does not need is refused to it, none ends it") {
    REQUIRE(refused_calls().size() > 30);
    for (const auto &call : refused_calls()) {
        INFO(call.name);
        CHECK(confined([&] { return error_of(call.number); }) == EPERM);
    }
}

TEST_CASE("rights: threads that are there already, and those to come, are confined as well") {
    int before = 0;
    CHECK(confined([&] {
              std::thread later([&] { before = error_of(SYS_io_uring_setup); });
              later.join();
              return before;
          }) == EPERM);
    const pid_t child = ::fork();
    if (child == 0) {
        int found = 0;
        std::thread earlier([&] { // waits until the filter is on
            while ((found = error_of(SYS_io_uring_setup)) != EPERM) {
                ::usleep(1000);
            }
        });
        const bool done = confine().has_value();
        earlier.join();
        ::_exit(done && found == EPERM ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

TEST_CASE("rights: calls that are not listed go through, also those that nobody knows yet") {
    CHECK(confined([] { return error_of(SYS_getpid); }) == 0);
    CHECK(confined([] { return error_of(SYS_setns); }) == EBADF);
    constexpr long of_a_kernel_to_come = 4000;
    CHECK(confined([] { return error_of(of_a_kernel_to_come); }) == ENOSYS);
}

#if defined(__x86_64__)
TEST_CASE("rights: other numbers for the same calls are no way past the filter") {
    constexpr long x32 = 0x40000000;
    CHECK(confined([] { return error_of(x32 + SYS_getpid); }) == EPERM);
}
#endif
