/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A veth hands native XDP a frame whose checksum the sender's stack has left to a NIC (CHECKSUM_PARTIAL), and nothing
 * tells so: the checksum is then the sum of the pseudo header, with which one of 65,536 others agrees, too. It is made
 * whole; for such another one, which was right, what comes out is the same.
 */
#ifndef XB_PORTS_CHECKSUM_H
#define XB_PORTS_CHECKSUM_H

#include "lib/parse.h"

#define XB_SUM_STEP 16
#define XB_SUM_MAX 4096 /* a frame in one piece is smaller than a page */

/* Where TCP or UDP begins, and what is known of it. */
struct xb_segment {
	__u32 at, len;  /* from the beginning of the frame */
	__u32 check_at; /* likewise */
	__u32 pseudo;   /* sum of the pseudo header, folded, as it lies in memory */
	__u32 udp;
};

static __always_inline __u32 xb_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline int xb_segment_at(struct xb_segment *segment, __u32 at, __u32 len, __u8 protocol,
					 __u64 addresses)
{
	if ((protocol != XB_L4_TCP && protocol != XB_L4_UDP) || len < 8 || len >= XB_SUM_MAX)
		return 0;
	segment->at = at;
	segment->len = len;
	segment->udp = protocol == XB_L4_UDP;
	segment->check_at = at + (segment->udp ? 6 : 16);
	segment->pseudo = xb_fold(addresses + bpf_htons(len) + bpf_htons(protocol));
	return 1;
}

static __always_inline int xb_find_segment(struct xdp_md *ctx, struct xb_segment *segment)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	const __u8 *ip = (const void *)(eth + 1);
	__u32 at = ETH_HLEN, len;
	__u64 sum = 0;
	__u16 type;

	if (!eth)
		return 0;
	type = eth->h_proto;
	if (type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD)) {
		if ((const void *)(ip + 4) > data_end)
			return 0;
		type = *(const __u16 *)(ip + 2);
		ip += 4;
		at += 4;
	}
	if (type == bpf_htons(ETH_P_IP)) {
		if ((const void *)(ip + 20) > data_end || (*(const __u16 *)(ip + 6) & bpf_htons(0x3fff)))
			return 0;
		for (int i = 12; i < 20; i += 4)
			sum += *(const __u32 *)(ip + i);
		len = (ip[0] & 15) << 2;
		if (len < 20 || xb_be16(ip + 2) < len)
			return 0;
		return xb_segment_at(segment, at + len, xb_be16(ip + 2) - len, ip[9], sum);
	}
	if (type != bpf_htons(ETH_P_IPV6) || (const void *)(ip + 40) > data_end)
		return 0;
	for (int i = 8; i < 40; i += 4)
		sum += *(const __u32 *)(ip + i);
	return xb_segment_at(segment, at + 40, xb_be16(ip + 4), ip[6], sum);
}

/* The sum of `len` bytes from `at` on, folded; bit 16: they are all there. Global, as the next: verified once. What is
 * left over comes first, so that the verifier need not go through it behind each step. */
__noinline __u32 xb_sum(struct xdp_md *ctx, __u32 at, __u32 len)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const __u8 *data = (const void *)(long)ctx->data + (at & 0xff), *end = data + (len & (XB_SUM_MAX - XB_SUM_STEP));
	__u64 sum = 0;

	for (__u32 i = 0; i < XB_SUM_STEP; i++) {
		const __u8 *at = end + i;

		if (i >= (len & (XB_SUM_STEP - 1)))
			break;
		asm volatile("" : "+r"(at)); /* as in frame/skb.h */
		if ((const void *)(at + 1) > data_end)
			return 0;
		sum += (__u32)*at << (i & 1 ? 8 : 0); /* little-endian, as the maps are */
	}
	for (__u32 i = 0; i < XB_SUM_MAX / XB_SUM_STEP; i++) {
		const __u32 *word = (const void *)(data + i * XB_SUM_STEP);

		if ((i + 1) * XB_SUM_STEP > len)
			return xb_fold(sum) | 1 << 16;
		asm volatile("" : "+r"(word));
		if ((const void *)(word + 4) > data_end)
			return 0;
		sum += (__u64)word[0] + word[1] + word[2] + word[3];
	}
	return 0;
}

/* 1 = it was not whole and is now. */
__noinline int xb_sum_up(struct xdp_md *ctx)
{
	struct xb_segment segment = {};
	__u16 *check;
	__u32 sum;

	if (!xb_find_segment(ctx, &segment))
		return 0;
	check = (void *)(long)ctx->data + (segment.check_at & 0xff);
	if ((const void *)(check + 1) > (const void *)(long)ctx->data_end || *check != segment.pseudo)
		return 0;
	sum = xb_sum(ctx, segment.at, segment.len);
	if (!(sum >> 16))
		return 0;
	sum = ~sum & 0xffff;
	*check = segment.udp && !sum ? 0xffff : sum;
	return 1;
}

#endif
