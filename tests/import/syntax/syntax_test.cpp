// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "user/import/syntax/ini.h"
#include "user/import/syntax/node.h"
#include "user/import/syntax/shell.h"
#include "user/import/syntax/text.h"

using namespace xbond;

TEST_CASE("import: spans of time as systemd reads them") {
    using import::time_span;
    CHECK(time_span("0.1", 1000000) == 100000U);
    CHECK(time_span("200ms", 1000000) == 200000U);
    CHECK(time_span("1min 2s", 1000000) == 62000000U);
    CHECK(time_span("2s500ms", 1000000) == 2500000U);
    CHECK(time_span("100", 1000) == 100000U);
    CHECK(time_span("1.5h", 1000000) == 5400000000U);
    CHECK_FALSE(time_span("50ms # fast", 1000000));
    CHECK_FALSE(time_span("fast", 1000000));
    CHECK_FALSE(time_span("", 1000000));
}

TEST_CASE("import: words of a shell, with quotes, escapes and comments") {
    const auto variables = import::parse_variables("A='x y'z\"$(\\\"\"\n", "f");
    REQUIRE_FALSE(variables); // a substitution begins in the double quotes
    const auto fine = import::parse_variables("A='x $y'\"z\\$\" # c\nB=a#b; C=$'t\\tq'\nexport D=1\nA+=more\n", "f");
    REQUIRE(fine);
    REQUIRE(fine->size() == 4);
    CHECK((*fine)[0].value == "a#b");
    CHECK((*fine)[1].value == "t\tq");
    CHECK((*fine)[2].value == "1");
    CHECK((*fine)[3].value == "x $yz$more");
    CHECK((*fine)[3].at.line == 4);
}

TEST_CASE("import: systemd's lines that go on, with comments between them") {
    import::Notes notes;
    const auto entries = import::parse_systemd("[A]\nk = one \\\n# no\n  two\n;x=y\n[B]\nodd\nk=\n", "f", notes);
    REQUIRE(entries);
    REQUIRE(entries->size() == 2);
    CHECK((*entries)[0].value == "one  two");
    CHECK((*entries)[0].at.line == 2);
    CHECK((*entries)[1].section == "B");
    CHECK(notes.size() == 1);
}

TEST_CASE("import: keyfiles have escapes, and no line that is neither group nor assignment") {
    const auto entries = import::parse_keyfile("[g]\nk= a\\sb\\tc \r\n", "f");
    REQUIRE(entries);
    CHECK((*entries)[0].value == "a b\tc ");
    CHECK_FALSE(import::parse_keyfile("[g]\n; no comment\n", "f"));
    CHECK_FALSE(import::parse_keyfile("k=v\n", "f"));
}

TEST_CASE("import: YAML and JSON know the lines of their keys") {
    const auto yaml = import::parse_yaml("a:\n  - x\n  - {b: 'c'}\nd: &e 1\nf: *e\n", "f");
    REQUIRE(yaml);
    CHECK((*yaml)->find("d")->line == 4);
    CHECK((*yaml)->find("a")->value->items[1]->find("b")->value->text == "c");
    CHECK((*yaml)->find("f")->value->text == "1");
    const auto json = import::parse_json("{\"a\": [1,\n {\"b\": \"\\u0041\"}]}", {"f", 7});
    REQUIRE(json);
    CHECK((*json)->find("a")->value->items[1]->find("b")->line == 8);
    CHECK((*json)->find("a")->value->items[1]->find("b")->value->text == "A");
}
