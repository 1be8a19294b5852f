/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * The transmit hash policies, for the BPF programs and for `xbond explain`: one text, compiled by
 * both. The includer defines, before it includes this file once:
 *
 *   struct xb_frame                                     a frame that starts at its destination MAC
 *   __u32 xb_frame_protocol(const struct xb_frame *)    skb protocol, network byte order
 *   __u32 xb_frame_tci(const struct xb_frame *)         tag control word of an accelerated VLAN tag, or 0
 *   const void *xb_at(const struct xb_frame *, __u32 off, __u32 len, void *buf)
 *                                 `len` bytes at `off`, in place or copied into `buf`; null when the frame is shorter
 *   const void *xb_copy(...)      the same, always copied: for offsets that the verifier cannot follow
 */
#ifndef XBOND_FLOW_HASH_H
#define XBOND_FLOW_HASH_H

#include "xbond/numbers.h"
#include "xbond/packet.h"

#define XB_HASH_FN XB_FN
#define XB_L4_NONE 256 /* no transport protocol known: later fragments */

struct xb_flow {
	__u32 src; /* IPv6: its four words xored */
	__u32 dst;
	__u32 seed; /* of layer3+4: the ports word; for ICMP with an identifier type | code << 8 | id << 16 */
};

/* Where a parser stands. */
struct xb_cursor {
	__u32 at;       /* offset of the next header */
	__u32 l4;       /* protocol number, or XB_L4_NONE */
	__u32 protocol; /* EtherType, network byte order */
};

/* H2 of `hash.mac` */
XB_HASH_FN __u32 xb_hash_mac(const struct xb_frame *frame) {
	__u8 buf[16] __attribute__((aligned(8)));
	const __u8 *eth = (const __u8 *)xb_at(frame, 0, XB_L2_LEN, buf);

	return eth ? eth[5] ^ eth[11] ^ xb_be16(eth + 12) : 0;
}

/* `hash.vlan_srcmac` */
XB_HASH_FN __u32 xb_hash_vlan_srcmac(const struct xb_frame *frame) {
	__u8 buf[16] __attribute__((aligned(8)));
	const __u8 *eth = (const __u8 *)xb_at(frame, 0, XB_L2_LEN, buf);
	__u32 vendor, device;

	if (!eth)
		return 0;
	vendor = (__u32)eth[6] << 16 | (__u32)eth[7] << 8 | eth[8];
	device = (__u32)eth[9] << 16 | (__u32)eth[10] << 8 | eth[11];
	return xb_frame_tci(frame) ^ vendor ^ device;
}

/* The ports word (`hash.outer`) */
XB_HASH_FN __u32 xb_ports(const void *at) {
	return at ? xb_word((const __u8 *)at) : 0;
}

/* Offset of the ports, or of the SPI that stands in for them, in a transport header; negative for protocols without. */
XB_HASH_FN int xb_ports_offset(__u32 l4) {
	if (l4 == XB_L4_TCP || l4 == XB_L4_UDP)
		return 0;
	__asm__("" : "+r"(l4)); /* or the two that matter are folded into one slow test with the others */
	switch (l4) {
	case XB_L4_DCCP:
	case XB_L4_ESP:
	case XB_L4_SCTP:
	case XB_L4_UDPLITE:
		return 0;
	case XB_L4_AH:
		return 4;
	default:
		return -1;
	}
}

XB_HASH_FN void xb_flow_ipv4(struct xb_flow *flow, const __u8 *ip) {
	flow->src = xb_word(ip + 12);
	flow->dst = xb_word(ip + 16);
}

XB_HASH_FN void xb_flow_ipv6(struct xb_flow *flow, const __u8 *ip) {
	flow->src = xb_word(ip + 8) ^ xb_word(ip + 12) ^ xb_word(ip + 16) ^ xb_word(ip + 20);
	flow->dst = xb_word(ip + 24) ^ xb_word(ip + 28) ^ xb_word(ip + 32) ^ xb_word(ip + 36);
}

XB_HASH_FN int xb_ipv4_is_fragment(const __u8 *ip) {
	return (xb_half(ip + 6) & XB_BE16(0x3fff)) != 0;
}

/* Echo and timestamp messages carry an identifier; 0 is told apart from "none". The same list for both families. */
XB_HASH_FN __u32 xb_icmp_seed(const __u8 *icmp) {
	__u32 type = icmp[0], id;

	if (type != 0 && type != 8 && type != 13 && type != 14 && type != 128 && type != 129)
		return 0;
	id = xb_be16(icmp + 4);
	return type | (__u32)icmp[1] << 8 | (id ? id : 1) << 16;
}

XB_HASH_FN int xb_icmp_is_error(__u32 l4, __u32 type) {
	if (l4 == XB_L4_ICMP)
		return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

/* The IP header here (`hash.outer`); 0 = FAIL. Extension headers are not walked. */
XB_HASH_FN int xb_outer_ip(const struct xb_frame *frame, struct xb_cursor *c, struct xb_flow *flow, int want_ports) {
	__u8 buf[40] __attribute__((aligned(8)));
	const __u8 *ip;
	int ports;

	if (c->protocol == XB_BE16(XB_ETH_IPV4)) {
		ip = (const __u8 *)xb_at(frame, c->at, 20, buf);
		if (!ip)
			return 0;
		xb_flow_ipv4(flow, ip);
		c->at += (__u32)(ip[0] & 15) << 2;
		if (!xb_ipv4_is_fragment(ip))
			c->l4 = ip[9];
	} else if (c->protocol == XB_BE16(XB_ETH_IPV6)) {
		ip = (const __u8 *)xb_at(frame, c->at, 40, buf);
		if (!ip)
			return 0;
		xb_flow_ipv6(flow, ip);
		c->at += 40;
		c->l4 = ip[6];
	} else {
		return 0;
	}
	if (want_ports) {
		ports = xb_ports_offset(c->l4);
		flow->seed = ports < 0 ? 0 : xb_ports(xb_at(frame, c->at + (__u32)ports, 4, buf));
	}
	return 1;
}

/* layer2+3, layer3+4: the outer IP header, or the one that an ICMP error quotes. 0 = FAIL. */
XB_HASH_FN int xb_flow_outer(const struct xb_frame *frame, struct xb_flow *flow, int want_ports) {
	struct xb_cursor c = {XB_L2_LEN, XB_L4_NONE, xb_frame_protocol(frame)};
	__u8 buf[8] __attribute__((aligned(8)));
	const __u8 *icmp;

	if (!xb_outer_ip(frame, &c, flow, want_ports))
		return 0;
	if (c.l4 != XB_L4_ICMP && c.l4 != XB_L4_ICMPV6)
		return 1;
	icmp = (const __u8 *)xb_at(frame, c.at, 8, buf);
	if (!icmp)
		return 1;
	flow->seed = xb_icmp_seed(icmp);
	if (!xb_icmp_is_error(c.l4, icmp[0]))
		return 1;
	c.at += 8;
	return xb_outer_ip(frame, &c, flow, want_ports);
}

#include "xbond/flow_dissect.h"

/* Folding (`hash.outer`), from a flow record. */
XB_HASH_FN __u32 xb_hash_fold(const struct xb_flow *flow, __u32 seed, int drop_lowest_bit) {
	__u32 hash = seed ^ flow->src ^ flow->dst;

	hash ^= hash >> 16;
	hash ^= hash >> 8;
	return drop_lowest_bit ? hash >> 1 : hash;
}

/* `l34` and `encap` are constants where this is inlined: nothing of them is left at run time. */
XB_HASH_FN __u32 xb_hash_flow(const struct xb_frame *frame, int l34, int encap) {
	struct xb_flow flow = {0, 0, 0};

	if (!(encap ? xb_flow_dissect(frame, &flow) : xb_flow_outer(frame, &flow, l34)))
		return xb_hash_mac(frame);
	return xb_hash_fold(&flow, l34 ? flow.seed : xb_hash_mac(frame), l34);
}

XB_HASH_FN __u32 xb_hash_layer23(const struct xb_frame *frame) {
	return xb_hash_flow(frame, 0, 0);
}

XB_HASH_FN __u32 xb_hash_layer34(const struct xb_frame *frame) {
	return xb_hash_flow(frame, 1, 0);
}

XB_HASH_FN __u32 xb_hash_encap23(const struct xb_frame *frame) {
	return xb_hash_flow(frame, 0, 1);
}

XB_HASH_FN __u32 xb_hash_encap34(const struct xb_frame *frame) {
	return xb_hash_flow(frame, 1, 1);
}

/* `policy`: enum xb_policy; an unknown one counts as layer2. The caller takes the hash modulo the number of slaves. */
XB_HASH_FN __u32 xb_flow_hash(const struct xb_frame *frame, __u32 policy) {
	switch (policy < XB_N_POLICIES ? policy : (__u32)XB_POLICY_LAYER2) {
#define XB_POLICY_CASE(number, constant, name, keyword, function) \
	case constant:                                            \
		return function(frame);
		XB_POLICIES(XB_POLICY_CASE)
#undef XB_POLICY_CASE
	default: /* never: with a hash of its own here the objects would hold that one twice */
		__builtin_unreachable();
	}
}

#endif
