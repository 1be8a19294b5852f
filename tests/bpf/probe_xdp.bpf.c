/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Other people's way to the selection, from XDP: what it chose goes where probe_select.bpf.c writes.
 */
#define XBOND_XDP
#include "xbond.bpf.h"

#include "tests/bpf/probe_select.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct xb_probe);
} xb_probe_map SEC(".maps");

/* Global: verified once, not for every way through the selection. */
__noinline int probe_note(struct xdp_md *ctx, __u32 slot, __u32 failover)
{
	struct xb_bank *bank = xb_get_bank(&xb_the_table);
	struct xb_probe *probe;
	__u32 key = 0, id;

	probe = bpf_map_lookup_elem(&xb_probe_map, &key);
	if (!probe)
		return XDP_ABORTED;
	probe->hash = xb_hash_any(ctx);
	probe->n_slots = 0;
	probe->failover = failover;
	if (slot < XB_MAX_SLAVES)
		probe->slots[probe->n_slots++ & (XB_MAX_SLAVES - 1)] = slot;
	for (__u32 i = 0; slot == XBOND_ALL && i < XB_MAX_SLAVES; i++) {
		if (i >= bank->n_pick)
			break;
		if (xb_broadcast_member(&xb_the_table, bank, i, &id))
			probe->slots[probe->n_slots++ & (XB_MAX_SLAVES - 1)] = id;
	}
	return XDP_PASS;
}

SEC("xdp")
int probe_xdp(struct xdp_md *ctx)
{
	struct xb_choice choice = xbond_select(ctx);

	return probe_note(ctx, choice.slot, choice.failover);
}
