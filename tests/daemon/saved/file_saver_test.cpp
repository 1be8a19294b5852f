// SPDX-License-Identifier: MIT
// State files on a disk that takes nothing for a while: here a directory that is not there.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>

#include "tests/daemon/saved/saved_example.h"
#include "user/daemon/saved/file_saver.h"
#include "user/daemon/task_queue.h"

using namespace xbond;
using namespace xbond::daemon;

namespace {

namespace fs = std::filesystem;

struct SaverLab {
    fs::path place = [] {
        char name[] = "/tmp/xbond-saver-XXXXXX";
        return fs::path(::mkdtemp(name));
    }();
    fs::path directory = place / "closed", file = directory / "bond0.json";
    sys::EventLoop loop = *sys::EventLoop::create();
    FileSaver saver{loop};
    TaskQueue changes;
    int told = 0; // errors

    ~SaverLab() { fs::remove_all(place); }
    void soon(const std::string &text) {
        saver.soon(
            file, [text] { return text; }, sys::Durable::no, [this](const Error &) { ++told; });
    }
    Task<Result<void>> whole(std::string text, std::optional<Result<void>> &outcome) {
        auto write = [text] { return text; };
        outcome = co_await saver.whole(file, std::move(write), sys::Durable::no);
        co_return Result<void>();
    }
    template <typename Condition> bool run_until(const Condition &condition) {
        const auto end = sys::now() + std::chrono::seconds(20);
        for (bool met = false; !met && sys::now() < end; met = condition()) {
            const auto pause = loop.at(sys::now() + Ms(10), [this] { loop.stop(); });
            loop.run();
        }
        return condition();
    }
    std::string text() const { return fs::exists(file) ? test::slurp(file) : ""; }
};

} // namespace

TEST_CASE("file saver: what the disk has refused is written once it takes it, and its error told once") {
    SaverLab lab;
    lab.soon("first");
    REQUIRE(lab.run_until([&] { return lab.told == 1; }));
    CHECK(lab.run_until([&] { return lab.saver.waiting() == 0; }));
    fs::create_directory(lab.directory);
    CHECK(lab.run_until([&] { return lab.text() == "first"; }));
    CHECK(lab.told == 1);
}

TEST_CASE("file saver: what was refused does not come over what was written later") {
    SaverLab lab;
    lab.soon("first");
    REQUIRE(lab.run_until([&] { return lab.told == 1; }));
    fs::create_directory(lab.directory);
    lab.soon("second");
    REQUIRE(lab.run_until([&] { return lab.text() == "second"; }));
    const auto later = sys::now() + std::chrono::seconds(3); // longer than its pause
    (void)lab.run_until([&] { return sys::now() > later; });
    CHECK(lab.text() == "second");
}

TEST_CASE("file saver: who waits for a file is told of its own write, also when a later one waits behind it") {
    SaverLab lab;
    std::optional<Result<void>> outcome;
    lab.changes.add([&] { return lab.whole("first", outcome); });
    lab.soon("second");
    REQUIRE(lab.run_until([&] { return outcome.has_value(); }));
    CHECK_FALSE(outcome->has_value());
}
