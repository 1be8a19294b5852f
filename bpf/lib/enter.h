/* SPDX-License-Identifier: GPL-2.0-only
 *
 * From XDP on a slave into the bond, without an skb of the slave's and without the backlog's queue (`receive xdp`): through
 * the pair, so that the bond's device has received the frame as from a NIC. Only what needs no second look: unicast
 * IPv4 and IPv6 to the bond. The rest is xb_rx's.
 */
#ifndef XB_ENTER_H
#define XB_ENTER_H

#include "lib/parse.h"
#include "lib/ports/checksum.h"
#include "lib/stats.h"
#include "lib/table.h"

/* Of this type for the reason of xb_port_out. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} xb_enter SEC(".maps");

#define XB_OUTER_TAG_LEN 4

/* Whether it is IP, also behind one tag, whose length is then in *tag: with two, a frame may be longer than the kernel
 * lets into the pair, which takes it from xb_rx, where the outer one is off. */
static __always_inline int xb_enter_is_ip(const struct ethhdr *eth, const void *data_end, __u32 *tag)
{
	__u16 type = eth->h_proto;

	*tag = 0;
	if (type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD)) {
		const __u8 *at = (const __u8 *)(eth + 1);

		if ((const void *)(at + XB_OUTER_TAG_LEN) > data_end)
			return 0;
		type = *(const __u16 *)(at + 2);
		*tag = XB_OUTER_TAG_LEN;
	}
	return type == bpf_htons(ETH_P_IP) || type == bpf_htons(ETH_P_IPV6);
}

/* XDP_REDIRECT, or XDP_PASS: not such a frame, or the pair takes none. Global: verified once. */
__noinline int xb_xdp_enter(struct xdp_md *ctx, __u32 id)
{
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	struct xb_counters *counters;
	__u32 flags, tag;
	int rewrite;

	if (!eth || id >= XB_MAX_SLAVES || !xb_enter_is_ip(eth, (const void *)(long)ctx->data_end, &tag))
		return XDP_PASS;
	flags = bank->slot[id].flags;
	rewrite = (flags & XB_SLOT_REWRITE_DST) && xb_same_mac(eth->h_dest, bank->slot[id].mac);
	if (!rewrite && !xb_same_mac(eth->h_dest, bank->bond_mac))
		return XDP_PASS;
	/* Nothing is written before it is sure that xb_rx will not see the frame. */
	if (bpf_redirect_map(&xb_enter, 0, XDP_PASS) != XDP_REDIRECT)
		return XDP_PASS;
	if (rewrite)
		__builtin_memcpy((void *)eth->h_dest, bank->bond_mac, ETH_ALEN);
	counters = xb_counters_of(id);
	if (counters) {
		counters->rx_packets++;
		counters->rx_bytes += bpf_xdp_get_buff_len(ctx) - tag; /* as xb_rx, which sees the outer tag in the metadata */
	}
	if (flags & XB_SLOT_UNSUMMED)
		xb_sum_up(ctx);
	return XDP_REDIRECT;
}

#endif
