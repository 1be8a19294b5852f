/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The carrier watch: notices a link change without traffic, from a bpf_timer in the pinned data path, and groups that are
 * joined on the bond, of which kernels before 6.14 tell nobody. The programs here are attached nowhere; user space runs
 * them with BPF_PROG_TEST_RUN.
 */
#include <asm-generic/errno-base.h>

#include "lib/carrier.h"
#include "lib/events.h"
#include "lib/stats.h" /* not used here; every object of a set holds the maps of events and stats */
#include "lib/table.h"

char LICENSE[] SEC("license") = "GPL";

#define CLOCK_MONOTONIC 1
#define XB_WATCH_SLOW_NS 50000000ULL
#define XB_WATCH_CLOSE_NS 10000000ULL

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xb_watch);
} xb_watch SEC(".maps");

__u64 xb_home; /* the bond's network namespace; 0: no device has been learned by these programs */

/* ctx.ifindex = the slave, ctx.mark = its slot: learns the net_device without traffic. Returns 0, or 1 for a bad slot.
 * Writes dev alone: user space, which also fills slots of devices that were not learned, writes ifindex after it. */
SEC("tc")
int xb_learn(struct __sk_buff *ctx)
{
	struct xb_table *table = &xb_the_table;
	__u32 slot = ctx->mark;
	__u64 dev = xb_device_of(ctx);

	if (slot >= XB_MAX_SLAVES)
		return 1;
	xb_home = xb_netns_of(dev);
	table->slot[slot].dev = dev;
	return 0;
}

/* Global, as xb_watch_slot: verified once, not for each slot. */
__noinline int xb_slot_on(__u32 id)
{
	const struct xb_slot *slot = &xb_the_table.slot[id & (XB_MAX_SLAVES - 1)];

	return slot->ifindex && slot->dev && xb_carrier_on(slot);
}

/* Returns the slots whose device runs and has carrier at this moment, bit i = slot i: for user space, which would have
 * to wait for the kernel's RTNL lock to ask a driver. A slot whose device was not learned counts as without. */
SEC("tc")
int xb_look(struct __sk_buff *ctx)
{
	__u32 n = xb_the_table.n_slots, on = 0;

	(void)ctx;
	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		if (i >= n)
			break;
		on |= (__u32)xb_slot_on(i) << i;
	}
	return on;
}

#define XB_ON (1 << 16)

/* The first look at a slot is a change from 0 too: the controller hears of a carrier that is on from the start. Returns
 * 1 if the slot's device lives or is not known, and XB_ON more if it has carrier. A slot whose device has gone is void
 * from here on, whatever comes into the device's memory, and whether or not there is a controller to clear it. */
__noinline int xb_watch_closely(__u32 id)
{
	struct xb_slot *slot;
	struct xb_event event = { .type = XB_EVENT_CARRIER, .slot = id };
	__u32 key = 0;
	struct xb_watch *watch = bpf_map_lookup_elem(&xb_watch, &key);
	int lives;

	if (!watch || id >= XB_MAX_SLAVES)
		return 0;
	slot = &xb_the_table.slot[id];
	event.ifindex = slot->ifindex;
	if (!event.ifindex || event.ifindex == XB_IFINDEX_GONE)
		return 0;
	if (!slot->dev)
		return 1;
	lives = xb_device_lives(slot->dev, event.ifindex, xb_home);
	event.carrier = lives && xb_carrier_on(slot);
	if (event.carrier != watch->carrier[id]) {
		if (!event.carrier)
			slot->latched = 1;
		if (!xb_emit(&event))
			watch->carrier[id] = event.carrier; /* not told (ring full): the next tick tries again */
	}
	if (!lives && !watch->carrier[id])
		__sync_val_compare_and_swap(&slot->ifindex, event.ifindex, XB_IFINDEX_GONE);
	return lives ? 1 + XB_ON * event.carrier : 0;
}

/* What nearly every run finds: a carrier that was on (`seen`) still is. */
__noinline int xb_watch_slot(__u32 id, __u32 seen)
{
	const struct xb_slot *slot = &xb_the_table.slot[id & (XB_MAX_SLAVES - 1)];

	return seen && slot->dev && xb_carrier_on(slot) ? 1 + XB_ON : xb_watch_closely(id);
}

/* The bond's device, and its multicast list as last seen: how long it is, and the last entry, where new ones are put. */
struct {
	__u64 dev, last;
	__u32 ifindex, count;
} xb_groups;

/* Returns whether the list is another one than at the last look. A device that has gone has none. */
static __always_inline int xb_groups_changed(void)
{
	struct net_device *nd = xb_device(xb_groups.dev);
	__u64 last;
	__u32 count;

	if (!xb_groups.dev || (__u32)XB_READ(nd, ifindex) != xb_groups.ifindex)
		return 0;
	last = (__u64)XB_READ(nd, mc.list.prev);
	count = XB_READ(nd, mc.count);
	if (last == xb_groups.last && count == xb_groups.count)
		return 0;
	xb_groups.last = last;
	xb_groups.count = count;
	return 1;
}

/* Where the ring is full user space, which looks by itself now and then, is only later. */
__noinline int xb_watch_groups(void)
{
	struct xb_event event = { .type = XB_EVENT_GROUPS, .slot = XB_NO_SLOT, .ifindex = xb_groups.ifindex };

	return xb_groups_changed() && !xb_emit(&event);
}

/* Until the next run, halfway between two multiples of the interval: the timers of many bonds then go off together, and
 * not with the kernel's tick, which costs 780 instructions more (VM lab, 6.12). With fewer than two carriers there is
 * nothing to fail over to, and it may take its time. */
static __always_inline __u64 xb_watch_pause(__u64 now, __u64 interval, __u32 carriers)
{
	if (carriers < 2 && interval < XB_WATCH_SLOW_NS)
		interval = interval * 16 < XB_WATCH_SLOW_NS ? interval * 16 : XB_WATCH_SLOW_NS;
	return interval ? interval - (now + interval / 2) % interval : 0;
}

__u64 xb_close_look; /* when groups, and whether devices are where they were, are looked at next */

/* It ends by itself when no device is left: nobody may come to stop it. */
static int xb_watch_tick(void *map, __u32 *key, struct xb_watch *watch)
{
	__u32 n = xb_the_table.n_slots, found = 0; /* one sum: two would be a state a pair to the verifier */
	__u64 interval = watch->interval_ns, now = bpf_ktime_get_ns();
	const int closely = now >= xb_close_look;

	(void)map;
	(void)key;
	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		if (i >= n)
			break;
		found += xb_watch_slot(i, closely ? 0 : watch->carrier[i]);
	}
	if (closely) {
		xb_close_look = now + XB_WATCH_CLOSE_NS;
		xb_watch_groups();
	}
	watch->runs++;
	if (interval && found)
		bpf_timer_start(&watch->timer, xb_watch_pause(now, interval, found / XB_ON), 0);
	return 0;
}

/* ctx.ifindex = the bond, ctx.mark = the interval in us: starts the timer with it (it goes on while a slot's device lives),
 * or stops the timer when it is 0. Running it again restarts the interval, also from a newly loaded object, whose callback
 * then takes over. Returns 0 or the errno: ENOMEM may pass, since the kernel allocates the timer without waiting. It does
 * so once; a timer that was stopped is kept. */
SEC("tc")
int xb_watch_arm(struct __sk_buff *ctx)
{
	__u32 key = 0;
	struct xb_watch *watch = bpf_map_lookup_elem(&xb_watch, &key);
	long err;

	if (!watch)
		return ENOENT;
	watch->interval_ns = (__u64)ctx->mark * 1000;
	if (!watch->interval_ns) {
		bpf_timer_cancel(&watch->timer); /* EINVAL when it never ran */
		return 0;
	}
	err = bpf_timer_init(&watch->timer, &xb_watch, CLOCK_MONOTONIC);
	if (!err || err == -EBUSY) /* it is there already */
		err = bpf_timer_set_callback(&watch->timer, xb_watch_tick);
	if (err)
		return -err;
	xb_groups.dev = xb_device_of(ctx);
	xb_groups.ifindex = ctx->ifindex;
	xb_groups_changed(); /* user space reads the list when it begins */
	return -bpf_timer_start(&watch->timer, watch->interval_ns, 0);
}
