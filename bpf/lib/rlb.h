/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Receive load balancing of mode 6 (reference 5.6): neighbours learn the address of the slave that they are given from
 * our ARP replies. What ARP that leaves (rlb_send.h) and ARP that arrives (rlb_hear.h) do with the client table. Every
 * packet is decided on at once; updates, reassignment and all that takes time are the controller's.
 */
#ifndef XB_RLB_H
#define XB_RLB_H

#include <linux/if_ether.h>

#include "lib/balance.h"
#include "lib/events.h"
#include "lib/parse.h"
#include "lib/table.h"

#define XB_ARP_SENDER_MAC 8 /* where it is in the body */

/* The address of one of the slaves. */
static __always_inline int xb_is_slave_mac(const struct xb_bank *bank, const __u8 *mac)
{
	int found = 0;

	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		if (i >= xb_the_table.n_slots)
			break;
		found |= xb_same_mac(mac, bank->slot[i].mac);
	}
	return found;
}

static __always_inline int xb_load_arp(struct __sk_buff *ctx, struct xb_arp *arp)
{
	return !bpf_skb_load_bytes(ctx, ETH_HLEN, arp, sizeof(*arp)) && xb_is_ipv4_arp(arp);
}

/* The controller is in an entry for some nanoseconds, but it can be preempted there: nobody waits. */
static __always_inline int xb_lock_client(struct xb_client *client)
{
	return !__sync_lock_test_and_set(&client->lock, 1);
}

static __always_inline void xb_unlock_client(struct xb_client *client)
{
	__sync_lock_test_and_set(&client->lock, 0); /* orders what was written before */
}

static __always_inline void xb_tell_clients(void)
{
	struct xb_event event = { .type = XB_EVENT_CLIENTS };

	if (!__sync_lock_test_and_set(&xb_the_lb.latched, 1) && xb_emit(&event))
		xb_the_lb.latched = 0; /* ring full: the next packet tries again */
}

#endif
