/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Reception as the ARP and NS monitor counts it: stamped where the frame arrives, read by the controller when its
 * interval is over. Used by xb_rx, and by xb_xdp for what it drops early.
 */
#ifndef XB_ARP_H
#define XB_ARP_H

#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>

#include "lib/parse.h"
#include "lib/table.h"

struct xb_ip6 {
	__u32 word[4];
};

struct xb_stamps xb_the_stamps SEC(XB_STAMPS_SECTION);

/* Addresses of the bond. */
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

/* Stamps are written once a jiffy: then CPUs share the line in between, and a storm of frames pays for no clock. Two
 * CPUs at once may both write. */
static __always_inline void xb_stamp(struct xb_slot_stamps *stamps, __u64 *stamp, __u32 bit)
{
	__u64 jiffy = bpf_jiffies64();

	if (stamps->jiffy != jiffy) {
		stamps->jiffy = jiffy;
		stamps->fresh = 0;
	}
	if (stamps->fresh & bit)
		return;
	stamps->fresh |= bit;
	*stamp = stamps->last_rx = bpf_ktime_get_ns();
}

static __always_inline void xb_stamp_any(__u32 id)
{
	struct xb_slot_stamps *stamps = &xb_the_stamps.slot[id & (XB_MAX_SLAVES - 1)];

	xb_stamp(stamps, &stamps->last_rx, 1u << XB_MAX_TARGETS);
}

/* An answer counts. Global: verified once, not for each target. */
__noinline int xb_stamp_target(__u32 id, __u32 target)
{
	struct xb_slot_stamps *stamps = &xb_the_stamps.slot[id & (XB_MAX_SLAVES - 1)];

	target &= XB_MAX_TARGETS - 1;
	xb_stamp(stamps, &stamps->target_rx[target], 1u << target);
	return 0;
}

/* Rule (b): has the active slave heard something since it became active? */
static __always_inline int xb_active_heard(const struct xb_bank *bank)
{
	const struct xb_monitor *monitor = &bank->monitor;
	const struct xb_slot_stamps *stamps;
	__u64 heard;

	if (bank->active >= XB_MAX_SLAVES)
		return 0;
	stamps = &xb_the_stamps.slot[bank->active];
	heard = stamps->last_rx;
	if (monitor->all_targets) {
		heard = stamps->target_rx[0];
		for (__u32 i = 1; i < XB_MAX_TARGETS; i++) {
			if (i >= monitor->n_targets4)
				break;
			if (stamps->target_rx[i] < heard)
				heard = stamps->target_rx[i];
		}
	}
	return heard > monitor->heard_after;
}

/* Rule (c): an answer to a candidate's probe may come in on any slave. */
static __always_inline int xb_candidate_waits(const struct xb_monitor *monitor)
{
	__u64 now;

	if (!monitor->probe_until)
		return 0;
	now = bpf_ktime_get_ns();
	return now >= monitor->probe_from && now <= monitor->probe_until;
}

static __always_inline int xb_is_own4(const struct xb_monitor *monitor, __u32 addr)
{
	__u32 key;

	if (!addr)
		return monitor->any_own4;
	for (__u32 i = 0; i < XB_FEW_OWN; i++)
		if (monitor->own4[i] == addr)
			return 1;
	if (monitor->n_own4 <= XB_FEW_OWN)
		return 0;
	key = addr; /* maps take keys from the stack: only who comes here pays for that */
	return bpf_map_lookup_elem(&xb_own4, &key) != 0;
}

static __always_inline void xb_check4(const struct xb_monitor *monitor, __u32 id, __u32 target, __u32 own)
{
	for (__u32 i = 0; i < XB_MAX_TARGETS; i++) {
		if (i >= monitor->n_targets4)
			return;
		if (monitor->target4[i] != target)
			continue;
		if (xb_is_own4(monitor, own))
			xb_stamp_target(id, i);
		return;
	}
}

/* `arp.valid` for an ARP frame of a slave. */
static __always_inline void xb_stamp_arp(const struct xb_bank *bank, __u32 id, __u32 flags, const struct xb_arp *arp)
{
	__u32 target, own;

	if (!xb_is_ipv4_arp(arp))
		return;
	target = xb_arp_sender(arp);
	own = arp->target4;
	if (flags & XB_SLOT_BACKUP) {
		if (xb_active_heard(bank)) {
			own = target;
			target = arp->target4;
		} else if (arp->op != bpf_htons(XB_ARPOP_REPLY) || !xb_candidate_waits(&bank->monitor)) {
			return;
		}
	}
	xb_check4(&bank->monitor, id, target, own);
}

static __always_inline int xb_is_all_nodes(const struct xb_ip6 *a)
{
	return a->word[0] == bpf_htonl(0xff020000) && !a->word[1] && !a->word[2] && a->word[3] == bpf_htonl(1);
}

/* `a` is the target, or its solicited-node address (RFC 4291 2.7.1), to which its neighbours solicit. */
static __always_inline int xb_is_target6(const struct xb_ip6 *a, const struct xb_ip6 *target)
{
	if (a->word[0] == target->word[0] && a->word[1] == target->word[1] && a->word[2] == target->word[2] &&
	    a->word[3] == target->word[3])
		return 1;
	return a->word[0] == bpf_htonl(0xff020000) && !a->word[1] && a->word[2] == bpf_htonl(1) &&
	       a->word[3] == (target->word[3] | bpf_htonl(0xff000000));
}

static __always_inline void xb_check6(const struct xb_monitor *monitor, __u32 id, const struct xb_ip6 *a,
				      const struct xb_ip6 *own)
{
	struct xb_ip6 key;

	if (!(a->word[0] | a->word[1] | a->word[2] | a->word[3]))
		return;
	for (__u32 i = 0; i < XB_MAX_TARGETS; i++) {
		if (i >= monitor->n_targets6)
			return;
		if (!xb_is_target6(a, (const struct xb_ip6 *)monitor->target6[i]))
			continue;
		/* The map takes keys from the stack. */
		key = *own;
		if (xb_is_all_nodes(&key) || bpf_map_lookup_elem(&xb_own6, &key))
			xb_stamp_target(id, i);
		return;
	}
}

/* `arp.valid` for an IPv6 frame of a slave; `ip`: XB_ICMP6_BYTES from its base header. */
static __always_inline void xb_stamp_icmp6(const struct xb_bank *bank, __u32 id, __u32 flags, const __u8 *ip)
{
	const struct xb_ip6 *target = (const struct xb_ip6 *)(ip + 8), *own = (const struct xb_ip6 *)(ip + 24);

	if (ip[6] != XB_L4_ICMPV6 || (ip[40] != XB_NS && ip[40] != XB_NA))
		return;
	if (flags & XB_SLOT_BACKUP) {
		if (xb_active_heard(bank)) {
			target = own;
			own = (const struct xb_ip6 *)(ip + 8);
		} else if (!xb_candidate_waits(&bank->monitor)) {
			return;
		}
	}
	xb_check6(&bank->monitor, id, target, own);
}

/* Whether a frame of this protocol can stamp a slave with these flags. */
static __always_inline int xb_monitor_cares(__u32 flags, __u16 protocol)
{
	return (flags & XB_SLOT_HEAR_ANY) ||
	       ((flags & XB_SLOT_HEAR) && (protocol == bpf_htons(ETH_P_ARP) || protocol == bpf_htons(ETH_P_IPV6)));
}

#endif
