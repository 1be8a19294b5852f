// SPDX-License-Identifier: MIT
// How a slave's NIC is switched for the bond.
//
// A NIC that filters VLANs lets in a tag only if a VLAN device on it has asked for that; those above the bond do not.
// So, as long as the bond has VLANs: the filter off where it can be, else the tag put into it by a VLAN device of ours
// on the slave, which is down and stays so, else promiscuous. Large receive offload is off while the bond forwards,
// since what it has put together cannot be sent on; and while there are such devices: the kernel turns it off, sooner
// or later, below a device that does without, and never on again.
//
// What is turned off is noted first, and done in the next round, when the note is on disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "user/daemon/nic/nic.h"

namespace xbond::daemon {

struct NicWish {
    std::vector<wire::VlanTag> vlans; // outermost tags of what stands on the bond, in order, each once
    bool forwards = false;

    bool operator==(const NicWish &) const = default;
};

struct NicSwitches { // by us
    enum class Vlans {
        none_asked, // nothing stands on the bond with a tag
        open,       // the NIC filters none of them
        filter_off,
        devices,
        promiscuous,
    };
    struct Device {
        wire::VlanTag tag;
        std::uint32_t ifindex = 0; // 0: somebody else's
        bool operator==(const Device &) const = default;
    };
    std::vector<std::string> off; // offloads, turned off or about to be
    std::vector<Device> devices;
    std::vector<std::string> refused; // offloads that the driver keeps on
    Vlans vlans = Vlans::none_asked;
    std::string why; // for what is no more than the next best

    bool operator==(const NicSwitches &) const = default;
};

enum class Round { done, noted }; // noted: to be called again when `now` has been saved
// Goes on after errors.
Round switch_nic(Nic &, const NicWish &, NicSwitches &now);

// Everything as it was. What cannot be done is left: more is let in than need be, not less.
void restore_nic(Nic &, const NicSwitches &);

const char *text(NicSwitches::Vlans);

} // namespace xbond::daemon
