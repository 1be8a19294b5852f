// SPDX-License-Identifier: MIT
// Files of commands, and lists of links, as ip has them.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/cli/words.h"
#include "user/cli/batch.h"
#include "user/cli/link_lists.h"

using namespace xbond;
using namespace xbond::cli;
using nlohmann::ordered_json;

namespace {

using Words = std::vector<std::string>;

} // namespace

TEST_CASE("cli batch: quotes, comments, lines that go on, and where each began") {
    const auto lines = batch_lines("# bonds\n"
                                   "link add bond0 type bond # the first\n"
                                   "\n"
                                   "link set bond0 \\\n"
                                   "  up\n"
                                   "\tlink set bond0 alias \"to the switch\" \r\n"
                                   "link set bond0 alias 'it''s'\n"
                                   "link show bond0");
    REQUIRE(lines.size() == 5);
    CHECK(lines[0].words == Words{"link", "add", "bond0", "type", "bond"});
    CHECK(lines[0].number == 2);
    CHECK(lines[1].words == Words{"link", "set", "bond0", "up"});
    CHECK(lines[1].number == 4);
    CHECK(lines[2].words == Words{"link", "set", "bond0", "alias", "to the switch"});
    CHECK(lines[3].words == Words{"link", "set", "bond0", "alias", "it", "s"});
    CHECK(lines[4].number == 8);
    CHECK(batch_lines("").empty());
    CHECK(batch_lines("#\n  \n").empty());
    CHECK(batch_lines("link set bond0 alias 'no end").front().open_quote);
    CHECK_FALSE(lines[3].open_quote);
    CHECK(batch_lines("link \\").front().words == Words{"link", "\\"});
}

TEST_CASE("cli batch: what stands before it holds for its lines") {
    const auto batch = test::parse_line("-n ns -j -fo -b file");
    REQUIRE(batch);
    CHECK(std::get<Batch>(batch->action).path == "file");
    CHECK(std::get<Batch>(batch->action).force);
    CHECK(batch->globals.netns == "ns");
    const Words line{"link", "show"};
    CHECK(parse_command(line, batch->globals)->globals.json);
}

TEST_CASE("link lists: what link show leaves out") {
    const auto links = ordered_json::parse(
        R"([{"ifname":"e0","flags":["SLAVE","UP"],"master":"bond0","group":"default"},)"
        R"({"ifname":"bond0","flags":["MASTER","UP"],"group":"7"},{"ifname":"bond1","flags":["MASTER"],"group":"default"}])");
    const auto shown = [&](const std::string &line) {
        std::string names;
        for (const auto &link : filtered(links, test::parse_line("link show " + line)->filter)) {
            names += (names.empty() ? "" : " ") + link.at("ifname").get<std::string>();
        }
        return names;
    };
    CHECK(shown("") == "e0 bond0 bond1");
    CHECK(shown("up") == "e0 bond0");
    CHECK(shown("down") == "bond1");
    CHECK(shown("type bond_slave") == "e0");
    CHECK(shown("nomaster") == "bond0 bond1");
    CHECK(shown("master bond0") == "e0");
    CHECK(shown("group 7") == "bond0");
    CHECK(shown("group default type bond") == "bond1");
    CHECK(shown("group 0 up") == "e0");
}

TEST_CASE("link xstats: as ip prints a kernel bond's, and only of bonds that have LACP") {
    const auto status = ordered_json::parse(
        R"({"bonds":[{"name":"bond0","lacp":{"stats":{"lacpdu_rx":7,"lacpdu_tx":9,"marker_resp_tx":2}},)"
        R"("slaves":[{"name":"e0","lacp":{"stats":{"lacpdu_rx":7}}},{"name":"e1"}]},{"name":"bond1","slaves":[]}]})");
    const auto bonds = link_xstats(status, {});
    REQUIRE(bonds);
    CHECK(bonds->dump() == R"([{"ifname":"bond0","802.3ad":{"lacpdu_rx":7,"lacpdu_tx":9,"lacpdu_unknown_rx":0,)"
                           R"("lacpdu_illegal_rx":0,"marker_rx":0,"marker_tx":0,"marker_response_rx":0,)"
                           R"("marker_response_tx":2,"marker_unknown_rx":0}},{"ifname":"bond1"}])");
    CHECK(link_xstats_text(*bonds) == "bond0           \n"
                                      "                    LACPDU Rx 7\n"
                                      "                    LACPDU Tx 9\n"
                                      "                    LACPDU Unknown type Rx 0\n"
                                      "                    LACPDU Illegal Rx 0\n"
                                      "                    Marker Rx 0\n"
                                      "                    Marker Tx 0\n"
                                      "                    Marker response Rx 0\n"
                                      "                    Marker response Tx 2\n"
                                      "                    Marker unknown type Rx 0\n"
                                      "bond1           \n");
    CHECK(link_xstats(status, {true, "e0"})->size() == 1);
    CHECK(link_xstats(status, {false, "e0"})->empty());
    CHECK(link_xstats(status, {false, "eth9"}).error().code == ENODEV);
}
