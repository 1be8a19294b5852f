/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What TC hands to ports.
 */
#ifndef XB_PORTS_SKB_H
#define XB_PORTS_SKB_H

#include <linux/pkt_cls.h>

#include "lib/frame.h"
#include "lib/ports/ports.h"

static __always_inline __u16 xb_vlan_of(const struct __sk_buff *ctx)
{
	return ctx->vlan_present ? ctx->vlan_tci & 0xfff : 0;
}

static __always_inline void xb_port_count_tx(__u32 id, const struct __sk_buff *ctx)
{
	struct xb_port_counters *counters = xb_port_counters_of(id);

	if (!counters)
		return;
	counters->tx_packets += xb_packets(ctx);
	counters->tx_bytes += ctx->len;
}

/* A copy to a port, if it is one and in that VLAN, or in none (0). Global, as the next two: verified once, not for each
 * port. */
__noinline int xb_port_copy(struct __sk_buff *ctx, __u32 id, __u32 vlan)
{
	const struct xb_port *port = &xb_the_ports.port[id & (XB_PORTS - 1)];

	if (port->ifindex && port->vlan == vlan && !bpf_clone_redirect(ctx, port->ifindex, 0))
		xb_port_count_tx(id, ctx);
	return 0;
}

__noinline int xb_port_copies(struct __sk_buff *ctx, __u32 vlan, __u32 except)
{
	__u32 n = xb_the_ports.n;

	for (__u32 i = 0; i < XB_PORTS; i++) {
		if (i >= n)
			break;
		if (i != except)
			xb_port_copy(ctx, i, vlan);
	}
	return 0;
}

/* Multicast, to every port of its VLAN but `except`. The frame is afterwards as it was before. */
__noinline int xb_port_flood(struct __sk_buff *ctx, __u32 except)
{
	__u16 vlan = xb_vlan_of(ctx), tci = ctx->vlan_tci, proto = ctx->vlan_proto;

	xb_port_copies(ctx, 0, except);
	if (!vlan || bpf_skb_vlan_pop(ctx))
		return 0;
	xb_port_copies(ctx, vlan, except);
	bpf_skb_vlan_push(ctx, proto, tci);
	return 0;
}

/* What the program is to return that hands a frame to a port. */
static __always_inline int xb_port_deliver(struct __sk_buff *ctx, __u32 id)
{
	const struct xb_port *port = &xb_the_ports.port[id & (XB_PORTS - 1)];

	if (port->vlan && ctx->vlan_present && bpf_skb_vlan_pop(ctx))
		return TC_ACT_SHOT;
	xb_port_count_tx(id, ctx);
	return bpf_redirect(port->ifindex, 0);
}

#endif
