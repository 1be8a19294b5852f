/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Ingress of every slave: hands frames over to the bond, or drops them (`receive.suppression`).
 */
#include "lib/arp.h"
#include "lib/frame.h"
#include "lib/parse.h"
#include "lib/ports/skb.h"
#include "lib/rlb_hear.h"
#include "lib/lacp/stand_in.h"
#include "lib/stats.h"

#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "GPL";

/* Into the bond. Where its device is in another network namespace (bond_ifindex 0) the same call goes on there with
 * unicast to this host, without the backlog's queue. Not with other frames: the kernel takes all that comes so for
 * unicast to this host. */
static __always_inline int xb_rx_enter(const struct __sk_buff *ctx, const struct xb_bank *bank)
{
	if (!xb_cfg.bond_ifindex && ctx->pkt_type == PACKET_HOST)
		return bpf_redirect_peer(xb_cfg.peer_ifindex, 0);
	return bpf_redirect(bank->entry_ifindex, bank->entry_flags);
}

/* Rule 3, and R4: sockets on an active slave and on the bond both get link-local frames. */
static __always_inline int xb_rx_link_local(struct __sk_buff *ctx, const struct xb_bank *bank,
					    struct xb_counters *counters, __u32 flags)
{
	__u64 packets = xb_packets(ctx);
	__u32 len = ctx->len;

	counters->rx_link_local += packets;
	if (!(flags & (XB_SLOT_SUPPRESS | XB_SLOT_SUPPRESS_FLOOD)) &&
	    !bpf_clone_redirect(ctx, bank->entry_ifindex, bank->entry_flags)) {
		counters->rx_packets += packets;
		counters->rx_bytes += len;
	}
	return TC_ACT_UNSPEC;
}

static __always_inline void xb_rx_stamp_valid(struct __sk_buff *ctx, const struct xb_bank *bank, __u32 id, __u32 flags)
{
	__u8 buf[XB_ICMP6_BYTES] __attribute__((aligned(8)));
	const __u8 *at;

	if (ctx->pkt_type > PACKET_MULTICAST)
		return;
	if (ctx->protocol == bpf_htons(ETH_P_ARP)) {
		at = xb_at(ctx, ETH_HLEN, sizeof(struct xb_arp), buf);
		if (at)
			xb_stamp_arp(bank, id, flags, (const struct xb_arp *)at);
	} else if (ctx->protocol == bpf_htons(ETH_P_IPV6)) {
		at = xb_at(ctx, ETH_HLEN, XB_ICMP6_BYTES, buf);
		if (at)
			xb_stamp_icmp6(bank, id, flags, at);
	}
}

/* Monitor traffic counts on suppressed slaves too. The outer VLAN tag is off by now. Global: a static function is
 * verified anew for every slot that may call it, which took 785,000 of the million instructions that the verifier walks. */
__noinline int xb_rx_stamp(struct __sk_buff *ctx, __u32 id, __u32 flags)
{
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);

	if (flags & XB_SLOT_HEAR_VALID)
		xb_rx_stamp_valid(ctx, bank, id, flags);
	else if (xb_monitor_cares(flags, ctx->protocol))
		xb_stamp_any(id);
	return 0;
}

/* What is behind a port goes there: then what xb_rx returns, else -1. Multicast goes to all ports, too; what a port has sent
 * and the switch sends back not to that port. Global: see xb_xdp_stamp. */
__noinline int xb_rx_ports(struct __sk_buff *ctx, __u32 id)
{
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	__u16 vlan = xb_vlan_of(ctx);
	struct xb_counters *counters;
	__u32 port;

	if (!eth || id >= XB_MAX_SLAVES)
		return -1;
	if (eth->h_dest[0] & 1) {
		xb_port_flood(ctx, xb_port_find(eth->h_source, vlan));
		return -1;
	}
	if (xb_same_mac(eth->h_dest, bank->bond_mac) || xb_same_mac(eth->h_dest, bank->slot[id].mac))
		return -1;
	port = xb_port_find(eth->h_dest, vlan);
	if (port >= XB_PORTS)
		return -1;
	counters = xb_counters_of(id);
	/* Flooded by the switch to all slaves. */
	if (xb_mode_balances_load(xb_cfg.mode) && id != bank->active) {
		if (counters)
			counters->rx_suppressed += xb_packets(ctx);
		return TC_ACT_SHOT;
	}
	if (counters)
		xb_count_rx(counters, ctx);
	return xb_port_deliver(ctx, port);
}

/* Frames whose addresses matter, and those of suppressed slaves. */
static __noinline int xb_rx_classify(struct __sk_buff *ctx, __u32 id)
{
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	struct xb_counters *counters = xb_counters_of(id);
	const struct xb_bank_slot *slot;

	if (!eth || !counters || id >= XB_MAX_SLAVES)
		return TC_ACT_UNSPEC;
	slot = &bank->slot[id];
	if (slot->flags & XB_SLOT_HEAR)
		xb_rx_stamp(ctx, id, slot->flags);
	if (xb_is_link_local(eth)) {
		if (xb_mode_has_lacp(xb_cfg.mode) && ctx->protocol == bpf_htons(ETH_P_SLOW))
			xb_stand_in(ctx, id);
		return xb_rx_link_local(ctx, bank, counters, slot->flags);
	}
	if ((slot->flags & XB_SLOT_SUPPRESS) || ((slot->flags & XB_SLOT_SUPPRESS_FLOOD) && (eth->h_dest[0] & 1)) ||
	    (xb_mode_balances_load(xb_cfg.mode) && xb_is_stray(ctx, bank, eth, id))) {
		counters->rx_suppressed += xb_packets(ctx);
		return TC_ACT_SHOT;
	}
	if (bank->flags & XB_BANK_PORTS) {
		int verdict = xb_rx_ports(ctx, id);

		if (verdict >= 0)
			return verdict;
		eth = xb_eth(ctx->data, ctx->data_end); /* the tag was off for a while */
		if (!eth)
			return TC_ACT_SHOT;
	}
	xb_count_rx(counters, ctx);
	/* The bond's stack classifies anew, by the bond's MAC: or this would be a frame for another host. */
	if (((slot->flags & XB_SLOT_REWRITE_DST) && xb_same_mac(eth->h_dest, slot->mac)) ||
	    (xb_mode_balances_clients(xb_cfg.mode) && xb_rlb_for_dead(ctx))) {
		__u8 mac[ETH_ALEN];

		__builtin_memcpy(mac, bank->bond_mac, ETH_ALEN);
		bpf_skb_store_bytes(ctx, 0, mac, ETH_ALEN, 0);
	}
	return xb_rx_enter(ctx, bank);
}

static __always_inline int xb_rx_slave(struct __sk_buff *ctx, __u32 id)
{
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	const __u32 special = XB_SLOT_SUPPRESS | XB_SLOT_REWRITE_DST | XB_SLOT_ELSEWHERE;
	const __u32 monitored = XB_SLOT_HEAR | XB_SLOT_BACKUP;
	struct xb_counters *counters;
	__u32 notable;

	if (xb_mode_balances_clients(xb_cfg.mode) && ctx->protocol == bpf_htons(ETH_P_ARP))
		xb_rlb_hear(ctx);
	/* What most frames are: unicast to an active slave that shares the bond's address. Nothing to read in them, nor in
	 * IPv4 where ARP and IPv6 are heard. */
	notable = ctx->pkt_type | (bank->slot[id].flags & (special | monitored));
	if (notable) {
		if (notable & ~monitored)
			return xb_rx_classify(ctx, id);
		if ((notable & XB_SLOT_HEAR_ANY) || ctx->protocol != bpf_htons(ETH_P_IP))
			xb_rx_stamp(ctx, id, notable);
	}
	counters = xb_counters_of(id);
	if (counters)
		xb_count_rx(counters, ctx);
	return bpf_redirect(bank->entry_ifindex, bank->entry_flags);
}

/* Unrolled: three instructions for each slave before the right one instead of ten. */
static __always_inline __u32 xb_rx_id(__u32 ifindex)
{
#pragma clang loop unroll(full)
	for (__u32 id = 0; id < XB_MAX_SLAVES; id++)
		if (xb_the_table.slot[id].ifindex == ifindex)
			return id;
	return XB_MAX_SLAVES;
}

SEC("tc")
int xb_rx(struct __sk_buff *ctx)
{
	__u32 id = xb_rx_id(ctx->ifindex);

	return id < XB_MAX_SLAVES ? xb_rx_slave(ctx, id) : TC_ACT_UNSPEC;
}
