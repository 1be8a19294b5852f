/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Keeps xb_view true: what applications with AF_XDP sockets of their own map to see who may send, without a system call
 * and without a controller. Attached nowhere: user space runs xb_view_run, which does it once and starts a bpf_timer.
 */
#include <asm-generic/errno-base.h>

#include "lib/balance.h"
#include "lib/carrier.h"
#include "lib/events.h" /* not used here; every object of a set holds the maps of events and stats */
#include "lib/stats.h"
#include "lib/table.h"
#include "xbond/view.h"

char LICENSE[] SEC("license") = "GPL";

#define CLOCK_MONOTONIC 1

struct xb_view xb_the_view SEC(XB_VIEW_SECTION);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xb_view_timer);
} xb_view_timer SEC(".maps");

struct {
	__u64 dev;
	__u32 ifindex;
} xb_bond;

/* Words of a bank that are copied. */
#define XB_BANK_WORDS (__builtin_offsetof(struct xb_bank, monitor) / 8)

/* Only words that differ are written: the rest of the time readers keep their cache lines. Returns whether any did. */
static __always_inline int xb_view_bank(const struct xb_bank *from, int write)
{
	const __u64 *source = (const __u64 *)from;
	__u64 *target = (__u64 *)&xb_the_view.bank;
	__u64 differs = 0;

	for (__u32 i = 0; i < XB_BANK_WORDS; i++) {
		differs |= source[i] ^ target[i];
		if (write)
			target[i] = source[i];
	}
	return differs != 0;
}

/* Global, as the next: verified on its own, once. */
__noinline int xb_view_slots(int write)
{
	__u32 differs = xb_the_table.n_slots ^ xb_the_view.n_slots;

	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		__u32 ifindex = xb_the_table.slot[i].ifindex;

		differs |= ifindex ^ xb_the_view.ifindex[i];
		if (write)
			xb_the_view.ifindex[i] = ifindex;
	}
	if (write)
		xb_the_view.n_slots = xb_the_table.n_slots;
	return differs != 0;
}

__noinline int xb_view_buckets(int write)
{
	__u32 differs = 0;

	if (!xb_mode_balances_load(xb_cfg.mode))
		return 0;
	for (__u32 i = 0; i < XB_BUCKETS; i++) {
		__u8 owner = (__u8)xb_the_lb.bucket[i].owner;

		differs |= owner ^ xb_the_view.bucket[i];
		if (write)
			xb_the_view.bucket[i] = owner;
	}
	return differs != 0;
}

__noinline int xb_view_config(int write)
{
	struct xb_view *view = &xb_the_view;
	int differs = view->version != XB_VIEW_VERSION || view->mode != xb_cfg.mode || view->policy != xb_cfg.policy ||
		      view->packets_per_slave != xb_cfg.packets_per_slave ||
		      view->tlb_dynamic_lb != xb_cfg.tlb_dynamic_lb;

	if (write) {
		view->mode = xb_cfg.mode;
		view->policy = xb_cfg.policy;
		view->packets_per_slave = xb_cfg.packets_per_slave;
		view->tlb_dynamic_lb = xb_cfg.tlb_dynamic_lb;
		view->bond_ifindex = xb_cfg.bond_ifindex;
		view->peer_ifindex = xb_cfg.peer_ifindex;
		view->version = XB_VIEW_VERSION;
	}
	return differs;
}

/* Bit 0: carrier; bit 1: and ready. */
__noinline int xb_view_slot(__u32 id)
{
	const struct xb_slot *slot = &xb_the_table.slot[id & (XB_MAX_SLAVES - 1)];

	if (!slot->ifindex || slot->ifindex == XB_IFINDEX_GONE || !xb_carrier_on(slot))
		return 0;
	return slot->latched ? 1 : 3;
}

static __always_inline void xb_view_carriers(void)
{
	__u32 carrier = 0, ready = 0, n = xb_the_table.n_slots;

	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		__u32 state;

		if (i >= n)
			break;
		state = xb_view_slot(i);
		carrier |= (state & 1) << i;
		ready |= (state >> 1 & 1) << i;
	}
	xb_the_view.carrier = carrier;
	xb_the_view.ready = ready;
	xb_the_view.lease_until = xb_the_table.lease_until;
}

/* One writer at a time: who finds another one leaves it to that one, or to the next run. */
__noinline int xb_view_refresh(void)
{
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	struct xb_view *view = &xb_the_view;
	__u32 seq = view->seq;

	xb_view_carriers();
	if (xb_view_config(0) | xb_view_slots(0) | xb_view_buckets(0) | xb_view_bank(bank, 0)) {
		if ((seq & 1) || __sync_val_compare_and_swap(&view->seq, seq, seq + 1) != seq)
			return 0;
		bank = xb_get_bank(&xb_the_table);
		xb_view_config(1);
		xb_view_slots(1);
		xb_view_buckets(1);
		xb_view_bank(bank, 1);
		__sync_fetch_and_add(&view->seq, 1);
	}
	__sync_fetch_and_add(&view->runs, 1);
	return 0;
}

static __always_inline int xb_bond_lives(void)
{
#if XB_CARRIER == XB_CARRIER_NONE
	return 1;
#else
	return xb_device_lives(xb_bond.dev, xb_bond.ifindex, 0);
#endif
}

/* It ends by itself when the bond has gone, with its network namespace perhaps: nobody may come to stop it. */
static int xb_view_tick(void *map, __u32 *key, struct xb_view_timer *state)
{
	__u64 interval = state->interval_ns;

	(void)map;
	(void)key;
	xb_view_refresh();
	if (interval && xb_bond_lives())
		bpf_timer_start(&state->timer, interval - bpf_ktime_get_ns() % interval, 0);
	return 0;
}

/* ctx.ifindex = the bond, ctx.mark = the interval in us, as of xb_watch_arm; 0: once more, then no longer. */
SEC("tc")
int xb_view_run(struct __sk_buff *ctx)
{
	__u32 key = 0;
	struct xb_view_timer *state = bpf_map_lookup_elem(&xb_view_timer, &key);
	long err;

	if (!state)
		return ENOENT;
#if XB_CARRIER != XB_CARRIER_NONE
	xb_bond.dev = xb_device_of(ctx);
	xb_bond.ifindex = ctx->ifindex;
#endif
	xb_view_refresh();
	state->interval_ns = (__u64)ctx->mark * 1000;
	if (!state->interval_ns) {
		bpf_timer_cancel(&state->timer);
		return 0;
	}
	err = bpf_timer_init(&state->timer, &xb_view_timer, CLOCK_MONOTONIC);
	if (!err || err == -EBUSY)
		err = bpf_timer_set_callback(&state->timer, xb_view_tick);
	if (!err)
		err = bpf_timer_start(&state->timer, state->interval_ns, 0);
	return -err;
}
