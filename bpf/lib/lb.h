/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Transmit load balancing of modes 5 and 6: the buckets that remember where a flow goes. Which packets have one is
 * said in xbond/classify.h. The controller takes buckets away from their owners; placing them again is done here, so
 * that no packet waits for it.
 */
#ifndef XB_LB_H
#define XB_LB_H

#include "lib/balance.h"
#include "lib/frame.h"
#include "lib/parse.h"
#include "lib/table.h"

/* Gives a bucket to the least loaded slave, and its load with it: slot + 1, or 0 when nobody can transmit. Another
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

/* What a slave sends carries its own address, or the network would see one address on several ports. The active
 * slave's is the bond's. Written in place: the helper takes 35 ns for it. The kernel unshares clones before the program
 * starts, in the modes that get here only. */
static __always_inline void xb_set_source(struct xb_frame *ctx, const struct xb_bank *bank, __u32 id)
{
	struct ethhdr *eth = (void *)(long)xb_ctx_of(ctx)->data;

	if (id == bank->active || id >= XB_MAX_SLAVES || (void *)(eth + 1) > (void *)(long)xb_ctx_of(ctx)->data_end)
		return;
	__builtin_memcpy(eth->h_source, bank->slot[id].mac, ETH_ALEN);
}

#endif
