/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * The flow dissector behind encap2+3 and encap3+4: opens tunnels, so that the innermost IP header gives
 * the addresses. Part of flow_hash.h, which includes it.
 */
#ifndef XBOND_FLOW_DISSECT_H
#define XBOND_FLOW_DISSECT_H

#define XB_MAX_HEADERS 15 /* transitions to another header */

/* What one header says about the next. */
enum xb_next {
	XB_NEXT_BAD,  /* not a packet that the dissector takes: the MAC hash */
	XB_NEXT_DONE, /* the flow record is complete */
	XB_NEXT_L3,   /* go on by cursor.protocol */
	XB_NEXT_L4,   /* go on by cursor.l4 */
};

XB_HASH_FN enum xb_next xb_next_l3(struct xb_cursor *c, __u32 length, __u32 protocol) {
	c->at += length;
	c->protocol = protocol;
	return XB_NEXT_L3;
}

XB_HASH_FN enum xb_next xb_dissect_ipv4(const struct xb_frame *frame, struct xb_cursor *c, struct xb_flow *flow) {
	__u8 buf[20] __attribute__((aligned(8)));
	const __u8 *ip = (const __u8 *)xb_copy(frame, c->at, 20, buf);

	if (!ip || (ip[0] & 15) < 5)
		return XB_NEXT_BAD;
	xb_flow_ipv4(flow, ip);
	c->at += (__u32)(ip[0] & 15) << 2;
	c->l4 = ip[9];
	return xb_ipv4_is_fragment(ip) ? XB_NEXT_DONE : XB_NEXT_L4;
}

XB_HASH_FN enum xb_next xb_dissect_ipv6(const struct xb_frame *frame, struct xb_cursor *c, struct xb_flow *flow) {
	__u8 buf[40] __attribute__((aligned(8)));
	const __u8 *ip = (const __u8 *)xb_copy(frame, c->at, 40, buf);

	if (!ip)
		return XB_NEXT_BAD;
	xb_flow_ipv6(flow, ip);
	c->at += 40;
	c->l4 = ip[6];
	return XB_NEXT_L4;
}

/* PPPoE session: version and type 1, code 0. A set bit 0x0100 means a PPP protocol field compressed to one byte. */
XB_HASH_FN enum xb_next xb_dissect_pppoe(const struct xb_frame *frame, struct xb_cursor *c) {
	__u8 buf[8] __attribute__((aligned(8)));
	const __u8 *hdr = (const __u8 *)xb_copy(frame, c->at, 8, buf);
	__u32 ppp, length = 8;

	if (!hdr || hdr[0] != 0x11 || hdr[1] != 0)
		return XB_NEXT_BAD;
	ppp = xb_be16(hdr + 6);
	if (ppp & 0x0100) {
		ppp >>= 8;
		length = 7;
	}
	if (ppp == XB_PPP_IPV4)
		return xb_next_l3(c, length, XB_BE16(XB_ETH_IPV4));
	if (ppp == XB_PPP_IPV6)
		return xb_next_l3(c, length, XB_BE16(XB_ETH_IPV6));
	if (ppp == XB_PPP_MPLS || ppp == XB_PPP_MPLS_MC)
		return XB_NEXT_DONE; /* as MPLS below */
	return (ppp & 0x0101) == 0x0001 ? XB_NEXT_DONE : XB_NEXT_BAD;
}

/* Headers that carry the next EtherType at a fixed place: `length` bytes, the type in the last two. */
XB_HASH_FN enum xb_next xb_dissect_shim(const struct xb_frame *frame, struct xb_cursor *c, __u32 length) {
	__u8 buf[8] __attribute__((aligned(8)));
	const __u8 *type = (const __u8 *)xb_copy(frame, c->at + length - 2, 2, buf);

	return type ? xb_next_l3(c, length, xb_half(type)) : XB_NEXT_BAD;
}

XB_HASH_FN enum xb_next xb_dissect_batman(const struct xb_frame *frame, struct xb_cursor *c) {
	__u8 buf[8] __attribute__((aligned(8)));
	const __u8 *hdr = (const __u8 *)xb_copy(frame, c->at, 2, buf);

	/* unicast (0x40) of compatibility version 15: 10 bytes and an Ethernet header */
	return hdr && hdr[0] == 0x40 && hdr[1] == 15 ? xb_dissect_shim(frame, c, 10 + XB_L2_LEN) : XB_NEXT_BAD;
}

XB_HASH_FN enum xb_next xb_dissect_tipc(const struct xb_frame *frame, struct xb_cursor *c, struct xb_flow *flow) {
	__u8 buf[16] __attribute__((aligned(8)));
	const __u8 *hdr = (const __u8 *)xb_copy(frame, c->at, 16, buf);

	if (!hdr)
		return XB_NEXT_BAD;
	flow->src = xb_word(hdr + 12); /* the originating node; the kernel takes a random key for probes */
	flow->dst = 0;
	return XB_NEXT_DONE;
}

XB_HASH_FN enum xb_next xb_dissect_l3(const struct xb_frame *frame, struct xb_cursor *c, struct xb_flow *flow) {
	__u8 buf[40] __attribute__((aligned(8)));

	switch (c->protocol) {
	case XB_BE16(XB_ETH_IPV4):
		return xb_dissect_ipv4(frame, c, flow);
	case XB_BE16(XB_ETH_IPV6):
		return xb_dissect_ipv6(frame, c, flow);
	case XB_BE16(XB_ETH_VLAN):
	case XB_BE16(XB_ETH_QINQ):
		return xb_dissect_shim(frame, c, 4);
	case XB_BE16(XB_ETH_HSR):
	case XB_BE16(XB_ETH_PRP):
		return xb_dissect_shim(frame, c, 6);
	case XB_BE16(XB_ETH_PPPOE):
		return xb_dissect_pppoe(frame, c);
	case XB_BE16(XB_ETH_BATMAN):
		return xb_dissect_batman(frame, c);
	case XB_BE16(XB_ETH_TIPC):
		return xb_dissect_tipc(frame, c, flow);
	case XB_BE16(XB_ETH_MPLS):
	case XB_BE16(XB_ETH_MPLS_MC):
	case XB_BE16(XB_ETH_ARP):
	case XB_BE16(XB_ETH_RARP):
	case XB_BE16(XB_ETH_CFM):
		return XB_NEXT_DONE;
	case XB_BE16(XB_ETH_FCOE): /* their headers have to be complete */
		return xb_copy(frame, c->at, 38, buf) ? XB_NEXT_DONE : XB_NEXT_BAD;
	case XB_BE16(XB_ETH_PTP):
		return xb_copy(frame, c->at, 34, buf) ? XB_NEXT_DONE : XB_NEXT_BAD;
	default:
		return XB_NEXT_BAD;
	}
}

/* PPTP: the PPP header behind an enhanced GRE header of `length` bytes. */
XB_HASH_FN enum xb_next xb_dissect_pptp(const struct xb_frame *frame, struct xb_cursor *c, __u32 length) {
	__u8 buf[8] __attribute__((aligned(8)));
	const __u8 *ppp = (const __u8 *)xb_copy(frame, c->at + length, 4, buf);

	if (!ppp)
		return XB_NEXT_BAD;
	if (xb_be16(ppp + 2) == XB_PPP_IPV4)
		return xb_next_l3(c, length + 4, XB_BE16(XB_ETH_IPV4));
	if (xb_be16(ppp + 2) == XB_PPP_IPV6)
		return xb_next_l3(c, length + 4, XB_BE16(XB_ETH_IPV6));
	return XB_NEXT_BAD;
}

/* GRE: opened in version 0 without routing, and in version 1 when it is PPTP; other headers end the walk. */
XB_HASH_FN enum xb_next xb_dissect_gre(const struct xb_frame *frame, struct xb_cursor *c) {
	enum { checksum = 0x8000, routing = 0x4000, key = 0x2000, sequence = 0x1000, ack = 0x0080, version = 0x0007 };
	__u8 buf[8] __attribute__((aligned(8)));
	const __u8 *hdr = (const __u8 *)xb_copy(frame, c->at, 4, buf);
	__u32 flags, length = 4;
	__u16 protocol;

	if (!hdr)
		return XB_NEXT_BAD;
	flags = xb_be16(hdr);
	protocol = xb_half(hdr + 2);
	if ((flags & routing) || (flags & version) > 1)
		return XB_NEXT_DONE;
	if ((flags & version) == 1 && !(protocol == XB_BE16(XB_GRE_PPP) && (flags & key)))
		return XB_NEXT_DONE;
	if (flags & checksum)
		length += 4;
	if (flags & key) {
		if (!xb_copy(frame, c->at + length, 4, buf))
			return XB_NEXT_BAD;
		length += 4;
	}
	if (flags & sequence)
		length += 4;
	if ((flags & version) == 1)
		return xb_dissect_pptp(frame, c, flags & ack ? length + 4 : length);
	if (protocol == XB_BE16(XB_ETH_TEB))
		return xb_dissect_shim(frame, c, length + XB_L2_LEN);
	return xb_next_l3(c, length, protocol);
}

XB_HASH_FN enum xb_next xb_dissect_ipv6_options(const struct xb_frame *frame, struct xb_cursor *c) {
	__u8 buf[8] __attribute__((aligned(8)));
	const __u8 *hdr = (const __u8 *)xb_copy(frame, c->at, 2, buf);

	if (!hdr)
		return XB_NEXT_BAD;
	c->l4 = hdr[0];
	c->at += ((__u32)hdr[1] + 1) << 3;
	return XB_NEXT_L4;
}

XB_HASH_FN enum xb_next xb_dissect_l4(const struct xb_frame *frame, struct xb_cursor *c) {
	const int ipv6 = c->protocol == XB_BE16(XB_ETH_IPV6);
	__u8 buf[8] __attribute__((aligned(8)));

	switch (c->l4) {
	case XB_L4_GRE:
		return xb_dissect_gre(frame, c);
	case XB_L4_HOPOPTS:
	case XB_L4_ROUTING:
	case XB_L4_DSTOPTS:
		return ipv6 ? xb_dissect_ipv6_options(frame, c) : XB_NEXT_DONE;
	case XB_L4_FRAGMENT: /* its header has to be complete */
		return !ipv6 || xb_copy(frame, c->at, 8, buf) ? XB_NEXT_DONE : XB_NEXT_BAD;
	case XB_L4_IPIP:
		return xb_next_l3(c, 0, XB_BE16(XB_ETH_IPV4));
	case XB_L4_IPV6:
		return xb_next_l3(c, 0, XB_BE16(XB_ETH_IPV6));
	case XB_L4_MPLS:
		return xb_next_l3(c, 0, XB_BE16(XB_ETH_MPLS));
	default:
		return XB_NEXT_DONE;
	}
}

/* After every transport step, so that a tunnel's ports are those inside. A quoted packet (ICMP) is not opened. */
XB_HASH_FN void xb_dissect_seed(const struct xb_frame *frame, const struct xb_cursor *c, struct xb_flow *flow) {
	__u8 buf[8] __attribute__((aligned(8)));
	const int ports = xb_ports_offset(c->l4);
	const __u8 *icmp;

	flow->seed = ports < 0 ? 0 : xb_ports(xb_copy(frame, c->at + (__u32)ports, 4, buf));
	if (c->l4 != XB_L4_ICMP && c->l4 != XB_L4_ICMPV6)
		return;
	icmp = (const __u8 *)xb_copy(frame, c->at, 8, buf);
	if (icmp)
		flow->seed = xb_icmp_seed(icmp);
}

/* 0 = FAIL. */
XB_HASH_FN int xb_flow_dissect(const struct xb_frame *frame, struct xb_flow *flow) {
	struct xb_cursor c = {XB_L2_LEN, XB_L4_NONE, xb_frame_protocol(frame)};
	enum xb_next next = XB_NEXT_L3;

	for (int i = 0; i <= XB_MAX_HEADERS; i++) {
		if (next == XB_NEXT_L3)
			next = xb_dissect_l3(frame, &c, flow);
		if (next == XB_NEXT_L4) {
			next = xb_dissect_l4(frame, &c);
			if (next != XB_NEXT_BAD)
				xb_dissect_seed(frame, &c, flow);
		}
		if (next == XB_NEXT_BAD)
			return 0;
		if (next == XB_NEXT_DONE)
			return 1;
	}
	return 1;
}

#endif
