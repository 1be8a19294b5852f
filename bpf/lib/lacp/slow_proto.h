/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Slow protocols (IEEE 802.3 Annex 57A): LACP is subtype 1, marker subtype 2.
 */
#ifndef XB_SLOW_PROTO_H
#define XB_SLOW_PROTO_H

#include "lib/parse.h"

#define XB_SLOW_LACP 1
#define XB_SLOW_MARKER 2

static __always_inline int xb_is_lacp_or_marker(const struct ethhdr *eth, const void *data_end)
{
	const __u8 *subtype = (const void *)(eth + 1);

	if (eth->h_proto != bpf_htons(ETH_P_SLOW) || xb_mac_head(eth->h_dest) != bpf_htonl(0x0180c200) ||
	    xb_mac_tail(eth->h_dest) != bpf_htons(0x0002))
		return 0;
	if ((const void *)(subtype + 1) > data_end)
		return 0;
	return *subtype == XB_SLOW_LACP || *subtype == XB_SLOW_MARKER;
}

#endif
