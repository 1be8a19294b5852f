/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Ethernet headers by direct packet access.
 */
#ifndef XB_PARSE_H
#define XB_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xbond/abi.h"

#define XB_ICMPV6 58
#define XB_ICMP6_BYTES 41 /* IPv6 base header and the ICMPv6 type */
#define XB_NS 135
#define XB_NA 136

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

#define XB_ARPOP_REQUEST 1
#define XB_ARPOP_REPLY 2

/* The first three fields in one comparison. */
static __always_inline int xb_is_ipv4_arp(const struct xb_arp *arp)
{
	const __u64 mask = bpf_cpu_to_be64(0xffffffffffff0000), ipv4 = bpf_cpu_to_be64(0x0001080006040000);

	return (*(const __u64 *)arp & mask) == ipv4;
}

static __always_inline __u32 xb_arp_sender(const struct xb_arp *arp)
{
	return arp->sender4[0] | (__u32)arp->sender4[1] << 16;
}

/* The linear Ethernet header, or null for a runt. */
static __always_inline const struct ethhdr *xb_eth(__u32 data, __u32 data_end)
{
	const struct ethhdr *eth = (const void *)(long)data;

	return (const void *)(eth + 1) <= (const void *)(long)data_end ? eth : 0;
}

static __always_inline __u32 xb_mac_head(const __u8 *mac)
{
	return *(const __u32 *)mac;
}

static __always_inline __u16 xb_mac_tail(const __u8 *mac)
{
	return *(const __u16 *)(mac + 4);
}

/* 01:80:c2:00:00:00 ... 0f: never forwarded by bridges (1.4 rule 3). */
static __always_inline int xb_is_link_local(const struct ethhdr *eth)
{
	return xb_mac_head(eth->h_dest) == bpf_htonl(0x0180c200) &&
	       (xb_mac_tail(eth->h_dest) & bpf_htons(0xfff0)) == 0;
}

static __always_inline int xb_same_mac(const __u8 *a, const __u8 *b)
{
	return xb_mac_head(a) == xb_mac_head(b) && xb_mac_tail(a) == xb_mac_tail(b);
}

/* The slot of a slave's interface, or XB_NO_SLOT. Frames come from slaves: the bound of used slots would cost each of
 * them more than it saves the stray one. */
static __always_inline __u32 xb_slot_of(const struct xb_table *table, __u32 ifindex)
{
	for (__u32 i = 0; i < XB_MAX_SLAVES; i++)
		if (table->slot[i].ifindex == ifindex)
			return i;
	return XB_NO_SLOT;
}

#endif
