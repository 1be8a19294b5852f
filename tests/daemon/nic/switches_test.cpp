// SPDX-License-Identifier: MIT
// What is done to a NIC so that it lets VLANs in, and is undone: on NICs made of a table.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "user/daemon/nic/switches.h"

namespace xbond::daemon {
namespace {

using Vlans = NicSwitches::Vlans;
using wire::VlanTag;

const std::string ctag_filter = "rx-vlan-filter", stag_filter = "rx-vlan-stag-filter", lro = "rx-lro";
constexpr VlanTag ten{0x8100, 10}, twenty{0x8100, 20}, service{0x88a8, 10};

class FakeNic final : public Nic {
public:
    std::map<std::string, sys::Offload, std::less<>> offload;
    std::map<std::uint32_t, VlanTag> devices; // on it
    std::set<VlanTag> of_others;
    bool makes_devices = true;         // the kernel knows VLAN devices
    std::set<std::string> keeps;       // what the driver will not change, whatever it says
    std::vector<std::string> commands; // that changed something

    Result<std::vector<sys::Offload>> offloads(std::span<const std::string_view> names) override {
        std::vector<sys::Offload> found;
        for (const auto name : names) {
            const auto known = offload.find(name);
            found.push_back(known == offload.end() ? sys::Offload{} : known->second);
        }
        return found;
    }
    Result<void> set_offload(std::string_view name, bool on) override {
        auto &known = offload[std::string(name)];
        if (on && name == lro && !devices.empty()) { // as the kernel has it
            return fail(EOPNOTSUPP, "a device above has it off");
        }
        if (!known.changeable || keeps.contains(std::string(name))) {
            return fail(EOPNOTSUPP, "the driver keeps " + std::string(name));
        }
        commands.push_back(std::string(name) + (on ? " on" : " off"));
        known.on = on;
        return {};
    }
    Result<std::uint32_t> add_vlan(const VlanTag &tag) override {
        if (of_others.contains(tag)) {
            return 0U;
        }
        if (!makes_devices) {
            return fail(EOPNOTSUPP, "no VLAN devices");
        }
        commands.push_back("add " + std::to_string(tag.id));
        devices[++last_] = tag;
        return last_;
    }
    Result<void> remove_vlan(std::uint32_t ifindex) override {
        commands.push_back("remove " + std::to_string(devices.at(ifindex).id));
        devices.erase(ifindex);
        return {};
    }
    bool has_vlan(std::uint32_t ifindex) override { return devices.contains(ifindex); }

private:
    std::uint32_t last_ = 100;
};

// Until nothing has to be noted any more, as the daemon does.
NicSwitches switched(Nic &nic, const NicWish &wish, NicSwitches now = {}) {
    while (switch_nic(nic, wish, now) == Round::noted) {}
    return now;
}

} // namespace

TEST_CASE("nic: a bond without VLANs asks nothing of a NIC") {
    FakeNic nic;
    nic.offload[ctag_filter] = {.on = true, .changeable = true};
    nic.offload[lro] = {.on = true, .changeable = true};
    CHECK(switched(nic, {}).vlans == Vlans::none_asked);
    CHECK(nic.commands.empty());
}

TEST_CASE("nic: one that filters no VLANs is left as it is") {
    FakeNic nic;
    CHECK(switched(nic, {.vlans = {ten}, .forwards = false}).vlans == Vlans::open);
    CHECK(nic.commands.empty());
}

TEST_CASE("nic: a filter that can be changed is off while the bond has VLANs") {
    FakeNic nic;
    nic.offload[ctag_filter] = {.on = true, .changeable = true};
    auto now = switched(nic, {.vlans = {ten}, .forwards = false});
    CHECK(now.vlans == Vlans::filter_off);
    CHECK(nic.commands == std::vector<std::string>{"rx-vlan-filter off"});
    now = switched(nic, {.vlans = {ten, twenty}, .forwards = false}, now); // no more to do
    CHECK(nic.commands.size() == 1);
    now = switched(nic, {}, now);
    CHECK(now == NicSwitches());
    CHECK(nic.offload[ctag_filter].on);
}

TEST_CASE("nic: what is to be turned off is noted a round before it is") {
    FakeNic nic;
    nic.offload[ctag_filter] = {.on = true, .changeable = true};
    NicSwitches now;
    CHECK(switch_nic(nic, {.vlans = {ten}, .forwards = false}, now) == Round::noted);
    CHECK(now.off == std::vector<std::string>{ctag_filter});
    CHECK(nic.offload[ctag_filter].on);
    CHECK(switch_nic(nic, {.vlans = {ten}, .forwards = false}, now) == Round::done);
    CHECK(!nic.offload[ctag_filter].on);
}

TEST_CASE("nic: a filter that somebody had turned off is not turned on") {
    FakeNic nic;
    nic.offload[ctag_filter] = {.on = false, .changeable = true};
    auto now = switched(nic, {.vlans = {ten}, .forwards = false});
    CHECK(now.vlans == Vlans::open);
    now = switched(nic, {}, now);
    restore_nic(nic, now);
    CHECK(nic.commands.empty());
}

TEST_CASE("nic: a filter that somebody turns on again is turned off again") {
    FakeNic nic;
    nic.offload[ctag_filter] = {.on = true, .changeable = true};
    auto now = switched(nic, {.vlans = {ten}, .forwards = false});
    nic.offload[ctag_filter].on = true;
    now = switched(nic, {.vlans = {ten}, .forwards = false}, now);
    CHECK(!nic.offload[ctag_filter].on);
    restore_nic(nic, now);
    CHECK(nic.offload[ctag_filter].on);
}

TEST_CASE("nic: a filter that cannot be changed gets each tag by a device, and loses it with the VLAN") {
    FakeNic nic;
    nic.offload[ctag_filter] = {.on = true, .changeable = false};
    auto now = switched(nic, {.vlans = {ten, twenty}, .forwards = false});
    CHECK(now.vlans == Vlans::devices);
    CHECK(nic.commands == std::vector<std::string>{"add 10", "add 20"});
    now = switched(nic, {.vlans = {twenty}, .forwards = false}, now);
    CHECK(nic.devices.size() == 1);
    CHECK(nic.devices.begin()->second == twenty);
    nic.devices.clear(); // by somebody
    now = switched(nic, {.vlans = {twenty}, .forwards = false}, now);
    CHECK(nic.devices.size() == 1);
    restore_nic(nic, now);
    CHECK(nic.devices.empty());
}

TEST_CASE("nic: a device of somebody else's will do, and is not removed") {
    FakeNic nic;
    nic.offload[ctag_filter] = {.on = true, .changeable = false};
    nic.of_others = {ten};
    auto now = switched(nic, {.vlans = {ten}, .forwards = false});
    CHECK(now.vlans == Vlans::devices);
    now = switched(nic, {}, now);
    CHECK(now.devices.empty());
    CHECK(nic.commands.empty());
}

TEST_CASE("nic: each filter is judged by its own kind of tag") {
    FakeNic nic;
    nic.offload[ctag_filter] = {.on = true, .changeable = true};
    nic.offload[stag_filter] = {.on = true, .changeable = false};
    auto now = switched(nic, {.vlans = {service}, .forwards = false});
    CHECK(nic.commands == std::vector<std::string>{"add 10"});
    CHECK(nic.offload[ctag_filter].on);
    now = switched(nic, {.vlans = {ten, service}, .forwards = false}, now);
    CHECK(!nic.offload[ctag_filter].on);
    CHECK(nic.devices.size() == 1);
}

TEST_CASE("nic: a driver that keeps its filter on gets devices, and it is said why") {
    FakeNic nic;
    nic.offload[ctag_filter] = {.on = true, .changeable = true};
    nic.keeps = {ctag_filter};
    const auto now = switched(nic, {.vlans = {ten}, .forwards = false});
    CHECK(now.vlans == Vlans::devices);
    CHECK(now.off.empty());
    CHECK(now.refused == std::vector<std::string>{ctag_filter});
    CHECK(switched(nic, {}, now) == NicSwitches());
}

TEST_CASE("nic: promiscuous is the last way, and it is said why") {
    FakeNic nic;
    nic.offload[ctag_filter] = {.on = true, .changeable = false};
    nic.makes_devices = false;
    auto now = switched(nic, {.vlans = {ten}, .forwards = false});
    CHECK(now.vlans == Vlans::promiscuous);
    CHECK(now.why == "no VLAN devices");
    nic.makes_devices = true;
    now = switched(nic, {.vlans = {ten}, .forwards = false}, now);
    CHECK(now.vlans == Vlans::devices);
    CHECK(now.why.empty());
}

TEST_CASE("nic: more VLANs than can be told of one by one make it promiscuous") {
    FakeNic nic;
    nic.offload[ctag_filter] = {.on = true, .changeable = false};
    NicWish wish;
    for (std::uint16_t id = 1; id <= 300; ++id) {
        wish.vlans.push_back({0x8100, id});
    }
    const auto now = switched(nic, wish);
    CHECK(now.vlans == Vlans::promiscuous);
    CHECK(nic.devices.empty());
}

TEST_CASE("nic: large receive offload is off while the bond forwards, and as it was afterwards") {
    FakeNic nic;
    nic.offload[lro] = {.on = true, .changeable = true};
    auto now = switched(nic, {.vlans = {}, .forwards = true});
    CHECK(!nic.offload[lro].on);
    now = switched(nic, {}, now);
    CHECK(nic.offload[lro].on);
    CHECK(now == NicSwitches());

    nic.offload[ctag_filter] = {.on = true, .changeable = false};
    now = switched(nic, {.vlans = {ten}, .forwards = false}, now);
    CHECK(!nic.offload[lro].on); // nor while there is a device for a VLAN
    now = switched(nic, {.vlans = {ten}, .forwards = true}, now);
    now = switched(nic, {.vlans = {ten}, .forwards = false}, now);
    CHECK(!nic.offload[lro].on);
    now = switched(nic, {}, now);
    CHECK(nic.offload[lro].on);
    CHECK(now == NicSwitches());
    now = switched(nic, {.vlans = {ten}, .forwards = false}, now);
    restore_nic(nic, now);
    CHECK(nic.offload[lro].on);
    CHECK(nic.devices.empty());
    now = {};
    nic.offload.erase(ctag_filter);

    nic.offload[lro].on = false; // by somebody
    now = switched(nic, {.vlans = {}, .forwards = true}, now);
    restore_nic(nic, now);
    CHECK(!nic.offload[lro].on);
}

} // namespace xbond::daemon
