/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What XDP on a slave hands to ports: unicast, to those that take frames from XDP. The rest is xb_rx's.
 */
#ifndef XB_PORTS_XDP_H
#define XB_PORTS_XDP_H

#include "lib/ports/checksum.h"
#include "lib/ports/ports.h"
#include "lib/stats.h"

/* By number; of this type, because the kernel lets no other map of devices be shared by programs that take frames in
 * fragments and those that do not. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, XB_PORTS);
	__type(key, __u32);
	__type(value, __u32);
} xb_port_out SEC(".maps");

#define XB_ADDRESSES_LEN 12
#define XB_TAG_LEN 4

/* 0, or the tag behind the addresses, which has to go for a port in a VLAN. */
static __always_inline int xb_xdp_untag(struct xdp_md *ctx)
{
	__u32 addresses[3];
	__u8 *eth = (void *)(long)ctx->data;

	if ((void *)(eth + XB_ADDRESSES_LEN + XB_TAG_LEN) > (void *)(long)ctx->data_end)
		return 0;
	__builtin_memcpy(addresses, eth, sizeof(addresses));
	__builtin_memcpy(eth + XB_TAG_LEN, addresses, sizeof(addresses));
	return !bpf_xdp_adjust_head(ctx, XB_TAG_LEN);
}

static __always_inline void xb_xdp_count(__u32 slot, __u32 port, __u32 len)
{
	struct xb_counters *counters = xb_counters_of(slot);
	struct xb_port_counters *out = xb_port_counters_of(port);

	if (counters) {
		counters->rx_packets++;
		counters->rx_bytes += len;
	}
	if (out) {
		out->tx_packets++;
		out->tx_bytes += len;
	}
}

/* XDP_PASS: for no port, or for one that xb_rx has to serve. Global: verified once. */
__noinline int xb_xdp_to_port(struct xdp_md *ctx, __u32 id)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	__u32 port, len = bpf_xdp_get_buff_len(ctx);
	__u16 vlan = 0;

	if (!eth || id >= XB_MAX_SLAVES || (eth->h_dest[0] & 1) || xb_same_mac(eth->h_dest, bank->bond_mac) ||
		xb_same_mac(eth->h_dest, bank->slot[id].mac))
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_8021Q) || eth->h_proto == bpf_htons(ETH_P_8021AD)) {
		const __u8 *tag = (const void *)(eth + 1);

		if ((const void *)(tag + 2) > data_end)
			return XDP_PASS;
		vlan = xb_be16(tag) & 0xfff;
		len -= XB_TAG_LEN;
	}
	port = xb_port_find(eth->h_dest, vlan);
	if (port >= XB_PORTS || !bpf_map_lookup_elem(&xb_port_out, &port))
		return XDP_PASS;
	/* Flooded by the switch: xb_rx drops it. */
	if (id != bank->active && xb_mode_balances_load(XB_HOW_BITS(bank->how, XB_HOW_MODE, 4)))
		return XDP_PASS;
	if (xb_the_ports.unsummed & 1u << id)
		xb_sum_up(ctx);
	if (xb_the_ports.port[port & (XB_PORTS - 1)].vlan && vlan && !xb_xdp_untag(ctx))
		return XDP_PASS;
	xb_xdp_count(id, port, len);
	return bpf_redirect_map(&xb_port_out, port, XDP_PASS);
}

#endif
