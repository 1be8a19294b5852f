/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Transmit load balancing of modes 5 and 6 (reference 5.1, 5.2): which packets are balanced, and the buckets that
 * remember where a flow goes. The controller takes buckets away from their owners; placing them again is done here, so
 * that no packet waits for it.
 */
#ifndef XB_LB_H
#define XB_LB_H

#include "lib/balance.h"
#include "lib/frame.h"
#include "lib/parse.h"
#include "lib/table.h"

#define XB_NOT_BALANCED XB_BUCKETS /* for a number of a bucket */

/* Not a neighbour solicitation or advertisement; a header that cannot be read counts as one. */
static __always_inline int xb_is_plain_ip6(const struct xb_frame *frame, const __u8 *ip)
{
	__u8 buf[8] __attribute__((aligned(8)));
	const __u8 *type;

	if (ip[6] != XB_ICMPV6)
		return 1;
	type = xb_at(frame, ETH_HLEN + XB_ICMP6_BYTES - 1, 1, buf);
	return type && *type != XB_NS && *type != XB_NA;
}

/* Mode 6: by the destination address. Mode 5 takes the bucket from the hash: any number below XB_BUCKETS will do. */
static __noinline __u32 xb_ip6_bucket(struct __sk_buff *ctx, __u32 by_address)
{
	struct xb_frame frame = { ctx };
	__u8 buf[40] __attribute__((aligned(8)));
	const __u32 *word;
	const __u8 *ip;

	ip = xb_at(&frame, ETH_HLEN, 40, buf);
	if (!ip || !xb_is_plain_ip6(&frame, ip))
		return XB_NOT_BALANCED;
	word = (const __u32 *)(ip + 8);
	if (!by_address)
		return 0;
	if (!(word[0] | word[1] | word[2] | word[3]))
		return XB_NOT_BALANCED;
	return xb_ipv4_index(word[4] ^ word[5] ^ word[6] ^ word[7]);
}

static __always_inline __u32 xb_ip4_bucket(struct __sk_buff *ctx)
{
	struct xb_frame frame = { ctx };
	__u8 buf[24] __attribute__((aligned(8)));
	const __u8 *ip;
	__u32 dst;

	ip = xb_at(&frame, ETH_HLEN, 20, buf);
	if (!ip || ip[9] == IPPROTO_IGMP)
		return XB_NOT_BALANCED;
	dst = *(const __u32 *)(ip + 16);
	return dst == 0xffffffff ? XB_NOT_BALANCED : xb_ipv4_index(dst);
}

/* Mode 5: unicast IP. */
static __always_inline int xb_tlb_balances(struct __sk_buff *ctx)
{
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);

	if (!eth || (eth->h_dest[0] & 1))
		return 0;
	if (ctx->protocol == bpf_htons(ETH_P_IP))
		return 1;
	return ctx->protocol == bpf_htons(ETH_P_IPV6) && xb_ip6_bucket(ctx, 0) < XB_BUCKETS;
}

/* Mode 6: IP, multicast too, but for what all hosts of the link must hear from one slave. */
static __always_inline __u32 xb_alb_bucket(struct __sk_buff *ctx)
{
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);

	if (!eth || (xb_mac_head(eth->h_dest) == 0xffffffff && xb_mac_tail(eth->h_dest) == 0xffff))
		return XB_NOT_BALANCED;
	if (ctx->protocol == bpf_htons(ETH_P_IP))
		return xb_ip4_bucket(ctx);
	if (ctx->protocol != bpf_htons(ETH_P_IPV6) ||
	    (xb_mac_head(eth->h_dest) == bpf_htonl(0x33330000) && xb_mac_tail(eth->h_dest) == bpf_htons(1)))
		return XB_NOT_BALANCED;
	return xb_ip6_bucket(ctx, 1);
}

/* Gives a bucket to the least loaded slave (5.2), and its load with it: slot + 1, or 0 when nobody can transmit. Another
 * CPU may be faster. */
static __noinline __u32 xb_place(struct xb_bank *bank, __u32 number)
{
	struct xb_bucket *bucket = &xb_the_lb.bucket[number & (XB_BUCKETS - 1)];
	__s64 best = 0;
	__u32 chosen = 0, other;

	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		__u32 id = bank->pick[i];
		__s64 gap;

		if (i >= bank->n_pick || id >= XB_MAX_SLAVES)
			break;
		gap = xb_gap(bank->slot[id].speed, xb_the_lb.load[id]);
		if (!chosen || gap > best) {
			best = gap;
			chosen = id + 1;
		}
	}
	if (!chosen || chosen > XB_MAX_SLAVES)
		return 0;
	other = __sync_val_compare_and_swap(&bucket->owner, 0, chosen);
	if (other)
		return other;
	__sync_fetch_and_add(&xb_the_lb.load[(chosen - 1) & (XB_MAX_SLAVES - 1)], bucket->history);
	return chosen;
}

/* The slot that a bucket's packet takes, counted: XB_MAX_SLAVES or more when there is none. */
static __always_inline __u32 xb_bucket_slot(struct xb_bank *bank, __u32 number, __u32 len)
{
	struct xb_bucket *bucket = &xb_the_lb.bucket[number & (XB_BUCKETS - 1)];
	__u32 owner;

	XB_KEEP(bucket);
	owner = bucket->owner;
	if (!owner)
		owner = xb_place(bank, number);
	__sync_fetch_and_add(&bucket->tx_bytes, len);
	return owner - 1;
}

/* What a slave sends carries its own address, or the network would see one address on several ports (5.1). The active
 * slave's is the bond's. Written in place: the helper takes 35 ns for it. The kernel unshares clones before the program
 * starts, in the modes that get here only. */
static __always_inline void xb_set_source(struct __sk_buff *ctx, const struct xb_bank *bank, __u32 id)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if (id == bank->active || id >= XB_MAX_SLAVES || (void *)(eth + 1) > (void *)(long)ctx->data_end)
		return;
	__builtin_memcpy(eth->h_source, bank->slot[id].mac, ETH_ALEN);
}

#endif
