/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Transmit through the bond: egress of bond0, and ingress of the pair's other end for what comes out there
 * (PACKET_QDISC_BYPASS senders, and everything under full visibility).
 */
#include "lib/select.h"

#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "GPL";

static __always_inline int xb_drop(void)
{
	struct xb_counters *bond = xb_counters_of(XB_STATS_BOND);

	if (bond)
		bond->tx_dropped++;
	return TC_ACT_SHOT;
}

/* A copy to every member but the last, which gets the original: as many frames as members, whatever fails. */
static __always_inline int xb_broadcast(struct __sk_buff *ctx, struct xb_table *table, struct xb_bank *bank)
{
	struct xb_counters *counters;
	__u32 last = XB_NO_SLOT;
	__u32 id;

	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		if (i >= bank->n_pick)
			break;
		if (!xb_broadcast_member(table, bank, i, &id))
			continue;
		if (last < XB_MAX_SLAVES && !bpf_clone_redirect(ctx, table->slot[last].ifindex, 0)) {
			counters = xb_counters_of(last);
			if (counters)
				xb_count_tx(counters, ctx);
		}
		last = id;
	}
	if (last >= XB_MAX_SLAVES)
		return xb_drop();
	counters = xb_counters_of(last);
	if (counters)
		xb_count_tx(counters, ctx);
	return bpf_redirect(table->slot[last].ifindex, 0);
}

/* queue_id (`select.queue`). The slave picks its own queue: the mapping was for the bond. */
static __always_inline int xb_send_override(struct __sk_buff *ctx, struct xb_table *table, __u32 id)
{
	struct xb_counters *counters = xb_counters_of(id);

	if (counters) {
		xb_count_tx(counters, ctx);
		counters->tx_override += xb_packets(ctx);
	}
	ctx->queue_mapping = 0;
	return bpf_redirect(table->slot[id].ifindex, 0);
}

SEC("tc")
int xb_tx(struct __sk_buff *ctx)
{
	struct xb_table *table = &xb_the_table;
	const __u32 mode = xb_cfg.mode;
	struct xb_counters *counters;
	struct xb_choice choice;
	struct xb_bank *bank;

	bank = xb_get_bank(table);
	if (xb_mode_has_queue_id(mode)) {
		__u32 queue = ctx->queue_mapping;

		if (queue && ctx->ifindex == xb_cfg.bond_ifindex) {
			__u32 id = xb_override(table, bank, queue);

			if (id < XB_MAX_SLAVES)
				return xb_send_override(ctx, table, id);
		}
	}
	if (bank->flags) {
		if ((bank->flags & XB_BANK_FULL_VISIBILITY) && ctx->ifindex == xb_cfg.bond_ifindex)
			return TC_ACT_UNSPEC;
		if (xb_mode_has_lacp(mode)) {
			if ((bank->flags & XB_BANK_LEASED) && table->lease_until < bpf_ktime_get_ns())
				return xb_drop();
			if ((bank->flags & XB_BANK_BROADCAST_NEIGHBOR) && xb_is_neighbour(ctx))
				return xb_broadcast(ctx, table, bank);
		}
	}
	if (xb_mode_sends_on_all(mode))
		return xb_broadcast(ctx, table, bank);

	choice = xb_select(table, bank, ctx, mode);
	if (choice.slot >= XB_MAX_SLAVES)
		return xb_drop();
	counters = xb_counters_of(choice.slot);
	if (counters)
		xb_count_tx(counters, ctx);
	if (xb_mode_balances_load(mode))
		xb_set_source(ctx, bank, choice.slot);
	return bpf_redirect(choice.ifindex, 0);
}
