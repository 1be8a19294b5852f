/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A frame in XDP: part of frame.h, which includes it. An outer VLAN tag lies in the frame; the text sees it as in an skb,
 * whose metadata have it, and the frame as if it were not there.
 */
#ifndef XB_FRAME_XDP_H
#define XB_FRAME_XDP_H

#define XB_TAG_AT 12 /* behind the addresses */
#define XB_TAG_BYTES 4

struct xb_frame {
	struct xdp_md *ctx;
	__u64 shift; /* XB_TAG_BYTES with a tag, or 0 */
	__u32 protocol;
	__u32 tci;
};

/* XB_TAG_BYTES for the two types of a tag, else 0: without a branch, or the verifier would walk everything that follows
 * once with a tag and once without. */
static __always_inline __u32 xb_tag_bytes(__u32 type)
{
	__u32 customer = type ^ bpf_htons(ETH_P_8021Q), service = type ^ bpf_htons(ETH_P_8021AD), none;

	asm volatile("" : "+r"(customer), "+r"(service));
	none = (customer - 1) | (service - 1); /* the highest bit tells a zero, of 16 bits */
	asm volatile("" : "+r"(none));
	return (none >> 31) * XB_TAG_BYTES;
}

/* The type behind the tag, if there is one: a choice without a branch, at offsets that the verifier knows. */
static __always_inline __u32 xb_type_at(const __u8 *eth, __u64 shift)
{
	__u32 tagged = -((__u32)shift / XB_TAG_BYTES), outer = *(const __u16 *)(eth + XB_TAG_AT),
	      inner = *(const __u16 *)(eth + XB_TAG_AT + XB_TAG_BYTES);

	return (outer & ~tagged) | (inner & tagged);
}

/* Too short for a tag: as if of type 0. */
static __always_inline void xb_frame_of(struct xb_frame *frame, struct xdp_md *ctx)
{
	const __u8 *eth = (const void *)(long)ctx->data;
	__u32 shift;

	frame->ctx = ctx;
	frame->shift = 0;
	frame->protocol = 0;
	frame->tci = 0;
	if ((const void *)(eth + XB_L2_LEN + XB_TAG_BYTES) > (const void *)(long)ctx->data_end)
		return;
	shift = xb_tag_bytes(*(const __u16 *)(eth + XB_TAG_AT));
	frame->shift = shift;
	frame->protocol = xb_type_at(eth, shift);
	frame->tci = bpf_ntohs(*(const __u16 *)(eth + XB_TAG_AT + 2)) & -(shift / XB_TAG_BYTES);
}

typedef struct xdp_md xb_ctx;
#define XB_FRAME(name, ctx)                                    \
	struct xb_frame name##_of_ctx, *name = &name##_of_ctx; \
	xb_frame_of(name, ctx)

static __always_inline xb_ctx *xb_ctx_of(struct xb_frame *frame)
{
	return frame->ctx;
}

/* Offsets that are not constants are behind the header. */
static __always_inline __u32 xb_frame_at(const struct xb_frame *frame, __u32 off)
{
	if (__builtin_constant_p(off) && off < XB_TAG_AT)
		return off;
	return off + ((__u32)frame->shift & XB_TAG_BYTES);
}

static __always_inline const void *xb_linear(const struct xb_frame *frame, __u32 off)
{
	const void *at = (const void *)(long)frame->ctx->data + xb_frame_at(frame, off);

	asm volatile("" : "+r"(at)); /* as in frame/skb.h */
	return at;
}

static __always_inline int xb_is_linear(const struct xb_frame *frame, const void *at, __u32 len)
{
	return at + len <= (const void *)(long)frame->ctx->data_end;
}

static __always_inline const void *xb_copy(const struct xb_frame *frame, __u32 off, __u32 len, void *buf)
{
	return bpf_xdp_load_bytes(frame->ctx, xb_frame_at(frame, off), buf, len) ? 0 : buf;
}

/* The Ethernet header, between whose parts a tag may lie, is put together. */
static __always_inline const void *xb_at(const struct xb_frame *frame, __u32 off, __u32 len, void *buf)
{
	const void *at = xb_linear(frame, off);

	if (__builtin_constant_p(off) && off < XB_TAG_AT) {
		const __u8 *eth = at;

		if (off || len != XB_L2_LEN || /* nobody asks for another part */
		     !xb_is_linear(frame, eth, XB_L2_LEN + XB_TAG_BYTES))
			return 0;
		__builtin_memcpy(buf, eth, XB_TAG_AT);
		*(__u16 *)(buf + XB_TAG_AT) = xb_type_at(eth, frame->shift);
		return buf;
	}
	if (xb_is_linear(frame, at, len))
		return at;
	return xb_copy(frame, off, len, buf);
}

/* Its addresses; what is behind them may be a tag. */
static __always_inline const __u8 *xb_frame_eth(const struct xb_frame *frame)
{
	return (const __u8 *)xb_eth(frame->ctx->data, frame->ctx->data_end);
}

static __always_inline __u32 xb_frame_protocol(const struct xb_frame *frame)
{
	return frame->protocol;
}

static __always_inline __u32 xb_frame_tci(const struct xb_frame *frame)
{
	return frame->tci;
}

/* As an skb has it: without the tag. */
static __always_inline __u32 xb_frame_len(const struct xb_frame *frame)
{
	return (__u32)bpf_xdp_get_buff_len(frame->ctx) - ((__u32)frame->shift & XB_TAG_BYTES);
}

static __always_inline __u64 xb_packets(const struct xb_frame *frame)
{
	(void)frame;
	return 1;
}

static __always_inline void xb_store(struct xb_frame *frame, __u32 off, const void *from, __u32 len)
{
	bpf_xdp_store_bytes(frame->ctx, xb_frame_at(frame, off), (void *)from, len);
}

#endif
