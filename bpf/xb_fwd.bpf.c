/* SPDX-License-Identifier: GPL-2.0-only
 *
 * XDP on a port: unicast for the wire, which is nearly all, goes to a slave without an skb. The rest, and all while a slave
 * takes no frames from XDP, is xb_port's.
 */
#define XBOND_XDP
#include "xbond.bpf.h"

#include "lib/ports/checksum.h"
#include "lib/ports/ports.h"

#include <xdp/xdp_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/* For libxdp's dispatcher: behind ordinary programs (50), which may drop what is not to leave. */
struct {
	__uint(priority, 80);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(xb_fwd);

/* Between addresses and type; 0: no room. */
static __always_inline int xb_fwd_tag(struct xdp_md *ctx, __u16 vlan)
{
	__u32 addresses[3];
	__u8 *eth;

	if (bpf_xdp_adjust_head(ctx, -XB_TAG_BYTES))
		return 0;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + XB_L2_LEN + XB_TAG_BYTES) > (void *)(long)ctx->data_end)
		return 0;
	__builtin_memcpy(addresses, eth + XB_TAG_BYTES, sizeof(addresses));
	__builtin_memcpy(eth, addresses, sizeof(addresses));
	*(__u16 *)(eth + XB_TAG_AT) = bpf_htons(ETH_P_8021Q);
	*(__u16 *)(eth + XB_TAG_AT + 2) = bpf_htons(vlan);
	return 1;
}

static __always_inline int xb_fwd_refuse(__u32 id)
{
	struct xb_port_counters *counters = xb_port_counters_of(id);

	if (counters)
		counters->dropped++;
	return XDP_DROP;
}

SEC("xdp")
int xb_fwd(struct xdp_md *ctx)
{
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	__u32 id = xb_port_of(ctx->ingress_ifindex);
	struct xb_port_counters *counters;
	const struct xb_port *port;
	__u32 ports = xb_the_ports.flags;

	XB_FRAME(frame, ctx);
	if (!eth || id >= XB_PORTS || !(ports & XB_PORTS_XDP))
		return XDP_PASS;
	port = &xb_the_ports.port[id];
	if ((eth->h_dest[0] & 1) || xb_same_mac(eth->h_dest, port->own) || xb_same_mac(eth->h_dest, bank->bond_mac) ||
	    ((ports & XB_PORTS_SEVERAL) &&
	     xb_port_find(eth->h_dest, port->vlan ? port->vlan : xb_frame_tci(frame) & 0xfff) < XB_PORTS))
		return XDP_PASS;
	if ((port->vlan && frame->shift) || !xb_port_admits(id, eth->h_source))
		return xb_fwd_refuse(id);
	counters = xb_port_counters_of(id);
	if (counters) {
		counters->rx_packets++;
		counters->rx_bytes += xb_frame_len(frame);
	}
	if (port->flags & XB_PORT_UNSUMMED)
		xb_sum_up(ctx);
	if (port->vlan && !xb_fwd_tag(ctx, port->vlan))
		return xb_fwd_refuse(id);
	return xbond_redirect(ctx, xbond_select(ctx));
}
