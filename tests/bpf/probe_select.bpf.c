/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Runs the production selection and records what it chose, since the target of a redirect cannot be read back, and the
 * production classification, which no packet shows by itself. Sets what BPF_PROG_TEST_RUN cannot: the VLAN tag in
 * metadata, the queue mapping, a length that cuts headers.
 */
#include "lib/select.h"
#include "tests/bpf/probe_select.h"

#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct xb_probe);
} xb_probe_map SEC(".maps");

static __always_inline void probe_broadcast(struct xb_table *table, struct xb_bank *bank, struct xb_probe *probe)
{
	__u32 id;

	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		if (i >= bank->n_pick)
			break;
		if (xb_broadcast_member(table, bank, i, &id))
			probe->slots[probe->n_slots++ & (XB_MAX_SLAVES - 1)] = id;
	}
}

/* The record, once the frame is what it asks for; null if that fails. */
static __always_inline struct xb_probe *probe_of(struct __sk_buff *ctx)
{
	__u32 key = 0;
	struct xb_probe *probe = bpf_map_lookup_elem(&xb_probe_map, &key);

	if (!probe || bpf_skb_change_tail(ctx, probe->length, 0))
		return 0;
	if (probe->vlan_tci && bpf_skb_vlan_push(ctx, bpf_htons(ETH_P_8021Q), probe->vlan_tci))
		return 0;
	return probe;
}

SEC("tc")
int probe_classify(struct __sk_buff *ctx)
{
	struct xb_bank *bank = xb_get_bank(&xb_the_table);
	struct xb_arp arp __attribute__((aligned(8)));
	struct xb_probe *probe = probe_of(ctx);
	struct xb_client *client;

	if (!probe)
		return 1;
	probe->igmp = xb_is_igmp(ctx);
	probe->neighbour = xb_is_neighbour(ctx);
	probe->bucket = XB_NOT_BALANCED;
	probe->client_slot = XB_NO_SLOT;
	if (xb_cfg.mode == XB_MODE_TLB && xb_tlb_balances(ctx))
		probe->bucket = xb_hash(ctx) & (XB_BUCKETS - 1);
	if (xb_cfg.mode != XB_MODE_ALB)
		return 0;
	probe->bucket = xb_alb_bucket(ctx);
	probe->client_arp = xb_is_arp(ctx) && xb_is_client_arp(ctx, &xb_the_table, bank, &arp);
	if (!probe->client_arp)
		return 0;
	client = &xb_the_lb.client[xb_ipv4_index(arp.target4) & (XB_CLIENTS - 1)];
	if (xb_is_client(client, client->flags, xb_arp_sender(&arp), arp.target4))
		probe->client_slot = client->slot;
	return 0;
}

SEC("tc")
int probe_select(struct __sk_buff *ctx)
{
	struct xb_table *table = &xb_the_table;
	struct xb_probe *probe = probe_of(ctx);
	struct xb_choice choice;
	struct xb_bank *bank;

	if (!probe)
		return 1;
	bank = xb_get_bank(table);
	probe->n_slots = 0;
	probe->override = probe->queue_mapping ? xb_override(table, bank, probe->queue_mapping) : XB_NO_SLOT;
	if (xb_cfg.mode == XB_MODE_XOR || xb_cfg.mode == XB_MODE_8023AD)
		probe->hash = xb_hash(ctx);
	if (xb_cfg.mode == XB_MODE_BROADCAST) {
		probe_broadcast(table, bank, probe);
		return 0;
	}
	choice = xb_select(table, bank, ctx, xb_cfg.mode);
	probe->failover = choice.failover;
	if (choice.slot < XB_MAX_SLAVES)
		probe->slots[probe->n_slots++ & (XB_MAX_SLAVES - 1)] = choice.slot;
	return 0;
}

/* Stands in for a user's `tc ... action skbedit queue_mapping 2` in front of xb_tx. */
SEC("tc")
int probe_queue_2(struct __sk_buff *ctx)
{
	ctx->queue_mapping = 2;
	return TC_ACT_UNSPEC;
}
