/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A slave's carrier as the kernel keeps it, read from struct net_device. XB_CARRIER says how: by kfunc (6.2 and later;
 * a reference to a missing kfunc makes the whole object fail to load), by bpf_probe_read_kernel, or not at all.
 */
#ifndef XB_CARRIER_H
#define XB_CARRIER_H

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "xbond/abi.h"

#define XB_CARRIER_NONE 0
#define XB_CARRIER_PROBE 1
#define XB_CARRIER_KFUNC 2

struct net_device {
	unsigned long state;
	int ifindex;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct net_device *dev;
} __attribute__((preserve_access_index));

#if XB_CARRIER == XB_CARRIER_KFUNC
extern void *bpf_cast_to_kern_ctx(void *obj) __ksym;
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;
#endif

/* Bits of net_device.state: __LINK_STATE_START (0) set, __LINK_STATE_NOCARRIER (2) clear. */
#define XB_LINK_STATE_MASK 5
#define XB_LINK_STATE_UP 1

/* 1 = the slot's device runs and has carrier, or its device is not known (1.2: then the controller's word counts). A
 * pointer to a device that has gone reads as anything; the interface index tells. */
static __always_inline int xb_carrier_on(const struct xb_slot *slot)
{
#if XB_CARRIER == XB_CARRIER_NONE
	(void)slot;
	return 1;
#else
	__u64 dev = slot->dev;
	unsigned long state;
	__u32 ifindex;

	if (!dev)
		return 1;
#if XB_CARRIER == XB_CARRIER_KFUNC
	struct net_device *nd = bpf_rdonly_cast((void *)dev, bpf_core_type_id_kernel(struct net_device));

	state = nd->state;
	ifindex = nd->ifindex;
#else
	struct net_device *nd = (void *)dev;

	state = BPF_CORE_READ(nd, state);
	ifindex = BPF_CORE_READ(nd, ifindex);
#endif
	return (state & XB_LINK_STATE_MASK) == XB_LINK_STATE_UP && ifindex == slot->ifindex;
#endif
}

#endif
