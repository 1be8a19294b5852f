/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The maps of abi.h. Each object declares those it uses; user space makes them one by handing the descriptors of the
 * first object, or of the pins, to the others. XB_NEED_WATCH, XB_NEED_XSK, XB_NEED_MONITOR and
 * XB_NEED_LB ask for those that not all need.
 */
#ifndef XB_MAPS_H
#define XB_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xbond/abi.h"

/* Set before load: the verifier removes what the frozen mode does not need. */
const volatile struct xb_config xb_cfg SEC(".rodata");

struct xb_table xb_the_table SEC(XB_TABLE_SECTION);

#ifdef XB_NEED_MONITOR
struct xb_ip6 {
	__u32 word[4];
};

struct xb_stamps xb_the_stamps SEC(XB_STAMPS_SECTION);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XB_OWN_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} xb_own4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XB_OWN_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct xb_ip6);
	__type(value, __u8);
} xb_own6 SEC(".maps");
#endif

#ifdef XB_NEED_LB
struct xb_lb xb_the_lb SEC(XB_LB_SECTION);
#endif

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XB_STATS_ENTRIES);
	__type(key, __u32);
	__type(value, struct xb_counters);
} xb_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, XB_EVENTS_BYTES);
} xb_events SEC(".maps");

#ifdef XB_NEED_WATCH
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xb_watch);
} xb_watch SEC(".maps");
#endif

#ifdef XB_NEED_XSK
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, XB_XSK_ENTRIES);
	__type(key, __u32);
	__type(value, __u32);
} xb_xsk SEC(".maps");
#endif

/* Keeps a pointer in a register: clang would rather repeat its sum at every use. */
#define XB_KEEP(pointer) asm volatile("" : "+r"(pointer))

static __always_inline struct xb_bank *xb_get_bank(struct xb_table *table)
{
	struct xb_bank *bank = &table->banks[table->bank & 1];

	XB_KEEP(bank);
	return bank;
}

#endif
