/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Per-CPU counters. Programs of the same hook do not interrupt each other on a CPU (bottom halves are off around all
 * of them), so plain additions are exact.
 */
#ifndef XB_STATS_H
#define XB_STATS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xbond/abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XB_STATS_ENTRIES);
	__type(key, __u32);
	__type(value, struct xb_counters);
} xb_stats SEC(".maps");

static __always_inline struct xb_counters *xb_counters_of(__u32 entry)
{
	return bpf_map_lookup_elem(&xb_stats, &entry);
}

#endif
