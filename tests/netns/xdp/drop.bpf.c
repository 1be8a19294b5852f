/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Drops all that it gets.
 */
#include "tests/netns/xdp/counted.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int drop_all(struct xdp_md *ctx)
{
	return count(ctx, XDP_DROP);
}
