/* SPDX-License-Identifier: MIT
 *
 * IPv4 frames are counted, in a map of its own name, so that programs can be told apart; others are left alone.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counted SEC(".maps");

static __always_inline int count(struct xdp_md *ctx, int verdict)
{
	const struct ethhdr *eth = (const void *)(long)ctx->data;
	__u32 key = 0;
	__u64 *frames = bpf_map_lookup_elem(&counted, &key);

	if (frames && (const void *)(eth + 1) <= (const void *)(long)ctx->data_end && eth->h_proto == bpf_htons(ETH_P_IP))
		__sync_fetch_and_add(frames, 1);
	return verdict;
}
