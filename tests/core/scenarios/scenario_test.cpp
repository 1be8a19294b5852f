// SPDX-License-Identifier: MIT
// Every file below this directory is a test of its own, named after it. XB_REWRITE=1 in the environment writes what
// comes of the commands into the files: what has changed is read as a diff.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/core/scenarios/file.h"

using namespace xbond::test::scenario;

namespace {

namespace fs = std::filesystem;

const fs::path room = fs::path(XBOND_SOURCE_DIR) / "tests/core/scenarios";

std::string read(const fs::path &path) {
    std::ifstream stream(path);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

class Scenario final : public Catch::ITestInvoker {
public:
    explicit Scenario(fs::path path) : path_(std::move(path)) {}

    void invoke() const override {
        const File file = parse(read(path_));
        REQUIRE_FALSE(file.blocks.empty());
        const auto outputs = play(file);
        if (std::getenv("XB_REWRITE") != nullptr) {
            std::ofstream(path_) << rewritten(file, outputs);
            return;
        }
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            const Lines lines = difference(file.blocks[i].expected, outputs[i]);
            if (!lines.empty()) {
                std::ostringstream text; // not by Catch, which breaks lines
                for (const std::string &line : lines) {
                    text << line << "\n";
                }
                std::cout << path_.string() << ":" << file.blocks[i].first << ":\n" << text.str();
                FAIL_CHECK(path_.filename().string()
                           << ": something else came of the commands above line " << file.blocks[i].first);
            }
        }
    }

private:
    fs::path path_;
};

std::vector<fs::path> scenarios() {
    std::vector<fs::path> files;
    for (const auto &entry : fs::recursive_directory_iterator(room)) {
        if (entry.path().extension() == ".txt" && entry.path().parent_path() != room) {
            files.push_back(entry.path());
        }
    }
    std::ranges::sort(files);
    return files;
}

// Before main(), as TEST_CASE does it.
const bool registered = [] {
    for (const fs::path &path : scenarios()) {
        const std::string area = path.parent_path().filename().string(), name = path.stem().string();
        const std::string title = "scenario " + area + "/" + name, tags = "[" + area + "]";
        Catch::AutoReg(new Scenario(path), Catch::SourceLineInfo(__FILE__, __LINE__), Catch::StringRef(),
                       Catch::NameAndTags(title, tags));
    }
    return true;
}();

const char *const example = "# A rule.\n\nbond mode active-backup\nenslave e0\n----\nold\nlines\n\nshow # it\n----\n";

} // namespace

TEST_CASE("a scenario is rewritten where its outputs stand, and nowhere else") {
    REQUIRE(registered);
    const File file = parse(example);
    REQUIRE(file.blocks.size() == 2);
    CHECK(file.blocks[0].expected == Lines{"old", "lines"});
    CHECK(file.blocks[1].commands.front().words == Lines{"show"});
    CHECK(rewritten(file, {{"old", "lines"}, {}}) == example);
    CHECK(rewritten(file, {{"new"}, {"two", "more"}}) ==
          "# A rule.\n\nbond mode active-backup\nenslave e0\n----\nnew\n\nshow # it\n----\ntwo\nmore\n");
    CHECK(play(parse(rewritten(file, play(file)))) == play(file));
}

TEST_CASE("what differs in a scenario is told line by line") {
    CHECK(difference({"a", "b", "c"}, {"a", "b", "c"}).empty());
    CHECK(difference({"a", "b", "c"}, {"a", "x", "c", "d"}) == Lines{"  a", "- b", "+ x", "  c", "+ d"});
    CHECK(difference({}, {"a"}) == Lines{"+ a"});
    CHECK(difference({"a"}, {}) == Lines{"- a"});
}

TEST_CASE("a scenario that is none is refused") {
    CHECK_THROWS_WITH(parse("bond\n----\n"), Catch::Contains("the rule in words"));
    CHECK_THROWS_WITH(parse("# A rule.\nbond\n"), Catch::Contains("line 2: no line ----"));
    const auto played = [](const std::string &commands) { play(parse("# A rule.\n" + commands + "\n----\n")); };
    CHECK_THROWS_WITH(played("bond mode active-backup\ndance"), "line 3: no such command: dance");
    CHECK_THROWS_WITH(played("bond mode active-backup\ncarrier e0 up"), "line 3: no slave e0");
    CHECK_THROWS_WITH(played("bond mode active-backup\nenslave e0\ncarrier e0 on"),
                      "line 4: expected up or down, got on");
    CHECK_THROWS_WITH(played("wait 3"), "line 2: no time: 3 (300ms, 60s)");
    CHECK_THROWS_WITH(played("bond mode nonsense"), Catch::Contains("nonsense"));
}
