/* SPDX-License-Identifier: GPL-2.0-only
 *
 * For BPF programs of other people that send through a bond: which slave would the bond take for this frame, and out with
 * it. Mode, policy, carrier, fallback, load balancing and counters are those of the bond at that moment; the program
 * stays when they change. Which map is which bond's says who loads it: xbond_use.h, or
 *
 *   bpftool prog load mine.o /sys/fs/bpf/mine map name .data.xb_table pinned $DIR/xb_table ...
 *
 * where DIR is /sys/fs/bpf/xbond/<inode of the network namespace>/<bond>.
 *
 * A source is for one kind of program: XDP, where XBOND_XDP is defined before this file is included, or TC. Compiled with
 * `clang -target bpf -mcpu=v3 -O2 -g -I<where this file is>`, for kernels with their type information (BTF), 6.1 and later.
 */
#ifndef XBOND_BPF_H
#define XBOND_BPF_H

#define XBOND_SDK
#ifndef XB_CARRIER
#define XB_CARRIER XB_CARRIER_PROBE
#endif

#include "lib/select.h"

#ifdef XBOND_XDP
#include "lib/devmaps.h"
#else
#include "lib/broadcast.h"
#endif

#define XBOND_ALL 254 /* xb_choice.slot: every slave that may send gets a copy */

static __always_inline struct xb_choice xbond_choose(xb_ctx *ctx)
{
	struct xb_choice none = { .slot = XB_NO_SLOT }, all = { .slot = XBOND_ALL };
	struct xb_table *table = &xb_the_table;
	struct xb_bank *bank = xb_get_bank(table);
	__u32 mode = XB_HOW_BITS(bank->how, XB_HOW_MODE, 4);

	XB_FRAME(frame, ctx);
	if (!(bank->how & XB_HOW_TOLD))
		return none;
	if (xb_mode_has_lacp(mode)) {
		if ((bank->flags & XB_BANK_LEASED) && table->lease_until < bpf_ktime_get_ns())
			return none;
		if ((bank->flags & XB_BANK_BROADCAST_NEIGHBOR) && xb_is_neighbour(frame))
			return all;
	}
	if (xb_mode_sends_on_all(mode))
		return all;
	return xb_select(table, bank, frame, mode);
}

/* Global: the verifier goes through it once, whatever the program does before and after. Bits 0 to 7 slot, 8 failover, from
 * 32 on ifindex. */
__noinline __u64 xbond_chosen(xb_ctx *ctx)
{
	struct xb_choice choice = xbond_choose(ctx);

	return (__u64)choice.ifindex << 32 | (choice.failover & 1) << 8 | (choice.slot & 0xff);
}

/* The slave that takes this frame: slot and ifindex; slot XBOND_ALL; or XB_NO_SLOT, where there is none. */
static __always_inline struct xb_choice xbond_select(xb_ctx *ctx)
{
	__u64 chosen = xbond_chosen(ctx);

	return (struct xb_choice){ .slot = chosen & 0xff, .ifindex = chosen >> 32, .failover = chosen >> 8 & 1 };
}

#ifdef XBOND_XDP
static __always_inline int xbond_drop(void)
{
	struct xb_counters *bond = xb_counters_of(XB_STATS_BOND);

	if (bond)
		bond->tx_dropped++;
	return XDP_DROP;
}

/* The driver makes the copies; a slave without carrier loses its own. */
static __always_inline int xbond_to_all(struct xb_frame *frame, struct xb_bank *bank)
{
	struct xb_counters *counters;
	__u32 id, members = 0;

	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		if (i >= bank->n_pick)
			break;
		if (!xb_broadcast_member(&xb_the_table, bank, i, &id))
			continue;
		members = 1;
		counters = xb_counters_of(id);
		if (counters)
			xb_count_tx(counters, frame);
	}
	if (!members)
		return xbond_drop();
	return bpf_redirect_map(&xb_all, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
}
#else
#define xbond_drop xb_drop

static __always_inline int xbond_to_all(struct xb_frame *frame, struct xb_bank *bank)
{
	return xb_broadcast(frame, &xb_the_table, bank);
}
#endif

/* What a program returns that sends the frame where xbond_select() says. */
static __always_inline int xbond_redirect(xb_ctx *ctx, struct xb_choice choice)
{
	struct xb_bank *bank = xb_get_bank(&xb_the_table);
	struct xb_counters *counters;

	XB_FRAME(frame, ctx);
	if (choice.slot == XBOND_ALL)
		return xbond_to_all(frame, bank);
	if (choice.slot >= XB_MAX_SLAVES)
		return xbond_drop();
	counters = xb_counters_of(choice.slot);
	if (counters)
		xb_count_tx(counters, frame);
	if (xb_mode_balances_load(XB_HOW_BITS(bank->how, XB_HOW_MODE, 4)))
		xb_set_source(frame, bank, choice.slot);
#ifdef XBOND_XDP
	return bpf_redirect_map(&xb_out, choice.slot, XDP_DROP);
#else
	return bpf_redirect(choice.ifindex, 0);
#endif
}

#endif
