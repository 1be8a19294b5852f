/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Reads a frame without a look at its length.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int reads_beyond(struct xdp_md *ctx)
{
	return *(const __u8 *)(long)ctx->data ? XDP_PASS : XDP_DROP;
}
