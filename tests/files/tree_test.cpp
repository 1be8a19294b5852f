// SPDX-License-Identifier: MIT
// What the files say and what is asked for when somebody writes into one, against a daemon made of answers.
#include <catch2/catch.hpp>
#include <map>
#include <sys/stat.h>

#include "user/files/attributes.h"
#include "user/files/tree.h"

using namespace xbond;
using nlohmann::ordered_json;

namespace {

ordered_json slave(const std::string &name, bool active) {
    return {{"name", name},  {"state", active ? "active" : "backup"}, {"link", "up"},
            {"failures", 3}, {"perm_mac", "02:00:00:00:00:01"},       {"queue_id", 2}};
}

ordered_json bond0() {
    return {{"name", "bond0"},
            {"carrier", true},
            {"active_slave", "eth0"},
            {"primary", nullptr},
            {"options",
             {{"mode", "active-backup"},
              {"miimon", 100},
              {"fail_over_mac", "none"},
              {"arp_ip_target", "192.0.2.1,192.0.2.2"},
              {"num_grat_arp", 5},
              {"peer_notify_delay", 200},
              {"lacp_rate", "slow"},
              {"all_slaves_active", 0},
              {"ad_actor_system", "00:00:00:00:00:00"}}},
            {"slaves", ordered_json::array({slave("eth0", true), slave("eth1", false)})}};
}

class Made : public files::Source {
public:
    ordered_json bond = bond0();
    std::vector<std::string> asked; // what would have been changed
    int refusal = 0;
    Result<ordered_json> ask(const api::Request &request) override {
        if (api::is_write(request)) {
            asked.push_back(api::encode_request(request));
            return refusal != 0 ? Result<ordered_json>(fail(refusal, "no")) : ordered_json::object();
        }
        if (const auto *show = std::get_if<api::LinkShow>(&request)) {
            return links(show->name);
        }
        if (const auto *proc = std::get_if<api::Proc>(&request)) {
            return proc->name == "bond0" ? Result<ordered_json>("Ethernet Channel Bonding Driver\n")
                                         : Result<ordered_json>(fail(ENODEV, "none"));
        }
        const auto &status = std::get<api::Status>(request);
        return status.name == "bond0" ? Result<ordered_json>(ordered_json{{"bonds", ordered_json::array({bond})}})
                                      : Result<ordered_json>(fail(ENODEV, "none"));
    }
    bool exists(const std::string &device) const override { return device.starts_with("eth") || device == "bond0"; }
    std::string kernel_directory(const std::string &device, std::int64_t) const override {
        return device == "bond0" ? "/sys/devices/virtual/net/bond0" : "";
    }
    std::vector<std::string> names_in(const std::string &) const override { return {"carrier", "mtu"}; }

private:
    Result<ordered_json> links(const std::optional<std::string> &name) const {
        auto out = ordered_json::array();
        const auto add = [&](const ordered_json &link) {
            if (!name || link["ifname"] == *name) {
                out.push_back(link);
            }
        };
        add({{"ifindex", 7}, {"ifname", "bond0"}, {"flags", {"UP", "MASTER"}}, {"master", "br0"}});
        for (const auto &one : bond["slaves"]) {
            add({{"ifindex", 8}, {"ifname", one["name"]}, {"flags", {"UP", "SLAVE"}}, {"master", "bond0"}});
        }
        return name && out.empty() ? Result<ordered_json>(fail(ENODEV, "none")) : Result<ordered_json>(out);
    }
};

std::string bonding(const std::string &file) { return "/sys/class/net/bond0/bonding/" + file; }

int refused(Made &made, const std::string &path, const std::string &text) {
    const auto done = files::write(made, path, text);
    return done ? 0 : done.error().code;
}

} // namespace

TEST_CASE("files: a bond's values as the kernel writes them") {
    Made made;
    const std::map<std::string, std::string> expected{{"slaves", "eth0 eth1\n"},
                                                      {"mode", "active-backup 1\n"},
                                                      {"fail_over_mac", "none 0\n"},
                                                      {"miimon", "100\n"},
                                                      {"arp_ip_target", "192.0.2.1 192.0.2.2\n"},
                                                      {"num_unsol_na", "5\n"},
                                                      {"peer_notif_delay", "200\n"},
                                                      {"lacp_rate", "slow 0\n"},
                                                      {"all_slaves_active", "0\n"},
                                                      {"active_slave", "eth0\n"},
                                                      {"primary", ""},
                                                      {"queue_id", "eth0:2 eth1:2\n"},
                                                      {"mii_status", "up\n"},
                                                      {"ad_num_ports", ""},
                                                      {"ad_actor_system", ""},
                                                      {"ad_partner_mac", ""}};
    for (const auto &[file, text] : expected) {
        INFO(file);
        CHECK(files::read(made, bonding(file)).value() == text);
    }
    made.bond["options"]["mode"] = "balance-rr"; // has an active slave for its own use only
    CHECK(files::read(made, bonding("active_slave")).value().empty());
    made.bond["slaves"] = ordered_json::array();
    CHECK(files::read(made, bonding("slaves")).value().empty());
}

TEST_CASE("files: mode 802.3ad fills the ad_ files, of the aggregator that carries the traffic") {
    Made made;
    made.bond["lacp"] = ordered_json::object();
    made.bond["aggregators"] = ordered_json::array();
    CHECK(files::read(made, bonding("ad_aggregator")).value() == "0\n");
    CHECK(files::read(made, bonding("ad_partner_mac")).value().empty());
    made.bond["aggregators"] = {{{"id", 1}, {"active", false}},
                                {{"id", 2},
                                 {"active", true},
                                 {"num_ports", 2},
                                 {"actor_key", 15},
                                 {"partner_key", 7},
                                 {"partner", {{"mac", "02:00:00:00:00:99"}}}}};
    CHECK(files::read(made, bonding("ad_aggregator")).value() == "2\n");
    CHECK(files::read(made, bonding("ad_num_ports")).value() == "2\n");
    CHECK(files::read(made, bonding("ad_actor_key")).value() == "15\n");
    CHECK(files::read(made, bonding("ad_partner_key")).value() == "7\n");
    CHECK(files::read(made, bonding("ad_partner_mac")).value() == "02:00:00:00:00:99\n");
    CHECK(files::read(made, bonding("ad_actor_system")).value() == "00:00:00:00:00:00\n");
    const std::string of_slave = "/sys/class/net/eth0/bonding_slave/";
    CHECK(files::read(made, of_slave + "ad_aggregator_id").value() == "N/A\n");
    made.bond["slaves"][0]["lacp"] = {{"aggregator_id", 2}, {"actor", {{"state", 61}}}, {"partner", {{"state", 63}}}};
    CHECK(files::read(made, of_slave + "ad_aggregator_id").value() == "2\n");
    CHECK(files::read(made, of_slave + "ad_actor_oper_port_state").value() == "61\n");
    CHECK(files::read(made, of_slave + "ad_partner_oper_port_state").value() == "63\n");
}

TEST_CASE("files: a slave's own files, and its links") {
    Made made;
    const std::string directory = "/sys/class/net/eth1/";
    CHECK(files::read(made, directory + "bonding_slave/state").value() == "backup\n");
    CHECK(files::read(made, directory + "bonding_slave/mii_status").value() == "up\n");
    CHECK(files::read(made, directory + "bonding_slave/link_failure_count").value() == "3\n");
    CHECK(files::read(made, directory + "bonding_slave/perm_hwaddr").value() == "02:00:00:00:00:01\n");
    CHECK(files::look(made, directory + "master").value().target == "../bond0");
    CHECK(files::look(made, "/sys/class/net/bond0/lower_eth1").value().target == "../eth1");
    CHECK(files::look(made, "/sys/class/net/bond0/carrier").value().target == "/sys/devices/virtual/net/bond0/carrier");
    CHECK(files::list(made, "/sys/class/net").value() ==
          std::vector<std::string>{"bonding_masters", "bond0", "eth0", "eth1"});
    CHECK(files::list(made, "/sys/class/net/bond0").value() ==
          std::vector<std::string>{"carrier", "mtu", "bonding", "lower_eth0", "lower_eth1"});
    CHECK(files::list(made, "/proc/net/bonding").value() == std::vector<std::string>{"bond0"});
}

TEST_CASE("files: sizes and modes are the kernel's, and what is not there is not there") {
    Made made;
    CHECK(files::look(made, bonding("mode")).value().mode == (S_IFREG | 0644));
    CHECK(files::look(made, bonding("mode")).value().size == 4096);
    CHECK(files::look(made, bonding("mii_status")).value().mode == (S_IFREG | 0444));
    CHECK(files::look(made, "/proc/net/bonding/bond0").value().size == 0);
    for (const char *path :
         {"/x", "/proc/net/bonding/eth0", "/proc/net/bonding/bond0/x", "/proc/net/bonding/..", "/sys/class/net/lo",
          "/sys/class/net/bond0/bonding_slave", "/sys/class/net/eth0/bonding", "/sys/class/net/bond0/bonding/nothing",
          "/sys/class/net/bond0/lower_eth9", "/sys/class/net/bond0/bonding/mode/x", "/sys/class/net/bond0/", "",
          "/sys/class/net/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "/sys/class/net/a b"}) {
        INFO(path);
        const auto node = files::look(made, path);
        REQUIRE_FALSE(node);
        CHECK(node.error().code == ENOENT);
    }
}

TEST_CASE("files: what is written becomes a request, as sysfs takes it") {
    Made made;
    const auto asked = [&](const std::string &path, const std::string &text) {
        made.asked.clear();
        INFO(path << " " << text);
        REQUIRE(files::write(made, path, text));
        REQUIRE(made.asked.size() == 1);
        return ordered_json::parse(made.asked[0]);
    };
    const auto pair = [](const char *name, const char *value) {
        return ordered_json::array({ordered_json::array({name, value})});
    };
    CHECK(asked(bonding("mode"), "1\n")["options"] == pair("mode", "1"));
    CHECK(asked(bonding("primary"), "\n")["options"] == pair("primary", ""));
    CHECK(asked(bonding("arp_ip_target"), "+192.0.2.3\n")["options"] == pair("arp_ip_target", "+192.0.2.3"));
    const auto added = asked(bonding("slaves"), "+eth2\n");
    CHECK(added["name"] == "eth2");
    CHECK(added["master"] == "bond0");
    CHECK(asked(bonding("slaves"), "-eth1")["master"] == "");
    CHECK(asked("/sys/class/net/bonding_masters", "+bond1\n")["cmd"] == "link.add");
    CHECK(asked("/sys/class/net/bonding_masters", "-bond0")["cmd"] == "link.del");
}

TEST_CASE("files: what is refused has the kernel's errno") {
    Made made;
    const std::string masters = "/sys/class/net/bonding_masters";
    CHECK(refused(made, masters, "bond1\n") == EPERM);
    CHECK(refused(made, masters, "+\n") == EPERM);
    CHECK(refused(made, masters, "\n") == EPERM);
    CHECK(refused(made, masters, "+a/b") == EPERM);
    CHECK(refused(made, masters, "+bond0") == EEXIST);
    CHECK(refused(made, bonding("slaves"), "eth1") == ENODEV); // the device without its first letter, as in the kernel
    CHECK(refused(made, bonding("slaves"), "xeth1") == EPERM);
    CHECK(refused(made, bonding("slaves"), "+") == EPERM);
    CHECK(refused(made, bonding("slaves"), "+none") == ENODEV);
    CHECK(refused(made, bonding("slaves"), "+eth1") == EBUSY);
    CHECK(refused(made, bonding("slaves"), "-eth5") == EINVAL);
    CHECK(refused(made, bonding("arp_ip_target"), "192.0.2.1") == EPERM);
    CHECK(refused(made, bonding("mii_status"), "up") == EACCES);
    CHECK(refused(made, "/proc/net/bonding/bond0", "x") == EIO);
    CHECK(refused(made, bonding("mode"), std::string("1\0", 2)) == EINVAL);
    CHECK(made.asked.empty());
    made.refusal = EBUSY; // whatever the daemon says goes on
    CHECK(refused(made, bonding("mode"), "1") == EBUSY);
}

TEST_CASE("files: a list that is longer than a page ends as the kernel's does") {
    std::vector<std::string> names(400, "interface-name0");
    const auto text = files::name_list(names);
    CHECK(text.size() <= 4096);
    CHECK(text.ends_with("++more++\n"));
    CHECK(files::name_list({}).empty());
}
