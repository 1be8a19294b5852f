/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Which slave a packet takes: the one place where the modes differ in the data path. Used by every
 * program that transmits through the bond, and by the probe program of tests/bpf.
 */
#ifndef XB_SELECT_H
#define XB_SELECT_H

#include "lib/carrier.h"
#include "lib/events.h"
#include "lib/frame.h"
#include "lib/lb.h"
#include "lib/rlb_send.h"
#include "lib/stats.h"
#include "lib/table.h"

/* slot and its ifindex: where the packet goes; XB_NO_SLOT: drop it. failover: not the slave that the mode chose (counted
 * here, where it is rare: programs that send need not carry it). */
struct xb_choice {
	__u32 slot;
	__u32 ifindex;
	__u32 failover;
};

/* Wakes the controller, once a slot until it clears the latch. Global: verified once, not for each step of a chain. */
__noinline int xb_notify_no_carrier(__u32 id)
{
	struct xb_slot *slot = &xb_the_table.slot[id & (XB_MAX_SLAVES - 1)];

	if (!slot->latched && !__sync_lock_test_and_set(&slot->latched, 1)) {
		struct xb_event event = { .type = XB_EVENT_TX_NO_CARRIER, .slot = id, .ifindex = slot->ifindex };

		if (xb_emit(&event))
			slot->latched = 0; /* ring full: the next packet tries again */
	}
	return 0;
}

/* The links of the fallback chain are the devices in the table. */
#define xb_links xb_table

static __always_inline int xb_link_carrier(const struct xb_links *table, __u32 id)
{
	return xb_carrier_on(&table->slot[id]);
}

static __always_inline int xb_link_ready(const struct xb_links *table, __u32 id)
{
	return xb_slot_ready(&table->slot[id]);
}

static __always_inline void xb_link_lost(struct xb_links *table, __u32 id)
{
	(void)table; /* the only one there is */
	xb_notify_no_carrier(id);
}

#include "xbond/pick.h"

static __noinline int xb_count_failover(struct __sk_buff *ctx, __u32 id)
{
	struct xb_counters *counters = xb_counters_of(id);

	if (counters)
		counters->failover_tx += xb_packets(ctx);
	return 0;
}

/* The choice made final by the carrier check. `insist`: with no carrier anywhere, still send on the slave chosen. */
static __always_inline struct xb_choice xb_checked(struct xb_table *table, struct xb_bank *bank, struct __sk_buff *ctx,
						   __u32 id, int insist)
{
	struct xb_choice choice = { .slot = id };
	struct xb_slot *slot;
	__u32 other;

	if (id >= XB_MAX_SLAVES)
		return choice;
	slot = &table->slot[id];
	XB_KEEP(slot);
	if (!xb_slot_ready(slot)) {
		other = xb_fallback(table, bank, id);
		if (other < XB_MAX_SLAVES) {
			slot = &table->slot[other];
			choice.slot = other;
			choice.failover = other != id;
			if (choice.failover)
				xb_count_failover(ctx, other);
		} else if (!insist) {
			choice.slot = XB_NO_SLOT;
		}
	}
	choice.ifindex = slot->ifindex;
	return choice;
}

/* Mode 0: pre-incremented per CPU, so the first packet on a CPU counts as 1. */
static __always_inline __u32 xb_round_robin(void)
{
	__u32 per_slave = xb_cfg.packets_per_slave;
	struct xb_counters *bond;
	__u32 count;

	if (per_slave == 0)
		return bpf_get_prandom_u32();
	bond = xb_counters_of(XB_STATS_BOND);
	if (!bond)
		return 0;
	count = ++bond->rr_counter;
	return per_slave == 1 ? count : count / per_slave;
}

static __noinline __u32 xb_hash_any(struct __sk_buff *ctx)
{
	return xb_flow_hash(ctx, xb_cfg.policy);
}

/* The most common packet under the most common policy, without a helper call: TCP or UDP over IPv4 without options or
 * fragments. The general walk gives it the same hash, 28 instructions later (VM lab, 6.12). */
static __always_inline __u32 xb_hash(struct __sk_buff *ctx)
{
	struct xb_flow flow;
	const __u8 *ip;

	if (xb_cfg.policy != XB_POLICY_LAYER34 || ctx->protocol != bpf_htons(ETH_P_IP))
		return xb_hash_any(ctx);
	ip = xb_linear(ctx, ETH_HLEN);
	if (!xb_is_linear(ctx, ip, 24) || ip[0] != 0x45 || xb_ipv4_is_fragment(ip) ||
	    (ip[9] != XB_L4_TCP && ip[9] != XB_L4_UDP))
		return xb_hash_any(ctx);
	xb_flow_ipv4(&flow, ip);
	return xb_hash_fold(&flow, xb_word(ip + 20), 1);
}

static __always_inline __u32 xb_pick(const struct xb_bank *bank, __u32 number)
{
	__u32 n = bank->n_pick;

	if (!n)
		return XB_NO_SLOT;
	return bank->pick[xb_pick_index(n, number) & (XB_MAX_SLAVES - 1)];
}

/* Modes 5 and 6 (`balance.frames`): a balanced packet's bucket, or its hash, or the slave of an ARP packet's client;
 * the active slave takes the rest. */
static __always_inline __u32 xb_balance(struct xb_bank *bank, struct __sk_buff *ctx, __u32 mode)
{
	const __u32 dynamic = xb_cfg.tlb_dynamic_lb;
	__u32 id = XB_NO_SLOT, number = XB_NOT_BALANCED;

	if (xb_mode_buckets_by_destination(mode))
		number = xb_alb_bucket(ctx);
	else if (xb_tlb_balances(ctx))
		number = dynamic ? xb_hash(ctx) & (XB_BUCKETS - 1) : 0;
	if (number < XB_BUCKETS)
		id = dynamic ? xb_bucket_slot(bank, number, ctx->len) : xb_pick(bank, xb_hash(ctx));
	else if (xb_mode_balances_clients(mode) && ctx->protocol == bpf_htons(ETH_P_ARP))
		id = xb_arp_slot(ctx, bank);
	if (id < XB_MAX_SLAVES)
		return id;
	if (dynamic)
		__sync_fetch_and_add(&xb_the_lb.unbalanced, ctx->len);
	return bank->active;
}

/* Modes that send each packet once. */
static __always_inline struct xb_choice xb_select(struct xb_table *table, struct xb_bank *bank,
						  struct __sk_buff *ctx, __u32 mode)
{
	switch (mode) {
	case XB_MODE_ROUNDROBIN:
		if (xb_is_igmp(ctx))
			return xb_checked(table, bank, ctx, bank->igmp, 1);
		return xb_checked(table, bank, ctx, xb_pick(bank, xb_round_robin()), 0);
	case XB_MODE_ACTIVEBACKUP:
		return xb_checked(table, bank, ctx, xb_pick(bank, 0), 1);
	case XB_MODE_XOR:
	case XB_MODE_8023AD:
		return xb_checked(table, bank, ctx, xb_pick(bank, xb_hash(ctx)), 0);
	case XB_MODE_TLB:
	case XB_MODE_ALB:
		return xb_checked(table, bank, ctx, xb_balance(bank, ctx, mode), 0);
	default:
		return (struct xb_choice){ .slot = XB_NO_SLOT };
	}
}

/* Broadcast: 1 = the list position may send (and its slot is in *id). A slave without carrier is left out, not
 * replaced: the others carry a copy anyway, which is why one that has just returned may send at once. */
static __always_inline int xb_broadcast_member(struct xb_table *table, const struct xb_bank *bank, __u32 position,
					       __u32 *id)
{
	*id = bank->pick[position & (XB_MAX_SLAVES - 1)];
	if (*id >= XB_MAX_SLAVES)
		return 0;
	if (xb_carrier_on(&table->slot[*id]))
		return 1;
	xb_notify_no_carrier(*id);
	return 0;
}

/* The slave that a queue mapping asks for (`select.queue`), or XB_NO_SLOT: then the mode chooses. */
static __noinline __u32 xb_override(struct xb_table *table, struct xb_bank *bank, __u32 queue)
{
	__u32 n = table->n_slots;

	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		if (i >= n)
			break;
		if (bank->slot[i].queue_id == queue)
			return xb_slot_ready(&table->slot[i]) ? i : XB_NO_SLOT;
	}
	return XB_NO_SLOT;
}

#endif
