/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Transmit through the bond: egress of bond0, and ingress of the pair's other end for what comes out there
 * (PACKET_QDISC_BYPASS senders, and everything under full visibility).
 */
#include "lib/broadcast.h"
#include "lib/ports/skb.h"
#include "lib/select.h"

char LICENSE[] SEC("license") = "GPL";

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

/* What is behind a port goes there: then what xb_tx returns, else -1. Multicast goes to all ports, too. Global: verified
 * once. */
__noinline int xb_tx_ports(struct __sk_buff *ctx)
{
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	__u32 port;

	if (!eth)
		return -1;
	if (eth->h_dest[0] & 1) {
		xb_port_flood(ctx, XB_NO_PORT);
		return -1;
	}
	port = xb_port_find(eth->h_dest, xb_vlan_of(ctx));
	return port < XB_PORTS ? xb_port_deliver(ctx, port) : -1;
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
		if (bank->flags & XB_BANK_PORTS) {
			int verdict = xb_tx_ports(ctx);

			if (verdict >= 0)
				return verdict;
		}
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
