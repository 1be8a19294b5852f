/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * What modes balance-tlb and balance-alb keep between data path and controller: buckets of
 * transmitted flows, loads of the slaves, and the clients of receive load balancing. Part of the contract of abi.h.
 */
#ifndef XBOND_BALANCE_H
#define XBOND_BALANCE_H

#include <linux/types.h>

#include "xbond/numbers.h"
#include "xbond/packet.h"

#define XB_BUCKETS 256
#define XB_CLIENTS 256

/* Flows with the same hash. The data path places a bucket without owner and counts; the controller releases. */
struct xb_bucket {
	__u64 tx_bytes; /* since the last rebalance */
	__u64 history;  /* bytes per second before it: load_history */
	__u32 owner;    /* slot + 1; 0: none, the next packet places it */
	__u32 reserved;
};

/* xb_client.flags */
enum {
	XB_CLIENT_ASSIGNED = 1 << 0,
	XB_CLIENT_TELL = 1 << 1,  /* ntt: an update is due */
	XB_CLIENT_ASKED = 1 << 2, /* a broadcast request for it left: it teaches everybody the active slave's address */
};

/* A neighbour that has one of our addresses (`server4`) in its ARP cache, behind the MAC of `slot`. Index: xor of
 * the bytes of client4. Both sides write under `lock`. */
struct xb_client {
	__u32 lock; /* 1 = taken: the data path then does without the entry */
	__u32 server4; /* network order, as the next */
	__u32 client4;
	__u8 server_mac[6];
	__u8 client_mac[6]; /* broadcast: asked for, not known yet */
	__u16 vlan_id;      /* of the tag in metadata; 0: none */
	__u8 slot;          /* XB_NO_SLOT: no slave left */
	__u8 flags;
};

struct xb_lb {
	__u64 unbalanced; /* bytes that went to the active slave for want of a choice, since the last rebalance */
	__u32 latched;    /* XB_EVENT_CLIENTS was sent; cleared by the controller */
	__u32 last_slot;  /* slot + 1 that the last client was given */
	__u64 load[XB_MAX_SLAVES]; /* bytes per second, of the buckets it was given since the last rebalance */
	struct xb_bucket bucket[XB_BUCKETS];
	struct xb_client client[XB_CLIENTS];
	__u8 serves[XB_CLIENTS]; /* 1 at the index of each server4 in use, and of those that were: a quick look */
};

/* Where an IPv4 address belongs in the tables: the xor of its bytes. */
XB_FN __u32 xb_ipv4_index(__u32 addr)
{
	addr ^= addr >> 16;
	return (addr ^ addr >> 8) & 0xff;
}

/* What a slave still has to give (`balance.buckets`), in 64 bits: the kernel's product wraps above 4095 Mb/s. */
XB_FN __s64 xb_gap(__u32 speed, __u64 load)
{
	return (__s64)((__u64)speed << 20) - (__s64)(load * 8);
}

/* One step of the walk over the usable slaves that finds NEXT: the fastest behind the last one chosen, else the
 * fastest up to it. */
struct xb_turn {
	__u32 last, seen;           /* slot + 1; whether the walk has passed it */
	__u32 after, before;        /* slot + 1 of the best so far; 0: none */
	__u32 after_speed, before_speed;
};

XB_FN void xb_turn_step(struct xb_turn *turn, __u32 slot, __u32 speed)
{
	if (turn->seen) {
		if (!turn->after || speed > turn->after_speed) {
			turn->after = slot + 1;
			turn->after_speed = speed;
		}
	} else if (!turn->before || speed > turn->before_speed) {
		turn->before = slot + 1;
		turn->before_speed = speed;
	}
	if (slot + 1 == turn->last)
		turn->seen = 1;
}

/* slot + 1; 0: nobody can transmit. */
XB_FN __u32 xb_turn_result(const struct xb_turn *turn)
{
	if (turn->after && (!turn->before || turn->after_speed >= turn->before_speed))
		return turn->after;
	return turn->before;
}

#endif
