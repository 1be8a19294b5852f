/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Takes frames in fragments.
 */
#include "tests/netns/xdp/counted.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp.frags")
int count_frags(struct xdp_md *ctx)
{
	return count(ctx, XDP_PASS);
}
