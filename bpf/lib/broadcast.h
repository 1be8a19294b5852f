/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A packet for every slave that may send, or for none, from TC.
 */
#ifndef XB_BROADCAST_H
#define XB_BROADCAST_H

#include "lib/select.h"

#include <linux/pkt_cls.h>

static __always_inline int xb_drop(void)
{
	struct xb_counters *bond = xb_counters_of(XB_STATS_BOND);

	if (bond)
		bond->tx_dropped++;
	return TC_ACT_SHOT;
}

/* A copy to every member but the last, which gets the original: as many frames as members, whatever fails. What the
 * program is to return. */
static __always_inline int xb_broadcast(struct __sk_buff *ctx, struct xb_table *table, struct xb_bank *bank)
{
	struct xb_counters *counters;
	__u32 last = XB_NO_SLOT;
	__u32 id;

	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		if (i >= bank->n_pick)
			break;
		if (!xb_broadcast_member(table, bank, i, &id))
			continue;
		if (last < XB_MAX_SLAVES && !bpf_clone_redirect(ctx, table->slot[last].ifindex, 0)) {
			counters = xb_counters_of(last);
			if (counters)
				xb_count_tx(counters, ctx);
		}
		last = id;
	}
	if (last >= XB_MAX_SLAVES)
		return xb_drop();
	counters = xb_counters_of(last);
	if (counters)
		xb_count_tx(counters, ctx);
	return bpf_redirect(table->slot[last].ifindex, 0);
}

#endif
