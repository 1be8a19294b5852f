/* SPDX-License-Identifier: GPL-2.0-only
 *
 * An skb as a frame: part of frame.h, which includes it. An outer VLAN tag is in the metadata.
 */
#ifndef XB_FRAME_SKB_H
#define XB_FRAME_SKB_H

/* The frame is the program's context itself, so that functions that are called get it in a register. */
#define xb_frame __sk_buff

typedef struct __sk_buff xb_ctx;
#define XB_FRAME(name, ctx) struct xb_frame *name = (ctx)

static __always_inline xb_ctx *xb_ctx_of(struct xb_frame *frame)
{
	return frame;
}

/* Where the linear part has what lies at `off` (below 64 kB), to be read once xb_is_linear says that it does. */
static __always_inline const void *xb_linear(const struct xb_frame *frame, __u32 off)
{
	const void *at = (const void *)(long)frame->data + off;

	/* One register for the pointer that is compared and the one that is read, or the verifier loses the range. */
	asm volatile("" : "+r"(at));
	return at;
}

static __always_inline int xb_is_linear(const struct xb_frame *frame, const void *at, __u32 len)
{
	return at + len <= (const void *)(long)frame->data_end;
}

/* `len` bytes at `off`, copied into `buf` where not linear; null when the packet is shorter. */
static __always_inline const void *xb_at(const struct xb_frame *frame, __u32 off, __u32 len, void *buf)
{
	const void *at = xb_linear(frame, off);

	if (xb_is_linear(frame, at, len))
		return at;
	return bpf_skb_load_bytes(frame, off, buf, len) ? 0 : buf;
}

/* Always copied, at an offset without bounds. */
static __always_inline const void *xb_copy(const struct xb_frame *frame, __u32 off, __u32 len, void *buf)
{
	return bpf_skb_load_bytes(frame, off, buf, len) ? 0 : buf;
}

static __always_inline const __u8 *xb_frame_eth(const struct xb_frame *frame)
{
	return (const __u8 *)xb_eth(frame->data, frame->data_end);
}

static __always_inline __u32 xb_frame_protocol(const struct xb_frame *frame)
{
	return frame->protocol;
}

static __always_inline __u32 xb_frame_tci(const struct xb_frame *frame)
{
	return frame->vlan_present ? frame->vlan_tci : 0;
}

static __always_inline __u32 xb_frame_len(const struct xb_frame *frame)
{
	return frame->len;
}

/* Packets as the wire sees them: an skb that is not GSO says 0 segments. */
static __always_inline __u64 xb_packets(const struct xb_frame *frame)
{
	__u32 segs = frame->gso_segs;

	return segs ? segs : 1;
}

static __always_inline void xb_store(struct xb_frame *frame, __u32 off, const void *from, __u32 len)
{
	bpf_skb_store_bytes(frame, off, from, len, 0);
}

#endif
