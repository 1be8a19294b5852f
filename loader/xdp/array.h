// SPDX-License-Identifier: MIT
// Arrays of programs for tail calls. The first program that uses one decides for the kernel which others may use it or
// be in it: type, fragments and, since Linux 6.18 and the stable kernels of late 2025, what it was loaded to be
// attached as. Programs behind libxdp's dispatcher are loaded as nothing (0). So is xb_xdp where it runs alone, and
// what is chained, or slaves of both kinds could not share an array.
#pragma once

#include <linux/bpf.h>

#include "xbond/result.h"

struct bpf_object;

namespace xbond::loader {

inline constexpr bpf_attach_type as_nothing{};

// What the XDP programs that use an array have to be loaded as. One that nobody has used is made ours, as nothing;
// revisions of xbond before loaded them as BPF_XDP.
Result<bpf_attach_type> attach_type_of(int array_fd, bool frags);

// For the XDP programs of an object that are attached to devices or chained, not those for maps of devices.
void load_as(bpf_object *, bpf_attach_type);

} // namespace xbond::loader
