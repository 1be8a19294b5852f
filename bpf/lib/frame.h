/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A packet as the shared text sees it: read in place where it is linear, by a helper where not. This is an skb;
 * frame/xdp.h is the same for XDP (XBOND_XDP), which has no skb yet.
 */
#ifndef XB_FRAME_H
#define XB_FRAME_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "lib/parse.h"
#include "lib/stats.h"

/* Of functions that every caller would repeat. */
#define XB_OUTLINE static inline __attribute__((noinline))

#ifdef XBOND_XDP
#include "lib/frame/xdp.h"
#else
#include "lib/frame/skb.h"
#endif

#include "xbond/classify.h"
#include "xbond/flow_hash.h"

static __always_inline void xb_count_tx(struct xb_counters *counters, const struct xb_frame *ctx)
{
	counters->tx_packets += xb_packets(ctx);
	counters->tx_bytes += xb_frame_len(ctx);
}

static __always_inline void xb_count_rx(struct xb_counters *counters, const struct xb_frame *ctx)
{
	counters->rx_packets += xb_packets(ctx);
	counters->rx_bytes += xb_frame_len(ctx);
}

#endif
