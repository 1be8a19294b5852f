/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Ingress of a port: what xb_fwd does not send from XDP. A port, the bond's own device and the wire behind the slaves are
 * three sides of a bridge: unicast goes to the one that has the address, the wire if nobody is known to; multicast to all.
 */
#include "xbond.bpf.h"

#include "lib/ports/skb.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline int xb_port_refuse(__u32 id)
{
	struct xb_port_counters *counters = xb_port_counters_of(id);

	if (counters)
		counters->dropped++;
	return TC_ACT_SHOT;
}

static __always_inline int xb_port_send(struct __sk_buff *ctx, __u32 id)
{
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	__u32 other;

	if (!eth)
		return TC_ACT_SHOT;
	if (eth->h_dest[0] & 1) {
		bpf_clone_redirect(ctx, bank->entry_ifindex, bank->entry_flags);
		xb_port_flood(ctx, id);
		return xbond_redirect(ctx, xbond_select(ctx));
	}
	if (xb_same_mac(eth->h_dest, bank->bond_mac))
		return bpf_redirect(bank->entry_ifindex, bank->entry_flags);
	other = xb_port_find(eth->h_dest, xb_vlan_of(ctx));
	if (other == id)
		return TC_ACT_SHOT;
	return other < XB_PORTS ? xb_port_deliver(ctx, other) : xbond_redirect(ctx, xbond_select(ctx));
}

SEC("tc")
int xb_port(struct __sk_buff *ctx)
{
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	__u32 id = xb_port_of(ctx->ifindex);
	struct xb_port_counters *counters;
	const struct xb_port *port;

	if (!eth || id >= XB_PORTS)
		return TC_ACT_UNSPEC;
	port = &xb_the_ports.port[id];
	if (xb_is_link_local(eth) || xb_same_mac(eth->h_dest, port->own))
		return TC_ACT_UNSPEC;
	if ((port->vlan && ctx->vlan_present) || !xb_port_admits(id, eth->h_source))
		return xb_port_refuse(id);
	counters = xb_port_counters_of(id);
	if (counters) {
		counters->rx_packets += xb_packets(ctx);
		counters->rx_bytes += ctx->len;
	}
	if (port->vlan && bpf_skb_vlan_push(ctx, bpf_htons(ETH_P_8021Q), port->vlan))
		return xb_port_refuse(id);
	return xb_port_send(ctx, id);
}
