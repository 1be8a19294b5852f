// SPDX-License-Identifier: MIT
#include "user/daemon/nic/switches.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace xbond::daemon {
namespace {

// As ethtool lists them. The filters come first, with the tags that pass them.
constexpr std::array<std::string_view, 3> offload_names{"rx-vlan-filter", "rx-vlan-stag-filter", "rx-lro"};
constexpr std::array<std::uint16_t, 2> filtered{0x8100, 0x88a8};
constexpr std::size_t lro = 2;
constexpr std::size_t max_devices = 256; // on one NIC; with more VLANs it hears all of them

template <typename List, typename Value> bool has(const List &list, const Value &value) {
    return std::ranges::find(list, value) != std::ranges::end(list);
}

class Switching {
public:
    Switching(Nic &nic, const NicWish &wish, NicSwitches &now) : nic_(nic), wish_(wish), now_(now) {}

    Round run() {
        auto found = nic_.offloads(offload_names);
        if (!found) { // it has gone, or has no say in anything
            found = std::vector<sys::Offload>(offload_names.size());
        }
        found_ = std::move(*found);
        now_.why.clear();
        for (std::size_t filter = 0; filter < filtered.size(); ++filter) {
            pass(filter);
        }
        const bool no_lro = wish_.forwards || !by_device_.empty();
        if (no_lro) {
            turn(lro, true);
        }
        set_devices();
        if (!no_lro) { // while there is a device the kernel refuses it
            turn(lro, false);
        }
        now_.vlans = verdict();
        return round_;
    }

private:
    // Whether it will be off, by us.
    bool turn(std::size_t which, bool off) {
        const std::string name(offload_names.at(which));
        const bool on = found_.at(which).on, noted = has(now_.off, name);
        if (!off) {
            std::erase(now_.refused, name);
            if (noted && (on || nic_.set_offload(name, true) || !found_.at(which).changeable)) {
                std::erase(now_.off, name);
            }
            return false;
        }
        if (has(now_.refused, name) || !found_.at(which).changeable || (!on && !noted)) {
            return false;
        }
        if (!noted) {
            now_.off.push_back(name);
            round_ = Round::noted;
            return true;
        }
        if (!on) {
            return true;
        }
        const auto done = nic_.set_offload(name, false);
        if (!done) {
            std::erase(now_.off, name);
            now_.refused.push_back(name);
            now_.why = done.error().message;
        }
        return done.has_value();
    }

    // Lets in the tags that this filter concerns.
    void pass(std::size_t filter) {
        std::vector<wire::VlanTag> tags;
        std::ranges::copy_if(wish_.vlans, std::back_inserter(tags),
                             [&](const wire::VlanTag &tag) { return tag.proto == filtered.at(filter); });
        if (turn(filter, !tags.empty())) {
            filter_off_ = true;
        } else if (found_.at(filter).on) {
            by_device_.insert(by_device_.end(), tags.begin(), tags.end());
        }
    }

    void set_devices() {
        if (by_device_.size() > max_devices) {
            promiscuous_ = true;
            now_.why = std::to_string(by_device_.size()) + " VLANs are more than the NIC is told of one by one";
            by_device_.clear();
        }
        std::vector<NicSwitches::Device> kept;
        for (const auto &device : now_.devices) {
            if (!has(by_device_, device.tag)) {
                if (device.ifindex != 0 && !nic_.remove_vlan(device.ifindex)) {
                    kept.push_back(device);
                }
            } else if (device.ifindex != 0 && nic_.has_vlan(device.ifindex)) {
                kept.push_back(device);
            }
        }
        now_.devices = std::move(kept);
        for (const auto &tag : by_device_) {
            if (std::ranges::find(now_.devices, tag, &NicSwitches::Device::tag) != now_.devices.end()) {
                continue;
            }
            if (const auto made = nic_.add_vlan(tag)) {
                now_.devices.push_back({tag, *made});
            } else {
                promiscuous_ = true;
                now_.why = made.error().message;
            }
        }
    }

    NicSwitches::Vlans verdict() const {
        using Vlans = NicSwitches::Vlans;
        if (wish_.vlans.empty()) {
            return Vlans::none_asked;
        }
        if (promiscuous_) {
            return Vlans::promiscuous;
        }
        if (!now_.devices.empty()) {
            return Vlans::devices;
        }
        return filter_off_ ? Vlans::filter_off : Vlans::open;
    }

    Nic &nic_;
    const NicWish &wish_;
    NicSwitches &now_;
    std::vector<sys::Offload> found_;
    std::vector<wire::VlanTag> by_device_;
    bool filter_off_ = false, promiscuous_ = false;
    Round round_ = Round::done;
};

} // namespace

Round switch_nic(Nic &nic, const NicWish &wish, NicSwitches &now) { return Switching(nic, wish, now).run(); }

void restore_nic(Nic &nic, const NicSwitches &switched) {
    for (const auto &device : switched.devices) {
        if (device.ifindex != 0) {
            (void)nic.remove_vlan(device.ifindex);
        }
    }
    for (const auto &name : switched.off) {
        (void)nic.set_offload(name, true);
    }
}

const char *text(NicSwitches::Vlans vlans) {
    switch (vlans) {
    case NicSwitches::Vlans::none_asked:
        return "none";
    case NicSwitches::Vlans::open:
        return "open";
    case NicSwitches::Vlans::filter_off:
        return "filter off";
    case NicSwitches::Vlans::devices:
        return "filter set";
    case NicSwitches::Vlans::promiscuous:
        return "promiscuous";
    }
    return "?";
}

} // namespace xbond::daemon
