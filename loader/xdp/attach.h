// SPDX-License-Identifier: MIT
// xb_xdp on a device, through libxdp: as one program of its dispatcher where the kernel has freplace, alone otherwise.
// It sits there by netlink or by libxdp's own pins, so it outlives the controller without a pin of ours.
#pragma once

#include <cstdint>
#include <optional>

#include "loader/bpf_calls.h"
#include "loader/datapath.h"
#include "loader/programs.h"

namespace xbond::loader {

// To be called before the rest: without freplace libxdp must not try its dispatcher.
void prepare_libxdp(bool freplace);

// How a program of ours sits on the device, and which.
struct OnDevice {
    XdpState::Attached attached = XdpState::Attached::none;
    std::uint32_t prog_id = 0;
    bool alone = false; // without libxdp's dispatcher
};
OnDevice find_xdp(std::uint32_t ifindex, const IsOurs &is_ours);

// `kind`: xdp, xdp_frags or fwd, of which `carrier` picks the variant. EBUSY: another XDP program holds the device and
// cannot be shared with.
Result<void> attach_xdp(std::uint32_t ifindex, XdpState::Attached mode, ObjectKind kind, const xb_config &config,
                        const Maps &maps, CarrierCheck carrier = CarrierCheck::none);

// One of ours in the place of another, with no frame in between; only where it is alone.
Result<void> replace_xdp(std::uint32_t ifindex, const OnDevice &before, ObjectKind kind, const xb_config &config,
                         const Maps &maps);

// Removes ours and nobody else's.
Result<void> detach_xdp(std::uint32_t ifindex, const IsOurs &is_ours);

} // namespace xbond::loader
