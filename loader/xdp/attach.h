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

// EBUSY: another XDP program holds the device and cannot be shared with.
Result<void> attach_xdp(std::uint32_t ifindex, XdpState::Attached mode, const xb_config &config, const Maps &maps);

// How a program of ours sits on the device.
XdpState::Attached find_xdp(std::uint32_t ifindex, const IsOurs &is_ours);

// Removes ours and nobody else's.
Result<void> detach_xdp(std::uint32_t ifindex, const IsOurs &is_ours);

} // namespace xbond::loader
