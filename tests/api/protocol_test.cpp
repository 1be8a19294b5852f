// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/api/mutate.h"
#include "user/api/protocol.h"
#include "user/core/wire/hex.h"

using namespace xbond;
using namespace xbond::api;

namespace {

// Every command, with everything it can carry.
const std::vector<std::string> good{
    (R"({"v":1,"cmd":"link.add","name":"bond0","options":[["mode","active-backup"],["miimon","50"]],)"
     R"("address":"52:54:00:aa:bb:01","mtu":9000})"),
    R"({"v":1,"cmd":"link.del","name":"bond0"})",
    (R"({"v":1,"cmd":"link.set","name":"eth0","options":[["primary","eth0"]],"slave_options":[["prio","-10"]],)"
     R"("master":"bond0","up":true,"address":"52:54:00:aa:bb:01","mtu":1500})"),
    R"({"v":1,"cmd":"status","name":"bond0"})",
    R"({"v":1,"cmd":"link.show","name":"bond0","details":true,"statistics":false})",
    R"({"v":1,"cmd":"proc","name":"bond0"})",
    R"({"v":1,"cmd":"monitor"})",
    R"({"v":1,"cmd":"explain","name":"bond0","frame":"525400aabb01525400ccdd020806","vlan_tci":100})",
    R"({"v":1,"cmd":"apply","config":"{\"bonds\":{}}","dry_run":true})",
    R"({"v":1,"cmd":"lacp","name":"bond0","history":true,"slave":"eth0"})",
    R"({"v":1,"cmd":"state.open","name":"bond0","sockets":true})",
    (R"({"v":1,"cmd":"xdp.attach","name":"bond0","file":"/root/f.o","program":"strict","pin":"/sys/fs/bpf/f",)"
     R"("frags":true})"),
    R"({"v":1,"cmd":"xdp.detach","name":"bond0"})",
    R"({"v":1,"cmd":"port.add","name":"bond0","port":"veth7","mac":"02:00:00:00:00:07","vlan":20,"xdp":"generic"})",
    R"({"v":1,"cmd":"port.del","name":"bond0","port":"veth7"})"};

struct Bad {
    std::string request, says;
    int code = EINVAL;
};

void check_refused(const Bad &bad) {
    INFO(bad.request.substr(0, 200));
    const auto r = parse_request(bad.request);
    REQUIRE_FALSE(r);
    INFO(r.error().message);
    CHECK(r.error().code == bad.code);
    CHECK(r.error().message.find(bad.says) != std::string::npos);
}

} // namespace

TEST_CASE("protocol: a request read and written again is the same line") {
    std::size_t alternative = 0;
    for (const auto &line : good) {
        INFO(line);
        const auto r = parse_request(line);
        REQUIRE(r);
        CHECK(r->index() == alternative++);
        CHECK(encode_request(*r) == line + "\n");
    }
    CHECK(alternative == std::variant_size_v<Request>);
}

TEST_CASE("protocol: what may be left out is left out") {
    const auto add = std::get<LinkAdd>(*parse_request(R"({"v":1,"cmd":"link.add","name":"b"})"));
    CHECK((add.options.empty() && !add.address && !add.mtu));
    const auto set = std::get<LinkSet>(*parse_request(R"({"v":1,"cmd":"link.set","name":"e","master":""})"));
    CHECK(set.master == "");
    CHECK((!set.up && !set.mtu));
    CHECK_FALSE(std::get<Status>(*parse_request(R"({"v":1,"cmd":"status"})")).name);
}

TEST_CASE("protocol: writing commands are told from reading ones") {
    for (const auto &line : good) {
        const auto r = *parse_request(line);
        const auto name = command(r);
        CHECK(is_write(r) == (name == "link.add" || name == "link.del" || name == "link.set" || name == "apply" ||
                              name.starts_with("xdp.") || name.starts_with("port.")));
    }
}

TEST_CASE("protocol: errors name the key and what was expected") {
    for (const Bad &bad : std::vector<Bad>{
             {"", "not valid JSON"},
             {"[]", "expected a JSON object"},
             {"\"x\"", "expected a JSON object"},
             {R"({"cmd":"status"})", "v: missing"},
             {R"({"v":2,"cmd":"status"})", "v: version 2"},
             {R"({"v":"1","cmd":"status"})", "v: expected a number"},
             {R"({"v":1})", "cmd: missing"},
             {R"({"v":1,"cmd":7})", "cmd: expected a string"},
             {R"({"v":1,"cmd":"reboot"})", "unknown command \"reboot\"; known: link.add"},
             {R"({"v":1,"cmd":"link.add"})", "link.add: name: missing"},
             {R"({"v":1,"cmd":"link.add","name":"bond0","colour":1})", "unknown key \"colour\""},
             {R"({"v":1,"cmd":"monitor","name":"bond0"})", "unknown key \"name\""},
             {R"({"v":1,"cmd":"link.del","name":"a/b"})", "name: \"a/b\" is no interface name"},
             {R"({"v":1,"cmd":"link.del","name":".."})", "no interface name"},
             {R"({"v":1,"cmd":"link.del","name":"a b"})", "no interface name"},
             {R"({"v":1,"cmd":"link.del","name":""})", "1..15 bytes"},
             {R"({"v":1,"cmd":"link.del","name":"abcdefghijklmnop"})", "1..15 bytes"},
             {R"({"v":1,"cmd":"link.add","name":"abcdefghijklmno"})", "at most 14"},
             {R"({"v":1,"cmd":"link.del","name":"a\u0000b"})", "expected a string"},
             {R"({"v":1,"cmd":"link.add","name":"b","mtu":67})", "mtu: expected a number 68..65535, got 67"},
             {R"({"v":1,"cmd":"link.add","name":"b","mtu":-1})", "mtu: expected"},
             {R"({"v":1,"cmd":"link.add","name":"b","mtu":1500.5})", "mtu: expected"},
             {R"({"v":1,"cmd":"link.add","name":"b","mtu":18446744073709551616})", "mtu: expected"},
             {R"({"v":1,"cmd":"link.add","name":"b","mtu":1e999})", "out of range"},
             {R"({"v":1,"cmd":"link.add","name":"b","address":"1"})", "address: expected a MAC"},
             {R"({"v":1,"cmd":"link.add","name":"b","address":"01:00:00:00:00:00"})", "no unicast", EADDRNOTAVAIL},
             {R"({"v":1,"cmd":"link.add","name":"b","options":{"mode":"1"}})", "options: expected a list"},
             {R"({"v":1,"cmd":"link.add","name":"b","options":[["mode"]]})", "options: expected a [name, value]"},
             {R"({"v":1,"cmd":"link.add","name":"b","options":[["mode",1]]})", "options: expected a [name, value]"},
             {R"({"v":1,"cmd":"link.add","name":"b","options":[["mode","a\u0000"]]})", "NUL byte"},
             {R"({"v":1,"cmd":"link.set","name":"b","up":1})", "up: expected true or false"},
             {R"({"v":1,"cmd":"link.set","name":"b","master":"x/y"})", "master: "},
             {R"({"v":1,"cmd":"link.set","name":"b","up":true,"up":false})", "key \"up\" is given twice"},
             {R"({"v":1,"cmd":"explain","name":"b","frame":"abc"})", "frame: expected"},
             {R"({"v":1,"cmd":"explain","name":"b","frame":"zz"})", "frame: expected hex"},
             {R"({"v":1,"cmd":"explain","name":"b","frame":""})", "frame: expected"},
             {R"({"v":1,"cmd":"explain","name":"b","frame":"00","vlan_tci":65536})", "vlan_tci: expected"},
             {R"({"v":1,"cmd":"apply"})", "config: missing"},
             {R"({"v":1,"cmd":"status","name":")"
              "\xff\xfe"
              R"("})",
              "not valid JSON at line 1, column 31"},
             {R"({"v":1,"cmd":"status"} {})", "not valid JSON"}}) {
        check_refused(bad);
    }
}

TEST_CASE("protocol: depth bombs and giant requests are refused") {
    check_refused({std::string(500'000, '['), "nested deeper than 8"});
    std::string objects;
    for (int i = 0; i < 100'000; ++i) {
        objects += "{\"a\":";
    }
    check_refused({objects, "nested deeper than 8"});
    check_refused(
        {R"({"v":1,"cmd":"status","name":")" + std::string(max_request_bytes, 'a') + "\"}", "bytes", EMSGSIZE});
    std::string many = R"({"v":1,"cmd":"link.add","name":"b","options":[)";
    for (int i = 0; i < 257; ++i) {
        many += (i ? "," : "") + std::string(R"(["a","b"])");
    }
    check_refused({many + "]}", "options: expected a list"});
}

TEST_CASE("protocol: 3,000 mutated requests each give an error or a request, which survives a round trip") {
    test::Mutator mutator(1);
    int accepted = 0, refused = 0;
    for (int i = 0; i < 3'000; ++i) {
        const auto text = i % 50 == 0 ? mutator.noise(mutator.below(200)) : mutator.mutate(good[i % good.size()]);
        const auto r = parse_request(text);
        if (!r) {
            ++refused;
            REQUIRE(r.error().code != 0);
            REQUIRE_FALSE(r.error().message.empty());
            REQUIRE(encode_error(r.error()).size() < 2000);
            continue;
        }
        ++accepted;
        const auto line = encode_request(*r);
        const auto again = parse_request(line);
        REQUIRE(again);
        REQUIRE(encode_request(*again) == line);
    }
    CHECK(refused > 1'500);
    CHECK(accepted > 20); // the mutations are not all hopeless
}

TEST_CASE("protocol: replies") {
    CHECK(encode_ok({{"a", 1}}) == "{\"ok\":true,\"result\":{\"a\":1}}\n");
    CHECK((*parse_reply(encode_ok({{"z", 1}, {"a", 2}}))).dump() == R"({"z":1,"a":2})");
    CHECK(encode_error({EACCES, "no"}) ==
          "{\"ok\":false,\"error\":{\"errno\":13,\"name\":\"EACCES\",\"message\":\"no\"}}\n");
    const auto e = parse_reply(encode_error({EBUSY, "is up\n\xff"}));
    REQUIRE_FALSE(e);
    CHECK(e.error().code == EBUSY);
    CHECK(e.error().message.starts_with("is up\n"));
    for (const char *bad : {"", "{}", "[]", "{\"ok\":1}", "{\"ok\":false}", R"({"ok":false,"error":{"errno":"x"}})"}) {
        const auto r = parse_reply(bad);
        REQUIRE_FALSE(r);
        CHECK(r.error().code == EPROTO);
    }
    CHECK(is_denied(parse_reply(encode_error(denied(1000))).error()));
    CHECK_FALSE(is_denied({EPERM, "eth0 is up"}));
}

TEST_CASE("protocol: hex") {
    CHECK(*wire::parse_hex("00:fF 10") == std::vector<std::uint8_t>{0, 0xff, 0x10});
    CHECK(wire::to_hex(std::vector<std::uint8_t>{0, 0xff, 0x1a}) == "00ff1a");
    CHECK_FALSE(wire::parse_hex("0:0"));
    CHECK_FALSE(wire::parse_hex("0x00"));
    CHECK_FALSE(wire::parse_hex(std::string(2 * 65536, '0')));
}

TEST_CASE("protocol: what would cost the square of its length is refused early") {
    std::string keys = R"({"v":1,"cmd":"status")", values = R"({"v":1,"cmd":"link.set","name":"b","options":[)";
    for (int i = 0; i < 40000; ++i) {
        keys += ",\"" + std::to_string(i) + "\":0";
        values += R"(["a","b"],)";
    }
    const auto many_keys = parse_request(keys + "}");
    REQUIRE_FALSE(many_keys);
    CHECK(many_keys.error().message.find("more than 64 keys") != std::string::npos);
    const auto many_values = parse_request(values + R"(["a","b"]]})");
    REQUIRE_FALSE(many_values);
    CHECK(many_values.error().message.find("more than 2048 values") != std::string::npos);
}

TEST_CASE("protocol: of a long value an error has the beginning, whatever it is made of") {
    const std::string letters(100000, 'x');
    std::string words;
    for (int i = 0; i < 1000; ++i) {
        words += "\"\xc3\xbf" + std::string(100, 'y') + "\",";
    }
    const auto message = [](const std::string &v) {
        return api::parse_request(R"({"v":)" + v + R"(,"cmd":"status"})").error().message;
    };
    CHECK(message('"' + letters + '"') == message('"' + letters.substr(0, 60) + '"'));
    CHECK(message('[' + words + "1]").size() < 150);
    CHECK(message(R"({"a":)" + ('[' + words + "1]") + "}").size() < 150);
    CHECK(message(R"(["a",{"b":[1,2]},true])").find(R"(got ["a",{"b":[1,2]},true])") != std::string::npos);
}
