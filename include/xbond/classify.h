/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * What a frame that leaves the bond is to the modes that look at more than a hash: IGMP, neighbour discovery, a flow
 * that is balanced and its bucket, ARP of the bond's own. One text for the BPF programs and for `xbond explain`, on the
 * frame that flow_hash.h describes, of which the includer has defined two things more:
 *
 *   const __u8 *xb_frame_eth(const struct xb_frame *)   the Ethernet header in place; null for a runt
 *   XB_OUTLINE                        of functions that BPF calls rather than repeats; in C++ it may be XB_FN
 */
#ifndef XBOND_CLASSIFY_H
#define XBOND_CLASSIFY_H

#include "xbond/abi.h"
#include "xbond/packet.h"

#define XB_NOT_BALANCED XB_BUCKETS /* for a number of a bucket */

/* Types of frames, as skb->protocol has them: an in-band tag hides what is behind it. */
XB_FN int xb_is_ipv4(const struct xb_frame *frame)
{
	return xb_frame_protocol(frame) == XB_BE16(XB_ETH_IPV4);
}

XB_FN int xb_is_ipv6(const struct xb_frame *frame)
{
	return xb_frame_protocol(frame) == XB_BE16(XB_ETH_IPV6);
}

XB_FN int xb_is_arp(const struct xb_frame *frame)
{
	return xb_frame_protocol(frame) == XB_BE16(XB_ETH_ARP);
}

/* IPv4 with protocol IGMP; not MLD. */
XB_FN int xb_is_igmp(const struct xb_frame *frame)
{
	__u8 buf[24] __attribute__((aligned(8)));
	const __u8 *ip;

	if (!xb_is_ipv4(frame))
		return 0;
	ip = (const __u8 *)xb_at(frame, XB_L2_LEN, 20, buf);
	return ip && ip[9] == XB_L4_IGMP;
}

/* ARP, neighbour solicitation or advertisement (broadcast_neighbor). */
XB_FN int xb_is_neighbour(const struct xb_frame *frame)
{
	__u8 buf[XB_ICMP6_BYTES] __attribute__((aligned(8)));
	const __u8 *ip;

	if (xb_is_arp(frame))
		return 1;
	if (!xb_is_ipv6(frame))
		return 0;
	ip = (const __u8 *)xb_at(frame, XB_L2_LEN, XB_ICMP6_BYTES, buf);
	return ip && ip[6] == XB_L4_ICMPV6 && (ip[40] == XB_NS || ip[40] == XB_NA);
}

/* Not a neighbour solicitation or advertisement; a header that cannot be read counts as one. */
XB_FN int xb_is_plain_ip6(const struct xb_frame *frame, const __u8 *ip)
{
	__u8 buf[8] __attribute__((aligned(8)));
	const __u8 *type;

	if (ip[6] != XB_L4_ICMPV6)
		return 1;
	type = (const __u8 *)xb_at(frame, XB_L2_LEN + XB_ICMP6_BYTES - 1, 1, buf);
	return type && *type != XB_NS && *type != XB_NA;
}

/* Mode 6: by the destination address. Mode 5 takes the bucket from the hash: any number below XB_BUCKETS will do. */
XB_OUTLINE __u32 xb_ip6_bucket(const struct xb_frame *frame, __u32 by_address)
{
	__u8 buf[40] __attribute__((aligned(8)));
	const __u8 *ip;

	ip = (const __u8 *)xb_at(frame, XB_L2_LEN, 40, buf);
	if (!ip || !xb_is_plain_ip6(frame, ip))
		return XB_NOT_BALANCED;
	if (!by_address)
		return 0;
	if (!(xb_word(ip + 8) | xb_word(ip + 12) | xb_word(ip + 16) | xb_word(ip + 20)))
		return XB_NOT_BALANCED;
	return xb_ipv4_index(xb_word(ip + 24) ^ xb_word(ip + 28) ^ xb_word(ip + 32) ^ xb_word(ip + 36));
}

XB_FN __u32 xb_ip4_bucket(const struct xb_frame *frame)
{
	__u8 buf[24] __attribute__((aligned(8)));
	const __u8 *ip;
	__u32 dst;

	ip = (const __u8 *)xb_at(frame, XB_L2_LEN, 20, buf);
	if (!ip || ip[9] == XB_L4_IGMP)
		return XB_NOT_BALANCED;
	dst = xb_word(ip + 16);
	return dst == 0xffffffff ? XB_NOT_BALANCED : xb_ipv4_index(dst);
}

/* Mode 5: unicast IP. */
XB_FN int xb_tlb_balances(const struct xb_frame *frame)
{
	const __u8 *eth = xb_frame_eth(frame);

	if (!eth || (eth[0] & 1))
		return 0;
	if (xb_is_ipv4(frame))
		return 1;
	return xb_is_ipv6(frame) && xb_ip6_bucket(frame, 0) < XB_BUCKETS;
}

/* Mode 6: IP, multicast too, but for what all hosts of the link must hear from one slave. */
XB_FN __u32 xb_alb_bucket(const struct xb_frame *frame)
{
	const __u8 *eth = xb_frame_eth(frame);

	if (!eth || (xb_mac_head(eth) == 0xffffffff && xb_mac_tail(eth) == 0xffff))
		return XB_NOT_BALANCED;
	if (xb_is_ipv4(frame))
		return xb_ip4_bucket(frame);
	if (!xb_is_ipv6(frame) || (xb_mac_head(eth) == XB_BE32(0x33330000) && xb_mac_tail(eth) == XB_BE16(1)))
		return XB_NOT_BALANCED;
	return xb_ip6_bucket(frame, 1);
}

/* `arp` is where it is copied to, since BPF changes packets whose fields it goes on to read. */
XB_FN int xb_load_arp(const struct xb_frame *frame, struct xb_arp *arp)
{
	return xb_copy(frame, XB_L2_LEN, sizeof(*arp), arp) && xb_is_ipv4_arp(arp);
}

/* The address of one of the slaves. */
XB_FN int xb_is_slave_mac(const struct xb_table *table, const struct xb_bank *bank, const __u8 *mac)
{
	int found = 0;

	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		if (i >= table->n_slots)
			break;
		found |= xb_same_mac(mac, bank->slot[i].mac);
	}
	return found;
}

/* ARP for which the bond's own stack asks or answers, not a guest behind a bridge. */
XB_FN int xb_is_own_arp(const struct xb_table *table, const struct xb_bank *bank, const struct xb_arp *arp)
{
	__u32 sender4 = xb_arp_sender(arp);

	if (bank->n_bridge4 > XB_FEW_OWN)
		return 0;
	for (__u32 i = 0; i < XB_FEW_OWN; i++)
		if (i < bank->n_bridge4 && bank->bridge4[i] == sender4)
			return 0;
	return xb_is_slave_mac(table, bank, arp->sender_mac);
}

/* Mode 6: a request or reply of the bond's own, which takes its client's slave. */
XB_FN int xb_is_client_arp(const struct xb_frame *frame, const struct xb_table *table, const struct xb_bank *bank,
			   struct xb_arp *arp)
{
	return xb_load_arp(frame, arp) && xb_is_own_arp(table, bank, arp) &&
	       (arp->op == XB_BE16(XB_ARPOP_REQUEST) || arp->op == XB_BE16(XB_ARPOP_REPLY));
}

/* Whether the entry at a client's place (xb_ipv4_index), whose flags have been read, is of this pair of addresses. */
XB_FN int xb_is_client(const struct xb_client *client, __u32 flags, __u32 server4, __u32 client4)
{
	return (flags & XB_CLIENT_ASSIGNED) && client->server4 == server4 && client->client4 == client4;
}

#endif
