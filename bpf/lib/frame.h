/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A packet as flow_hash.h and select.h see it: read in place where it is linear, by bpf_skb_load_bytes where not.
 */
#ifndef XB_FRAME_H
#define XB_FRAME_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "lib/parse.h"

struct xb_frame {
	struct __sk_buff *ctx;
};

/* Where the linear part has what lies at `off` (below 64 kB), to be read once xb_is_linear says that it does. */
static __always_inline const void *xb_linear(const struct xb_frame *frame, __u32 off)
{
	const void *at = (const void *)(long)frame->ctx->data + off;

	/* One register for the pointer that is compared and the one that is read, or the verifier loses the range. */
	asm volatile("" : "+r"(at));
	return at;
}

static __always_inline int xb_is_linear(const struct xb_frame *frame, const void *at, __u32 len)
{
	return at + len <= (const void *)(long)frame->ctx->data_end;
}

/* `len` bytes at `off`, copied into `buf` where not linear; null when the packet is shorter. */
static __always_inline const void *xb_at(const struct xb_frame *frame, __u32 off, __u32 len, void *buf)
{
	const void *at = xb_linear(frame, off);

	if (xb_is_linear(frame, at, len))
		return at;
	return bpf_skb_load_bytes(frame->ctx, off, buf, len) ? 0 : buf;
}

/* Always copied, at an offset without bounds. */
static __always_inline const void *xb_copy(const struct xb_frame *frame, __u32 off, __u32 len, void *buf)
{
	return bpf_skb_load_bytes(frame->ctx, off, buf, len) ? 0 : buf;
}

static __always_inline __u32 xb_frame_protocol(const struct xb_frame *frame)
{
	return frame->ctx->protocol;
}

static __always_inline __u32 xb_frame_tci(const struct xb_frame *frame)
{
	return frame->ctx->vlan_present ? frame->ctx->vlan_tci : 0;
}

/* IPv4 with protocol IGMP, by the skb's protocol: not behind an in-band tag, and not MLD (1.2, mode 0). */
static __always_inline int xb_is_igmp(struct __sk_buff *ctx)
{
	struct xb_frame frame = { ctx };
	__u8 buf[24] __attribute__((aligned(8)));
	const __u8 *ip;

	if (ctx->protocol != bpf_htons(ETH_P_IP))
		return 0;
	ip = xb_at(&frame, ETH_HLEN, 20, buf);
	return ip && ip[9] == IPPROTO_IGMP;
}

/* ARP, neighbour solicitation or advertisement, by the skb's protocol (broadcast_neighbor). */
static __always_inline int xb_is_neighbour(struct __sk_buff *ctx)
{
	struct xb_frame frame = { ctx };
	__u8 buf[XB_ICMP6_BYTES] __attribute__((aligned(8)));
	const __u8 *ip;

	if (ctx->protocol == bpf_htons(ETH_P_ARP))
		return 1;
	if (ctx->protocol != bpf_htons(ETH_P_IPV6))
		return 0;
	ip = xb_at(&frame, ETH_HLEN, XB_ICMP6_BYTES, buf);
	return ip && ip[6] == XB_ICMPV6 && (ip[40] == XB_NS || ip[40] == XB_NA);
}

#endif
