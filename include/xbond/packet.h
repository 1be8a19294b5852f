/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * Fields of packets: numbers under names of our own, since the kernel's headers clash with libc's in C++, and how they
 * are read. Compiled by both sides. Fields are loaded in host byte order, as the kernel does: the values are those of
 * little-endian hosts.
 */
#ifndef XBOND_PACKET_H
#define XBOND_PACKET_H

#include <linux/types.h>

#define XB_FN static inline __attribute__((always_inline))
#define XB_BE16(x) ((__u16)((((x)&0xff) << 8) | ((x) >> 8 & 0xff)))
#define XB_BE32(x) __builtin_bswap32(x)
#define XB_BE64(x) __builtin_bswap64(x)
#define XB_L2_LEN 14 /* where the network header starts; an in-band VLAN tag counts as network header */

enum {
	XB_ETH_IPV4 = 0x0800,
	XB_ETH_ARP = 0x0806,
	XB_ETH_BATMAN = 0x4305,
	XB_ETH_TEB = 0x6558,
	XB_ETH_RARP = 0x8035,
	XB_ETH_VLAN = 0x8100,
	XB_ETH_IPV6 = 0x86dd,
	XB_ETH_MPLS = 0x8847,
	XB_ETH_MPLS_MC = 0x8848,
	XB_ETH_PPPOE = 0x8864,
	XB_ETH_QINQ = 0x88a8,
	XB_ETH_TIPC = 0x88ca,
	XB_ETH_PTP = 0x88f7,
	XB_ETH_PRP = 0x88fb,
	XB_ETH_CFM = 0x8902,
	XB_ETH_FCOE = 0x8906,
	XB_ETH_HSR = 0x892f,
	XB_GRE_PPP = 0x880b,
	XB_PPP_IPV4 = 0x0021,
	XB_PPP_IPV6 = 0x0057,
	XB_PPP_MPLS = 0x0281,
	XB_PPP_MPLS_MC = 0x0283,
};

enum {
	XB_L4_HOPOPTS = 0,
	XB_L4_ICMP = 1,
	XB_L4_IGMP = 2,
	XB_L4_IPIP = 4,
	XB_L4_TCP = 6,
	XB_L4_UDP = 17,
	XB_L4_DCCP = 33,
	XB_L4_IPV6 = 41,
	XB_L4_ROUTING = 43,
	XB_L4_FRAGMENT = 44,
	XB_L4_GRE = 47,
	XB_L4_ESP = 50,
	XB_L4_AH = 51,
	XB_L4_ICMPV6 = 58,
	XB_L4_DSTOPTS = 60,
	XB_L4_SCTP = 132,
	XB_L4_UDPLITE = 136,
	XB_L4_MPLS = 137,
};

#define XB_ICMP6_BYTES 41 /* IPv6 base header and the ICMPv6 type, one of these: */
#define XB_NS 135
#define XB_NA 136

#define XB_ARPOP_REQUEST 1
#define XB_ARPOP_REPLY 2

/* ARP for IPv4 over Ethernet, as it lies behind the Ethernet header, which makes the sender a pair of halves. */
struct xb_arp {
	__u16 hardware, protocol;
	__u16 lengths; /* 6 and 4 */
	__u16 op;
	__u8 sender_mac[6];
	__u16 sender4[2];
	__u8 target_mac[6];
	__u32 target4;
};

/* In BPF a plain load; in C++ the bytes may lie anywhere. */
XB_FN __u16 xb_half(const __u8 *p)
{
#ifdef __bpf__
	return *(const __u16 *)p;
#else
	__u16 value;

	__builtin_memcpy(&value, p, sizeof(value));
	return value;
#endif
}

XB_FN __u32 xb_word(const __u8 *p)
{
#ifdef __bpf__
	return *(const __u32 *)p;
#else
	__u32 value;

	__builtin_memcpy(&value, p, sizeof(value));
	return value;
#endif
}

XB_FN __u64 xb_long(const __u8 *p)
{
#ifdef __bpf__
	return *(const __u64 *)p;
#else
	__u64 value;

	__builtin_memcpy(&value, p, sizeof(value));
	return value;
#endif
}

XB_FN __u32 xb_be16(const __u8 *p)
{
	return XB_BE16(xb_half(p));
}

/* MAC addresses are compared as a word and a half. */
XB_FN __u32 xb_mac_head(const __u8 *mac)
{
	return xb_word(mac);
}

XB_FN __u16 xb_mac_tail(const __u8 *mac)
{
	return xb_half(mac + 4);
}

XB_FN int xb_same_mac(const __u8 *a, const __u8 *b)
{
	return xb_mac_head(a) == xb_mac_head(b) && xb_mac_tail(a) == xb_mac_tail(b);
}

/* The first three fields in one comparison. */
XB_FN int xb_is_ipv4_arp(const struct xb_arp *arp)
{
	return (xb_long((const __u8 *)arp) & XB_BE64(0xffffffffffff0000)) == XB_BE64(0x0001080006040000);
}

XB_FN __u32 xb_arp_sender(const struct xb_arp *arp)
{
	return arp->sender4[0] | (__u32)arp->sender4[1] << 16;
}

#endif
