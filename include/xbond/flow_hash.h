/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * The transmit hash policies (reference section 2).
 */
#ifndef XBOND_FLOW_HASH_H
#define XBOND_FLOW_HASH_H

#include "xbond/abi.h"

static inline __attribute__((always_inline)) __u32 xb_flow_hash(const struct xb_frame *f, __u32 policy)
{
	__u8 buf[16] __attribute__((aligned(8)));
	const __u8 *eth = (const __u8 *)xb_at(f, 0, 14, buf);

	(void)policy;
	return eth ? eth[5] ^ eth[11] ^ (eth[12] << 8 | eth[13]) : 0;
}

#endif
