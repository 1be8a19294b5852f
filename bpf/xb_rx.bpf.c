/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Ingress of every slave: hands frames over to the bond, or drops them where the bond may not hear them (1.4).
 */
#include "lib/parse.h"
#include "lib/stats.h"

#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "GPL";

/* Where frames enter the bond: fast, as if bond0 had received them; full, through the pair, seen by its counters. */
struct xb_entry {
	__u32 ifindex;
	__u64 flags;
};

static __always_inline struct xb_entry xb_bond_entry(const struct xb_bank *bank)
{
	if (bank->flags & XB_BANK_FULL_VISIBILITY)
		return (struct xb_entry){ xb_cfg.peer_ifindex, 0 };
	return (struct xb_entry){ xb_cfg.bond_ifindex, BPF_F_INGRESS };
}

/* Rule 3, and R4: sockets on an active slave and on the bond both get link-local frames. */
static __always_inline int xb_rx_link_local(struct __sk_buff *ctx, const struct xb_bank *bank,
					    struct xb_counters *counters, __u32 flags)
{
	__u64 packets = xb_packets(ctx);
	__u32 len = ctx->len;

	counters->rx_link_local += packets;
	if (!(flags & XB_SLOT_SUPPRESS)) {
		struct xb_entry entry = xb_bond_entry(bank);

		if (!bpf_clone_redirect(ctx, entry.ifindex, entry.flags)) {
			counters->rx_packets += packets;
			counters->rx_bytes += len;
		}
	}
	return TC_ACT_UNSPEC;
}

SEC("tc")
int xb_rx(struct __sk_buff *ctx)
{
	struct xb_table *table = xb_get_table();
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	const struct xb_bank_slot *slot;
	const struct xb_bank *bank;
	struct xb_counters *counters;
	struct xb_entry entry;
	__u32 id;

	if (!table || !eth)
		return TC_ACT_UNSPEC;
	id = xb_slot_of(table, ctx->ifindex);
	if (id >= XB_MAX_SLAVES)
		return TC_ACT_UNSPEC;
	counters = xb_counters_of(id);
	if (!counters)
		return TC_ACT_UNSPEC;
	bank = xb_get_bank(table);
	slot = &bank->slot[id];
	if (xb_is_link_local(eth))
		return xb_rx_link_local(ctx, bank, counters, slot->flags);
	if (slot->flags & XB_SLOT_SUPPRESS) {
		counters->rx_suppressed += xb_packets(ctx);
		return TC_ACT_SHOT;
	}
	counters->rx_packets += xb_packets(ctx);
	counters->rx_bytes += ctx->len;
	/* The bond's stack classifies anew, by the bond's MAC: or this would be a frame for another host. */
	if ((slot->flags & XB_SLOT_REWRITE_DST) && xb_same_mac(eth->h_dest, slot->mac)) {
		__u8 mac[ETH_ALEN];

		__builtin_memcpy(mac, bank->bond_mac, ETH_ALEN);
		bpf_skb_store_bytes(ctx, 0, mac, ETH_ALEN, 0);
	}
	entry = xb_bond_entry(bank);
	return bpf_redirect(entry.ifindex, entry.flags);
}
