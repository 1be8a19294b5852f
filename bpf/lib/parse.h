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
#include "xbond/packet.h"

/* The linear Ethernet header, or null for a runt. */
static __always_inline const struct ethhdr *xb_eth(__u32 data, __u32 data_end)
{
	const struct ethhdr *eth = (const void *)(long)data;

	return (const void *)(eth + 1) <= (const void *)(long)data_end ? eth : 0;
}

/* 01:80:c2:00:00:00 ... 0f: never forwarded by bridges. */
static __always_inline int xb_is_link_local(const struct ethhdr *eth)
{
	return xb_mac_head(eth->h_dest) == bpf_htonl(0x0180c200) &&
	       (xb_mac_tail(eth->h_dest) & bpf_htons(0xfff0)) == 0;
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
