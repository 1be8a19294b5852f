/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The slaves as targets of a redirect from XDP: one, or all to which broadcast mode sends. Written by user space.
 */
#ifndef XB_DEVMAPS_H
#define XB_DEVMAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xbond/abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, XB_MAX_SLAVES);
	__type(key, __u32);
	__type(value, __u32);
} xb_out SEC(".maps"), xb_all SEC(".maps");

#endif
