/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A slave's carrier, and whether it lives, as the kernel keeps it, read from struct net_device. XB_CARRIER says how: by
 * kfunc (6.2 and later; a reference to a missing kfunc makes the whole object fail to load), by bpf_probe_read_kernel,
 * or not at all.
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

struct net;

typedef struct {
	struct net *net;
} possible_net_t;

struct list_head {
	struct list_head *prev;
} __attribute__((preserve_access_index));

struct netdev_hw_addr_list {
	struct list_head list;
	int count;
} __attribute__((preserve_access_index));

struct net_device {
	unsigned long state;
	int ifindex;
	possible_net_t nd_net;
	struct netdev_hw_addr_list mc;
	__u8 reg_state;
} __attribute__((preserve_access_index));

/* Before Linux 6.9. */
struct net_device___bits {
	enum {
		XB_REG_STATE
	} reg_state : 8;
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

/* The interface index, and not 0 in the upper half if the slot is latched: one read. */
static __always_inline __u64 xb_index_and_latch(const struct xb_slot *slot)
{
	const __u64 both = *(const __u64 *)&slot->ifindex;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return both << 32 | both >> 32;
#else
	return both;
#endif
}

/* 1 = the slot's device runs and has carrier, or is not known: then the controller's word counts. A pointer to a device
 * that has gone reads as anything; the interface index tells. With `latch` a latched slot is 0, too. */
static __always_inline int xb_runs(const struct xb_slot *slot, int latch)
{
	__u64 dev = slot->dev;
	unsigned long state;
	__u32 ifindex;

	if (!dev || XB_CARRIER == XB_CARRIER_NONE)
		return !latch || !slot->latched;
#if XB_CARRIER == XB_CARRIER_KFUNC
	struct net_device *nd = bpf_rdonly_cast((void *)dev, bpf_core_type_id_kernel(struct net_device));

	state = nd->state;
	ifindex = nd->ifindex;
#elif XB_CARRIER == XB_CARRIER_PROBE
	struct net_device *nd = (void *)dev;

	state = BPF_CORE_READ(nd, state);
	ifindex = BPF_CORE_READ(nd, ifindex);
#else
	state = ifindex = 0;
#endif
	return (state & XB_LINK_STATE_MASK) == XB_LINK_STATE_UP &&
	       ifindex == (latch ? xb_index_and_latch(slot) : slot->ifindex);
}

static __always_inline int xb_carrier_on(const struct xb_slot *slot)
{
	return xb_runs(slot, 0);
}

/* One that lost its carrier is out until the controller takes it back: the other end of a link that has just returned is
 * not ready. */
static __always_inline int xb_slot_ready(const struct xb_slot *slot)
{
	return xb_runs(slot, 1);
}

#if XB_CARRIER == XB_CARRIER_KFUNC
#define XB_READ(nd, field) ((nd)->field)
#define XB_READ_BITS(nd, field) BPF_CORE_READ_BITFIELD(nd, field)
#else
#define XB_READ(nd, field) BPF_CORE_READ(nd, field)
#define XB_READ_BITS(nd, field) BPF_CORE_READ_BITFIELD_PROBED(nd, field)
#endif

#define XB_NETREG_REGISTERED 1

/* Instead of xb_slot.ifindex, where the device has gone and no controller has cleared the slot: no device has it. */
#define XB_IFINDEX_GONE 0x7fffffff

#if XB_CARRIER != XB_CARRIER_NONE
static __always_inline struct net_device *xb_device(__u64 dev)
{
#if XB_CARRIER == XB_CARRIER_KFUNC
	return bpf_rdonly_cast((void *)dev, bpf_core_type_id_kernel(struct net_device));
#else
	return (void *)dev;
#endif
}

/* The network namespace that a device is in; 0: the kernel has but one. */
static __always_inline __u64 xb_netns_of(__u64 dev)
{
	struct net_device *nd = xb_device(dev);

	return bpf_core_field_exists(nd->nd_net.net) ? (__u64)XB_READ(nd, nd_net.net) : 0;
}

/* The device that user space runs a program on by BPF_PROG_TEST_RUN. */
static __always_inline __u64 xb_device_of(struct __sk_buff *ctx)
{
#if XB_CARRIER == XB_CARRIER_KFUNC
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);

	return (__u64)skb->dev;
#else
	struct net_device *dev = 0;

	/* Behind the program's view of ctx is the sk_buff itself. */
	bpf_probe_read_kernel(&dev, sizeof(dev), (void *)ctx + bpf_core_field_offset(struct sk_buff, dev));
	return (__u64)dev;
#endif
}

/* 0 = the device has gone, for good or into another network namespace than `home` (0: not known). The memory of a device
 * that has gone is readable and keeps saying so, until it is another one's. */
static __always_inline int xb_device_lives(__u64 dev, __u32 ifindex, __u64 home)
{
	struct net_device *nd = xb_device(dev);
	__u32 registered;

	if (bpf_core_field_exists(nd->reg_state)) {
		registered = XB_READ(nd, reg_state);
	} else {
		struct net_device___bits *bits = (void *)nd;

		registered = XB_READ_BITS(bits, reg_state);
	}
	return registered == XB_NETREG_REGISTERED && (__u32)XB_READ(nd, ifindex) == ifindex &&
	       (!home || xb_netns_of(dev) == home);
}
#endif

#endif
