/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Frames for the AF_XDP sockets of applications: by rules, and never those that the controller lives on.
 */
#ifndef XB_APPLICATION_H
#define XB_APPLICATION_H

#include "lib/parse.h"
#include "lib/table.h"
#include "xbond/packet.h"

struct xb_xsk_rules xb_rules SEC(XB_XSK_RULES_SECTION);

struct xb_app_sockets {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, XB_XSK_ENTRIES);
	__type(key, __u32);
	__type(value, __u32);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, XB_XSK_RULES);
	__type(key, __u32);
	__array(values, struct xb_app_sockets);
} xb_xsk_apps SEC(".maps");

/* What rules ask of a frame; found: bits XB_RULE_* of what the frame has. */
struct xb_app_frame {
	__u32 found;
	__u16 vlan;
	__u16 ethertype;
	__u16 src, dst;
	__u8 protocol;
	__u8 mac[6];
};

static __always_inline void xb_app_ports(const __u8 *at, const void *data_end, struct xb_app_frame *frame)
{
	if (frame->protocol != XB_L4_TCP && frame->protocol != XB_L4_UDP && frame->protocol != XB_L4_SCTP)
		return;
	if ((const void *)(at + 4) > data_end)
		return;
	frame->src = xb_be16(at);
	frame->dst = xb_be16(at + 2);
	frame->found |= XB_RULE_SRC | XB_RULE_DST;
}

/* Fragments have a protocol and no ports, the first one too: or an application would get pieces. */
static __always_inline void xb_app_ip(const __u8 *at, const void *data_end, struct xb_app_frame *frame)
{
	if (frame->ethertype == XB_BE16(XB_ETH_IPV4)) {
		if ((const void *)(at + 20) > data_end)
			return;
		frame->protocol = at[9];
		frame->found |= XB_RULE_PROTOCOL;
		if (!(*(const __u16 *)(at + 6) & XB_BE16(0x3fff)))
			xb_app_ports(at + ((at[0] & 15) << 2), data_end, frame);
	} else if (frame->ethertype == XB_BE16(XB_ETH_IPV6)) {
		if ((const void *)(at + 40) > data_end)
			return;
		frame->protocol = at[6];
		frame->found |= XB_RULE_PROTOCOL;
		xb_app_ports(at + 40, data_end, frame);
	}
}

static __always_inline void xb_app_parse(const struct ethhdr *eth, const void *data_end, struct xb_app_frame *frame)
{
	const __u8 *at = (const __u8 *)(eth + 1);

	__builtin_memcpy(frame->mac, eth->h_dest, 6);
	frame->ethertype = eth->h_proto;
	frame->found = XB_RULE_IN_USE | XB_RULE_MAC | XB_RULE_ETHERTYPE | XB_RULE_QUEUE;
	if (frame->ethertype == XB_BE16(XB_ETH_VLAN) || frame->ethertype == XB_BE16(XB_ETH_QINQ)) {
		if ((const void *)(at + 4) > data_end)
			return;
		frame->vlan = xb_be16(at) & 0xfff;
		frame->ethertype = *(const __u16 *)(at + 2);
		frame->found |= XB_RULE_VLAN;
		at += 4;
	}
	xb_app_ip(at, data_end, frame);
}

static __always_inline int xb_app_fits(const struct xb_xsk_rule *rule, const struct xb_app_frame *frame, __u32 queue)
{
	__u32 fields = rule->fields;

	if (!(fields & XB_RULE_IN_USE) || (fields & ~frame->found))
		return 0;
	if ((fields & XB_RULE_VLAN) && rule->vlan != frame->vlan)
		return 0;
	if ((fields & XB_RULE_ETHERTYPE) && rule->ethertype != frame->ethertype)
		return 0;
	if ((fields & XB_RULE_PROTOCOL) && rule->protocol != frame->protocol)
		return 0;
	if ((fields & XB_RULE_SRC) && (frame->src < rule->src_first || frame->src > rule->src_last))
		return 0;
	if ((fields & XB_RULE_DST) && (frame->dst < rule->dst_first || frame->dst > rule->dst_last))
		return 0;
	if ((fields & XB_RULE_QUEUE) && rule->queue != queue)
		return 0;
	return !(fields & XB_RULE_MAC) || xb_same_mac(rule->mac, frame->mac);
}

/* Unicast that is for somebody else, flooded by the switch or let in by a capture, only where a rule names the address. */
static __always_inline int xb_app_for_bond(const struct xb_bank *bank, __u32 id, const __u8 *mac)
{
	return (mac[0] & 1) || xb_same_mac(mac, bank->bond_mac) || xb_same_mac(mac, bank->slot[id & (XB_MAX_SLAVES - 1)].mac);
}

/* The rule that a frame falls under, or XB_XSK_RULES. Global: verified once. */
__noinline int xb_app_rule(struct xdp_md *ctx, __u32 id)
{
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	struct xb_app_frame frame = {};
	__u32 n = xb_rules.n, queue = ctx->rx_queue_index;
	int for_bond;

	if (!eth)
		return XB_XSK_RULES;
	xb_app_parse(eth, (const void *)(long)ctx->data_end, &frame);
	for_bond = xb_app_for_bond(bank, id, frame.mac);
	for (__u32 i = 0; i < XB_XSK_RULES; i++) {
		const struct xb_xsk_rule *rule = &xb_rules.rule[i];

		if (i >= n)
			break;
		if ((for_bond || (rule->fields & XB_RULE_MAC)) && xb_app_fits(rule, &frame, queue))
			return i;
	}
	return XB_XSK_RULES;
}

/* XDP_REDIRECT into the socket of the queue, or XDP_PASS: nobody has one there. */
static __always_inline int xb_give_to_application(struct xdp_md *ctx, __u32 rule, __u32 id)
{
	__u32 queue = ctx->rx_queue_index;
	void *sockets = bpf_map_lookup_elem(&xb_xsk_apps, &rule);

	if (!sockets || queue >= XB_XSK_QUEUES)
		return XDP_PASS;
	return bpf_redirect_map(sockets, id * XB_XSK_QUEUES + queue, XDP_PASS);
}

#endif
