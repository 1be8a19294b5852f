// SPDX-License-Identifier: MIT
// What the daemon keeps on disk: enough for a new controller to go on, and to restore every slave after a crash. One
// JSON file per network namespace, replaced atomically and synced before any device is changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "user/core/bond/bond.h"
#include "user/daemon/elsewhere/other_netns.h"
#include "user/daemon/nic/slave_device.h"

namespace xbond::daemon {

struct SavedChain { // what people called the XDP program that is chained; what runs, the pins tell
    std::uint32_t id = 0;
    std::string file, program, pin;

    bool operator==(const SavedChain &) const = default;
};

struct SavedPort { // a device whose frames go through the bond
    std::string name;
    std::uint32_t ifindex = 0;
    MacAddr own; // the device's, by which it is known
    std::optional<MacAddr> mac{};
    std::uint16_t vlan = 0;
    XdpPolicy xdp = XdpPolicy::automatic;
    bool promisc = false; // made so by us
    bool ending = false;  // it is to be a port no longer

    bool operator==(const SavedPort &) const = default;
};

struct SavedController { // one bond
    core::SavedBond core;
    std::uint32_t ifindex = 0, peer = 0;
    std::uint32_t mtu = 1500;
    std::vector<SlaveOriginal> originals; // also of devices in the middle of being enslaved or released
    std::optional<SavedChain> chain{};
    std::vector<SavedPort> ports{};
    std::optional<Abode> abode{};

    bool operator==(const SavedController &) const = default;
};

struct SavedState {
    std::string boot_id; // another boot: interface indexes mean nothing any more
    std::vector<SavedController> bonds;

    bool operator==(const SavedState &) const = default;
};

std::string text_of(const SavedState &);
std::filesystem::path state_file(const std::filesystem::path &dir);
Result<void> save_state(const std::filesystem::path &dir, const SavedState &); // now; the directory is made (0700)
// An empty state where there is no file or it is of another boot; an error where it cannot be understood.
Result<SavedState> load_state(const std::filesystem::path &dir);
std::string boot_id();

} // namespace xbond::daemon
