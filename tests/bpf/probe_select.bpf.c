/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Runs the production selection and records what it chose, since the target of a redirect cannot be read back. Sets
 * what BPF_PROG_TEST_RUN cannot: the VLAN tag in metadata, the queue mapping, a length that cuts headers.
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

SEC("tc")
int probe_select(struct __sk_buff *ctx)
{
	struct xb_table *table = &xb_the_table;
	struct xb_choice choice;
	struct xb_probe *probe;
	struct xb_bank *bank;
	__u32 key = 0;

	probe = bpf_map_lookup_elem(&xb_probe_map, &key);
	if (!probe)
		return 1;
	if (bpf_skb_change_tail(ctx, probe->length, 0))
		return 1;
	if (probe->vlan_tci && bpf_skb_vlan_push(ctx, bpf_htons(ETH_P_8021Q), probe->vlan_tci))
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
