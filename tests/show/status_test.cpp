// SPDX-License-Identifier: MIT
// docs/status-schema.md
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/show/view_builder.h"
#include "user/show/metrics.h"
#include "user/show/render.h"
#include "user/show/top.h"

using namespace xbond;
using nlohmann::ordered_json;
using show::status_json;
using show::status_text;

namespace {

show::Snapshot snapshot() {
    auto bond = test::bond_view(Mode::active_backup);
    bond.options.all_slaves_active = true;
    bond.options.xmit_hash_policy = HashPolicy::layer34;
    bond.counters.tx_dropped = 2;
    bond.slaves[0].counters = {.tx_packets = 10, .tx_bytes = 1000, .rx_packets = 5, .rx_bytes = 500, .failover_tx = 1};
    bond.slaves[1].counters = {.tx_packets = 7, .rx_suppressed = 3, .rx_link_local = 4, .tx_override = 6};
    bond.slaves[1].slave.speed = core::speed_unknown;
    bond.slaves[1].slave.duplex = core::duplex_unknown;
    bond.slaves[1].published.fallback = no_slot;
    bond.history = {{std::chrono::milliseconds(97700), "link", "v1", "up", "down", "carrier lost"},
                    {std::chrono::milliseconds(97800), "carrier", "", "on", "off", "no slave is up"}};
    return test::snapshot_of(bond);
}

std::string keys(const ordered_json &object) {
    std::string out;
    for (const auto &item : object.items()) {
        out += item.key() + " ";
    }
    return out;
}

} // namespace

TEST_CASE("status JSON: every key of the schema, in its order") {
    const auto status = status_json(snapshot());
    CHECK(keys(status) == "version xbond kernel netns pid now_ns started_ns features turns hands bonds "
                          "not_under_control ");
    CHECK(status["version"] == 1);
    CHECK(status["features"][1].dump() == R"({"name":"freplace","available":false,"detail":"refused"})");
    const auto bond = status["bonds"][0];
    CHECK(keys(bond) ==
          "name ifindex mac mtu admin_up carrier speed duplex mode options active_slave primary datapath table "
          "counters slaves history ");
    CHECK(bond["datapath"].dump() ==
          R"({"hook":"tcx","carrier_check":"kfunc","watch_ms":1,"watch_runs":0,"visibility":"fast"})");
    CHECK(bond["table"].dump() == R"({"pick":["v0"]})");
    CHECK(keys(bond["slaves"][0]) ==
          "name ifindex slot state active primary link running carrier suppressed monitor "
          "delay_ticks failures mac perm_mac "
          "speed duplex prio queue_id mtu saved_mtu driver xdp nic receive fallback counters ");
}

TEST_CASE("status JSON: the schema document names every key") {
    std::ifstream file(XBOND_SOURCE_DIR "/docs/status-schema.md");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    REQUIRE_FALSE(text.empty());
    const auto documented = [&](const ordered_json &object) {
        for (const auto &item : object.items()) {
            INFO(item.key());
            CHECK(text.find('"' + item.key() + '"') != std::string::npos);
        }
    };
    auto shown = snapshot();
    shown.bonds[0].slaves[0].targets = {{"192.0.2.1", {}, {}}};
    shown.bonds[0].chained = show::ChainedView{57, "/root/filter.o", "strict", "/sys/fs/bpf/filter", true};
    const auto status = status_json(shown);
    const auto &bond = status["bonds"][0];
    const auto &target = bond["slaves"][0]["monitor"]["targets"][0];
    for (const auto *object :
         {&status, &bond, &bond["datapath"], &bond["datapath"]["chained"], &bond["table"], &bond["counters"],
          &bond["slaves"][0], &bond["slaves"][0]["xdp"], &bond["slaves"][0]["monitor"], &target, &bond["history"][0]}) {
        documented(*object);
    }
}

TEST_CASE("ports: how each sends and receives, in JSON and for people, and every key documented") {
    auto shown = snapshot();
    CHECK_FALSE(status_json(shown)["bonds"][0].contains("ports"));
    CHECK(show::ports_text(show::ports_json(status_json(shown))).find("no ports\n") != std::string::npos);
    auto &bond = shown.bonds[0];
    bond.ports_by_xdp = true;
    bond.ports.push_back({.name = "veth7", .ifindex = 12, .xdp = "native", .xdp_why = "xdp auto", .heard = 3});
    bond.ports.push_back({.name = "veth8",
                          .ifindex = 13,
                          .mac = MacAddr{{2, 0, 0, 0, 0, 8}},
                          .vlan = 20,
                          .xdp = "none",
                          .xdp_why = "xdp off",
                          .takes_xdp = true,
                          .counters = {.rx_packets = 5, .dropped = 1}});
    const auto ports = show::ports_json(status_json(shown))[0]["ports"];
    CHECK(ports[0]["sends_by"] == "xdp");
    CHECK(ports[0]["receives_by"] == "tc");
    CHECK(ports[0]["mac"].is_null());
    CHECK(ports[0]["vlan"].is_null());
    CHECK(ports[0]["addresses"] == 3);
    CHECK(ports[1]["sends_by"] == "tc");
    CHECK(ports[1]["receives_by"] == "xdp");
    CHECK(ports[1]["addresses"] == 1);
    CHECK(ports[1]["counters"]["dropped"] == 1);
    std::ifstream file(XBOND_SOURCE_DIR "/docs/status-schema.md");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (const auto &item : ports[0].items()) {
        INFO(item.key());
        CHECK(text.find('"' + item.key() + '"') != std::string::npos);
    }
    for (const char *word : {"veth7", "3 learned", "veth8", "02:00:00:00:00:08", "xdp off"}) {
        INFO(word);
        CHECK(show::ports_text(show::ports_json(status_json(shown))).find(word) != std::string::npos);
    }
    CHECK(status_text(status_json(shown)).find("3 learned") != std::string::npos);
    const auto page = show::metrics_text(status_json(shown));
    const auto labels = R"({bond=")" + bond.name + R"(",port="veth8"})";
    CHECK(page.find("xbond_port_rx_packets_total" + labels + " 5\n") != std::string::npos);
    CHECK(page.find("xbond_port_dropped_total" + labels + " 1\n") != std::string::npos);
    auto earlier = status_json(shown), later = earlier;
    later["now_ns"] = earlier["now_ns"].get<std::int64_t>() + 1'000'000'000;
    later["bonds"][0]["ports"][1]["counters"]["rx_packets"] = 2505;
    const auto top = show::top_text(earlier, later, {200, 50});
    const auto row = top.substr(top.find("  veth8"));
    CHECK(row.substr(0, row.find('\n')).find("2.50k") != std::string::npos);
    CHECK(row.substr(0, row.find('\n')).ends_with("vlan 20"));
}

TEST_CASE("XDP on the slaves: whose program is chained, and how it sits, in JSON and for people") {
    auto shown = snapshot();
    CHECK(show::xdp_json(status_json(shown))[0]["chained"].is_null());
    CHECK(show::xdp_text(show::xdp_json(status_json(shown))).find(": no chained XDP program\n") != std::string::npos);
    shown.bonds[0].chained = show::ChainedView{57, "/root/filter.o", "strict", "/sys/fs/bpf/filter", true};
    shown.bonds[0].slaves[0].xdp = "native";
    shown.bonds[0].slaves[0].xdp_chained = true;
    const auto xdp = show::xdp_json(status_json(shown));
    CHECK(xdp[0]["chained"]["program"] == "strict");
    CHECK(xdp[0]["slaves"][0]["xdp"]["chained"] == true);
    constexpr const char *line = "chained XDP program strict of /root/filter.o, number 57, takes fragments, maps in "
                                 "/sys/fs/bpf/filter\n";
    CHECK(show::xdp_text(xdp).find(line) != std::string::npos);
    CHECK(status_text(status_json(shown)).find(line) != std::string::npos);
}

TEST_CASE("status JSON: speed and duplex of the bond are those of the slaves that send") {
    auto shown = snapshot();
    auto &bond = shown.bonds[0];
    for (auto &view : bond.slaves) {
        view.slave.link = core::Link::up;
        view.slave.backup = false;
        view.slave.speed = 1000;
        view.slave.duplex = core::duplex_full;
    }
    bond.slaves[1].slave.speed = 2500;
    bond.slaves[1].slave.backup = true;
    const auto speed = [&] { return status_json(shown)["bonds"][0]["speed"]; };
    CHECK(speed() == 1000);
    bond.slaves[1].slave.backup = false;
    CHECK(speed() == 3500);
    CHECK(status_text(status_json(shown)).find(", 3500 Mb/s full duplex\n") != std::string::npos);
    bond.options.mode = Mode::broadcast;
    CHECK(speed() == 1000);
    bond.slaves[0].slave.link = core::Link::down;
    CHECK(speed() == 2500);
    bond.slaves[1].slave.speed = core::speed_unknown;
    CHECK(speed().is_null());
    CHECK(status_text(status_json(shown)).find("Mb/s") == std::string::npos);
}

TEST_CASE("status: what a slave's NIC was switched to is shown, and why it is only the next best") {
    auto shown = snapshot();
    shown.bonds[0].slaves[0].nic = {"promiscuous", {"rx-lro"}, "no VLAN devices"};
    const auto status = status_json(shown);
    CHECK(status["bonds"][0]["slaves"][0]["nic"].dump() ==
          R"({"vlans":"promiscuous","offloads_off":["rx-lro"],"why":"no VLAN devices"})");
    CHECK(status_text(status).find("v0  VLANs: promiscuous, rx-lro off (no VLAN devices)\n") != std::string::npos);
    CHECK(status_text(status_json(snapshot())).find("NICs") == std::string::npos);
}

TEST_CASE("status JSON: options are words where they are words and numbers where they are numbers") {
    const auto options = status_json(snapshot())["bonds"][0]["options"];
    CHECK(options["mode"] == "active-backup");
    CHECK(options["miimon"] == 100);
    CHECK(options["xmit_hash_policy"] == "layer3+4");
    CHECK(options["all_slaves_active"] == 1);
    CHECK(options["primary"] == "v0");
    CHECK(options["visibility"] == "auto");
    auto numbered = snapshot();
    numbered.bonds[0].options.primary = "1"; // a legal interface name
    CHECK(status_json(numbered)["bonds"][0]["options"]["primary"] == "1");
}

TEST_CASE("status JSON and text: what the ARP monitor asked and heard") {
    auto shown = snapshot();
    auto &slave = shown.bonds[0].slaves[0];
    slave.slave.reason = "answers";
    slave.heard_age = std::chrono::milliseconds(120);
    slave.targets = {{"192.0.2.1", std::chrono::milliseconds(120), std::chrono::microseconds(1234)},
                     {"fd00::1", std::nullopt, std::nullopt}};
    const auto status = status_json(shown);
    CHECK(status["bonds"][0]["slaves"][0]["monitor"].dump() ==
          R"({"mii":"down","arp":"down","reason":"answers","heard_age_ms":120.0,"probe_age_ms":null,"targets":[)"
          R"({"target":"192.0.2.1","age_ms":120.0,"round_trip_ms":1.234},)"
          R"({"target":"fd00::1","age_ms":null,"round_trip_ms":null}]})");
    const auto text = show::status_text(status);
    CHECK(text.find("192.0.2.1  v0     120 ms       1.234 ms") != std::string::npos);
    CHECK(text.find("fd00::1    v0     never        -") != std::string::npos);
}

TEST_CASE("status JSON: bond counters are sums over the slaves, unknown things are null") {
    const auto bond = status_json(snapshot())["bonds"][0];
    CHECK(bond["counters"].dump() ==
          R"({"tx_packets":17,"tx_bytes":1000,"rx_packets":5,"rx_bytes":500,"rx_suppressed":3,"rx_link_local":4,)"
          R"("failover_tx":1,"tx_override":6,"tx_dropped":2})");
    const auto &v0 = bond["slaves"][0], &v1 = bond["slaves"][1];
    CHECK(v0["fallback"] == "v1");
    CHECK(v0["state"] == "active");
    CHECK(v0["saved_mtu"] == 1400);
    CHECK(v1["fallback"].is_null());
    CHECK(v1["speed"].is_null());
    CHECK(v1["duplex"].is_null());
    CHECK(v1["state"] == "backup");
    CHECK(v1["suppressed"] == true);
    auto idle = test::bond_view(Mode::broadcast);
    idle.pick = {0, no_slot};
    const auto other = status_json(test::snapshot_of(idle))["bonds"][0];
    CHECK(other["active_slave"].is_null());
    CHECK(other["table"]["pick"].dump() == R"(["v0",null])");
}

TEST_CASE("status JSON: history, oldest first, the bond itself is null") {
    const auto history = status_json(snapshot())["bonds"][0]["history"];
    CHECK(history[0].dump() == R"({"bond":"bond0","time_ns":97700000000,"machine":"link","slave":"v1","from":"up",)"
                               R"("to":"down","cause":"carrier lost"})");
    CHECK(history[1]["slave"].is_null());
}

TEST_CASE("status text says what the JSON says") {
    const auto text = status_text(status_json(snapshot()));
    for (const char *part :
         {"bond0: active-backup, up, carrier on, 76:89:eb:1a:df:d7, mtu 1500", "active slave v0, primary v0",
          "data path: tcx, carrier check kfunc, watch 1 ms, visibility fast", "tx 17 packets 1000 bytes, 2 dropped",
          "v0*", "2.3 s ago  link     v1  up -> down  carrier lost"}) {
        INFO(text);
        CHECK(text.find(part) != std::string::npos);
    }
    auto empty = snapshot();
    empty.bonds.clear();
    CHECK(status_text(status_json(empty)).ends_with("no bonds\n"));
    empty.not_under_control.push_back({"bond1", "bond1.json: cut off"});
    CHECK(status_json(empty)["not_under_control"].dump() == R"([{"name":"bond1","why":"bond1.json: cut off"}])");
    CHECK(status_text(status_json(empty)).ends_with("\nbond1: not under control: bond1.json: cut off\n"));
    CHECK(status_text(ordered_json{{"version", 9}}) == "{\n  \"version\": 9\n}\n");
}
