/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The early half of xb_rx, where XDP pays: drops what a suppressed slave floods up before an skb exists, and gives LACP
 * and marker frames to the controller's AF_XDP sockets, what rules say to those of applications. What it passes, xb_rx
 * judges, unless somebody's program is chained: that gets what the bond would get, and decides. Built twice: XB_FRAGS for
 * chained programs that take frames in fragments.
 */
#include "lib/application.h"
#include "lib/arp.h"
#include "lib/devmaps.h" /* not used here, nor events: every object of a set holds the maps of events and stats */
#include "lib/enter.h"
#include "lib/events.h"
#include "lib/parse.h"
#include "lib/lacp/slow_proto.h"
#include "lib/ports/xdp.h"
#include "lib/stats.h"

#include <xdp/xdp_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, XB_XSK_ENTRIES);
	__type(key, __u32);
	__type(value, __u32);
} xb_xsk SEC(".maps");

#ifdef XB_FRAGS
#define XB_XDP_SECTION "xdp.frags"
#define xb_chain xb_chain_frags
#else
#define XB_XDP_SECTION "xdp"
#endif

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} xb_chain SEC(".maps");

/* For libxdp's dispatcher: before ordinary programs (50); the next one sees what this one passes. */
struct {
	__uint(priority, 20);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(xb_xdp);

/* For a frame that xb_rx will not see (`arp.stamps`), as it would see it: behind one VLAN tag.
 * Global, or clang would drop the constant result and leave in r0 what the verifier refuses. */
__noinline int xb_xdp_stamp(struct xdp_md *ctx, __u32 id)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	const __u8 *at;
	__u16 protocol;
	__u32 flags;

	if (!eth || id >= XB_MAX_SLAVES)
		return 0;
	flags = bank->slot[id].flags;
	at = (const __u8 *)(eth + 1);
	protocol = eth->h_proto;
	if (protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD)) {
		if ((const void *)(at + 4) > data_end)
			return 0;
		protocol = *(const __u16 *)(at + 2);
		at += 4;
	}
	if (!xb_monitor_cares(flags, protocol))
		return 0;
	if (!(flags & XB_SLOT_HEAR_VALID))
		xb_stamp_any(id);
	else if (!(eth->h_dest[0] & 1) && !xb_same_mac(eth->h_dest, bank->slot[id].mac))
		return 0; /* for another host */
	else if (protocol == bpf_htons(ETH_P_ARP) && (const void *)(at + sizeof(struct xb_arp)) <= data_end)
		xb_stamp_arp(bank, id, flags, (const struct xb_arp *)at);
	else if (protocol == bpf_htons(ETH_P_IPV6) && (const void *)(at + XB_ICMP6_BYTES) <= data_end)
		xb_stamp_icmp6(bank, id, flags, at);
	return 0;
}

/* Whether xb_rx would not give it to the bond: for the slave's sake, or as a stray (rlb_hear.h), which comes in on every
 * slave. This program is not frozen to a mode. */
static __always_inline int xb_is_unwanted(const struct ethhdr *eth, const struct xb_bank *bank, __u32 id, __u32 flags)
{
	if (xb_is_link_local(eth) || (flags & XB_SLOT_SUPPRESS) || ((flags & XB_SLOT_SUPPRESS_FLOOD) && (eth->h_dest[0] & 1)))
		return 1;
	return (flags & XB_SLOT_REWRITE_DST) && xb_mode_balances_load(XB_HOW_BITS(bank->how, XB_HOW_MODE, 4)) &&
	       id != bank->active && xb_same_mac(eth->h_dest, bank->bond_mac);
}

/* The monitors see what xb_rx will not. */
static __always_inline int xb_to_application(struct xdp_md *ctx, const struct xb_bank *bank, __u32 id, __u32 flags)
{
	__u32 rule = xb_app_rule(ctx, id);
	const struct ethhdr *eth;
	int verdict;

	if (rule >= XB_XSK_RULES)
		return XDP_PASS;
	verdict = xb_give_to_application(ctx, rule, id);
	if (verdict != XDP_REDIRECT)
		return verdict;
	if (flags & XB_SLOT_HEAR)
		xb_xdp_stamp(ctx, id);
	eth = xb_eth(ctx->data, ctx->data_end);
	if (eth && (flags & XB_SLOT_REWRITE_DST) && xb_same_mac(eth->h_dest, bank->slot[id & (XB_MAX_SLAVES - 1)].mac))
		__builtin_memcpy((void *)eth->h_dest, bank->bond_mac, ETH_ALEN);
	return XDP_REDIRECT;
}

/* The monitors see what xb_rx will not. */
static __always_inline int xb_to_port(struct xdp_md *ctx, __u32 id, __u32 flags)
{
	int verdict = xb_xdp_to_port(ctx, id);

	if (verdict == XDP_REDIRECT && (flags & XB_SLOT_HEAR))
		xb_xdp_stamp(ctx, id);
	return verdict;
}

/* The monitors see what xb_rx will not. */
static __always_inline int xb_to_bond(struct xdp_md *ctx, __u32 id, __u32 flags)
{
	if (flags & XB_SLOT_HEAR)
		xb_xdp_stamp(ctx, id);
	return xb_xdp_enter(ctx, id);
}

/* Behind what is the controller's and the slave's own: applications first, then ports, then the chained program, which
 * may drop the frame or send it elsewhere: xb_rx would never see it, so what counts for the monitors counts here. */
static __always_inline int xb_to_others(struct xdp_md *ctx, __u32 id, __u32 flags)
{
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	int verdict;

	if (!eth || xb_is_unwanted(eth, bank, id, flags))
		return XDP_PASS;
	if (xb_rules.n) {
		verdict = xb_to_application(ctx, bank, id, flags);
		if (verdict != XDP_PASS)
			return verdict;
	}
	if (bank->flags & XB_BANK_PORTS) {
		verdict = xb_to_port(ctx, id, flags);
		if (verdict != XDP_PASS)
			return verdict;
	}
	if (!xb_the_table.chained)
		return flags & XB_SLOT_BY_XDP ? xb_to_bond(ctx, id, flags) : XDP_PASS;
	if (flags & XB_SLOT_HEAR)
		xb_xdp_stamp(ctx, id);
	bpf_tail_call(ctx, &xb_chain, 0);
	return XDP_PASS;
}

SEC(XB_XDP_SECTION)
int xb_xdp(struct xdp_md *ctx)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	struct xb_table *table = &xb_the_table;
	const struct xb_bank *bank;
	struct xb_counters *counters;
	__u32 id, flags;

	if (!eth)
		return XDP_PASS;
	id = xb_slot_of(table, ctx->ingress_ifindex);
	if (id >= XB_MAX_SLAVES)
		return XDP_PASS;
	bank = xb_get_bank(table);
	flags = bank->slot[id].flags;
	if ((flags & XB_SLOT_SLOW_TO_XSK) && xb_is_lacp_or_marker(eth, data_end)) {
		__u32 queue = ctx->rx_queue_index;

		/* No socket on this queue: passed. */
		return queue < XB_XSK_QUEUES ? bpf_redirect_map(&xb_xsk, id * XB_XSK_QUEUES + queue, XDP_PASS) :
					       XDP_PASS;
	}
	/* Unicast to a backup still reaches packet sockets on the slave (R5). */
	if (!(flags & (XB_SLOT_SUPPRESS | XB_SLOT_SUPPRESS_FLOOD)) || !(flags & XB_SLOT_EARLY_DROP) || !(eth->h_dest[0] & 1) ||
	    xb_is_link_local(eth))
		return (xb_rules.n | table->chained | (bank->flags & XB_BANK_PORTS) | (flags & XB_SLOT_BY_XDP)) ?
			       xb_to_others(ctx, id, flags) :
			       XDP_PASS;
	if (flags & XB_SLOT_HEAR)
		xb_xdp_stamp(ctx, id);
	counters = xb_counters_of(id);
	if (counters)
		counters->rx_suppressed++;
	return XDP_DROP;
}
