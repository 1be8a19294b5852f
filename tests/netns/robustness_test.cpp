// SPDX-License-Identifier: MIT
// Hostile control requests and broken config files: an error each, the running bond unchanged.
#include <catch2/catch.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;

namespace {

constexpr unsigned seed = 20240817;
constexpr int rounds = 1000;

class Dice {
public:
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_); }
    template <typename T> const T &of(const std::vector<T> &choices) { return choices[below(choices.size())]; }
    std::string garbage(std::size_t longest) { // any byte but the newline that ends a request
        std::string text(1 + below(longest), ' ');
        for (char &c : text) {
            c = static_cast<char>(1 + below(255));
            c = c == '\n' ? '{' : c;
        }
        return text;
    }

private:
    std::mt19937 engine_{seed};
};

// Values of which none fits a key, a name or a number of the protocol.
const std::vector<json> wrong_values{
    nullptr, -1, 1e300, json::array({json::array()}), json::object({{"x", 1}}), "\x01", std::string(5000, 'A')};

const std::vector<json> valid_requests{
    {{"v", 1}, {"cmd", "link.add"}, {"name", "bond7"}, {"options", json::array({json::array({"mode", "1"})})}},
    {{"v", 1}, {"cmd", "link.del"}, {"name", "bond0"}},
    {{"v", 1}, {"cmd", "link.set"}, {"name", "bond0"}, {"options", json::array({json::array({"miimon", "50"})})}},
    {{"v", 1}, {"cmd", "proc"}, {"name", "bond0"}},
    {{"v", 1}, {"cmd", "apply"}, {"config", "{}"}},
};

const std::vector<std::pair<std::string, std::string>> refused_options{
    {"mode", "7"},
    {"mode", ""},
    {"mode", "balance-rr"},
    {"miimon", "-1"},
    {"miimon", "fast"},
    {"updelay", "1e3"},
    {"num_grat_arp", "256"},
    {"primary_reselect", "9"},
    {"fail_over_mac", "follow"},
    {"packets_per_slave", "2"},
    {"xmit_hash_policy", "layer9"},
    {"all_slaves_active", "2"},
    {"no_such_option", "1"},
    {"active_slave", "lo"},
    {"xdp", "maybe"},
    {"visibility", "half"},
    {"carrier_watch", "-5"},
    {"resend_igmp", "999"},
};

std::string broken_request(Dice &dice) {
    json request = dice.of(valid_requests);
    const std::string line = request.dump();
    switch (dice.below(7)) {
    case 0:
        return dice.garbage(300);
    case 1:
        return line.substr(0, 1 + dice.below(line.size() - 1));
    case 2:
        request["cmd"] = dice.garbage(12);
        break;
    case 3:
        request[dice.of(std::vector<std::string>{"v", "cmd", "name"})] = dice.of(wrong_values);
        break;
    case 4:
        request["surprise"] = dice.of(wrong_values);
        break;
    case 5: {
        const auto &[name, value] = dice.of(refused_options);
        request = {
            {"v", 1}, {"cmd", "link.set"}, {"name", "bond0"}, {"options", json::array({json::array({name, value})})}};
        break;
    }
    default:
        return std::string{}.append(1 + dice.below(2000), '[');
    }
    return request.dump(-1, ' ', true, json::error_handler_t::replace);
}

const json valid_config{
    {"bonds", {{"bond0", {{"mode", "active-backup"}, {"miimon", 100}, {"slaves", {"e0", "e1"}}, {"up", true}}}}}};

std::string broken_config(Dice &dice) {
    json config = valid_config;
    const std::string text = config.dump();
    json &bond = config["bonds"]["bond0"];
    switch (dice.below(7)) {
    case 0:
        return dice.garbage(300);
    case 1:
        return text.substr(0, dice.below(text.size()));
    case 2:
        bond["no_such_key" + std::to_string(dice.below(100))] = dice.of(wrong_values);
        break;
    case 3:
        bond[dice.of(std::vector<std::string>{"mode", "miimon", "slaves"})] = dice.of(wrong_values);
        break;
    case 4: {
        auto [name, value] = dice.of(refused_options);
        value = name == "mode" && value == "balance-rr" ? "balance-xyz" : value;
        name = name == "fail_over_mac" || name == "active_slave" ? "other_" + name : name; // fine in a new bond
        bond[name] = value;
        break;
    }
    case 5:
        bond["slaves"] = json::array({"e0", "no-such-device"});
        break;
    default:
        config["bonds"][dice.of(std::vector<std::string>{"", "a/b", "..", "a b", std::string(16, 'x')})] = bond;
        break;
    }
    return config.dump(-1, ' ', true, json::error_handler_t::replace);
}

bool is_refusal(const std::string &reply) {
    const json answer = json::parse(reply, nullptr, false);
    return answer.is_object() && !answer.value("ok", true) && answer.at("error").at("errno") > 0 &&
           !answer.at("error").at("message").get<std::string>().empty();
}

// Sends them all; the daemon may close the connection after an answer, but never without one.
void expect_refused(const std::filesystem::path &socket, const std::function<std::string(Dice &)> &make) {
    Dice dice;
    auto control = std::make_unique<ControlClient>(socket);
    for (int n = 0; n < rounds; ++n) {
        const std::string request = make(dice);
        auto reply = control->exchange(request + "\n");
        if (!reply) {
            control = std::make_unique<ControlClient>(socket);
            reply = control->exchange(request + "\n");
        }
        INFO("request " << n << ": " << request.substr(0, 400) << "\nreply: " << reply.value_or("none"));
        REQUIRE(reply.has_value());
        REQUIRE(is_refusal(*reply));
    }
}

// A stream through the bond while `attack` goes on; then everything is as before.
void expect_unharmed(Lab &lab, const std::function<void()> &attack) {
    lab.make_bond("mode active-backup miimon 100");
    const Server server(lab.network(), "10.99.0.2/24");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    const std::string before = lab.status_without_times();
    UdpEcho echo(lab.ns(), server.ns(), "10.99.0.2", 500);
    attack();
    const auto reports = echo.finish();
    INFO(reports.outbound.text() << " / " << reports.inbound.text());
    CHECK(reports.outbound.lost == 0);
    CHECK(reports.inbound.lost == 0);
    CHECK(lab.daemon().running());
    CHECK(lab.status_without_times() == before);
}

} // namespace

TEST_CASE("robustness: 1000 broken control requests, an error each, the bond unchanged") {
    Lab lab(Kind::bridge, 2);
    expect_unharmed(lab, [&] { expect_refused(lab.daemon().socket(), broken_request); });
}

TEST_CASE("robustness: 1000 broken configs through apply, an error each, the bond unchanged") {
    Lab lab(Kind::bridge, 2);
    expect_unharmed(lab, [&] {
        expect_refused(lab.daemon().socket(), [](Dice &dice) {
            const json request{{"v", 1}, {"cmd", "apply"}, {"config", broken_config(dice)}};
            return request.dump(-1, ' ', true, json::error_handler_t::replace);
        });
    });
}

TEST_CASE("robustness: a request that never ends and one that is too long do not hurt the others") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    ControlClient endless(lab.daemon().socket());
    CHECK_FALSE(endless.exchange("{\"v\":1,").has_value());
    ControlClient oversized(lab.daemon().socket());
    const auto reply = oversized.exchange(std::string(3 << 20, 'x'));
    CHECK((!reply || is_refusal(*reply)));
    CHECK(lab.cli()("status -j").ok());
    CHECK(lab.daemon().running());
}

TEST_CASE("robustness: broken config files: an error with file and reason, nothing applied") {
    const Switch sw(Kind::wires);
    const Host host(sw, 2);
    const Daemon daemon(host.ns());
    const auto file = (daemon.dir() / "broken.json").string();
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "broken.json"},
        {"{\"bonds\":", "broken.json"},
        {R"({"bond":{}})", "bond"},
        {R"({"bonds":{"bond0":{"mode":"active-backup","colour":"red"}}})", "colour"},
        {R"({"bonds":{"bond0":{"mode":"active-back","slaves":["e0"]}}})", "active-back"},
        {R"({"bonds":{"bond0":{"miimon":-1,"slaves":["e0"]}}})", "miimon"},
        {R"({"bonds":{"bond0":{"slaves":["e0"]},"bond1":{"slaves":["e0"]}}})", "e0"},
    };
    for (const auto &[config, named] : cases) {
        INFO(config);
        REQUIRE(run({"tee", file}, -1, config).ok());
        const auto result = daemon.run_to_end({"--config", file});
        INFO(result.err);
        CHECK_FALSE(result.ok());
        CHECK(result.err.find(named) != std::string::npos);
        CHECK_FALSE(host.ns().exists("bond0"));
        CHECK_FALSE(host.ns().is_up("e0"));
    }
    CHECK(daemon.run_to_end({"--config", "/no/such/file"}).err.find("/no/such/file") != std::string::npos);
}
