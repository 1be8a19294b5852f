/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The early half of xb_rx, where XDP pays: drops what a suppressed slave floods up before an skb exists, and gives LACP
 * and marker frames to the controller's AF_XDP sockets. What it passes, xb_rx judges.
 */
#define XB_NEED_XSK
#include "lib/parse.h"
#include "lib/slow_proto.h"
#include "lib/stats.h"

#include <xdp/xdp_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/* For libxdp's dispatcher: before ordinary programs (50); the next one sees what this one passes. */
struct {
	__uint(priority, 20);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(xb_xdp);

SEC("xdp")
int xb_xdp(struct xdp_md *ctx)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	struct xb_table *table = xb_get_table();
	struct xb_counters *counters;
	__u32 id, flags;

	if (!table || !eth)
		return XDP_PASS;
	id = xb_slot_of(table, ctx->ingress_ifindex);
	if (id >= XB_MAX_SLAVES)
		return XDP_PASS;
	flags = xb_get_bank(table)->slot[id].flags;
	if ((flags & XB_SLOT_SLOW_TO_XSK) && xb_is_lacp_or_marker(eth, data_end)) {
		__u32 queue = ctx->rx_queue_index;

		/* No socket on this queue: passed. */
		return queue < XB_XSK_QUEUES ? bpf_redirect_map(&xb_xsk, id * XB_XSK_QUEUES + queue, XDP_PASS) :
					       XDP_PASS;
	}
	/* Unicast to a backup still reaches packet sockets on the slave (R5). */
	if (!(flags & XB_SLOT_SUPPRESS) || !(flags & XB_SLOT_EARLY_DROP) || !(eth->h_dest[0] & 1) ||
	    xb_is_link_local(eth))
		return XDP_PASS;
	counters = xb_counters_of(id);
	if (counters)
		counters->rx_suppressed++;
	return XDP_DROP;
}
