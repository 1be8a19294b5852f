/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Two programs: which one is meant has to be said.
 */
#include "tests/netns/xdp/counted.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int count_and_pass(struct xdp_md *ctx)
{
	return count(ctx, XDP_PASS);
}

SEC("xdp")
int count_and_drop(struct xdp_md *ctx)
{
	return count(ctx, XDP_DROP);
}
