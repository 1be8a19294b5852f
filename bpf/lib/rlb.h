/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Receive load balancing of mode 6: neighbours learn the address of the slave that they are given from
 * our ARP replies. What ARP that leaves (rlb_send.h) and ARP that arrives (rlb_hear.h) do with the client table. Every
 * packet is decided on at once; updates, reassignment and all that takes time are the controller's.
 */
#ifndef XB_RLB_H
#define XB_RLB_H

#include <linux/if_ether.h>

#include "lib/balance.h"
#include "lib/events.h"
#include "lib/frame.h"
#include "lib/table.h"

#define XB_ARP_SENDER_MAC 8 /* where it is in the body */

/* The controller is in an entry for some nanoseconds, but it can be preempted there: nobody waits. */
static __always_inline int xb_lock_client(struct xb_client *client)
{
	return !__sync_lock_test_and_set(&client->lock, 1);
}

static __always_inline void xb_unlock_client(struct xb_client *client)
{
	__sync_lock_test_and_set(&client->lock, 0); /* orders what was written before */
}

static __always_inline void xb_notify_clients(void)
{
	struct xb_event event = { .type = XB_EVENT_CLIENTS };

	if (!__sync_lock_test_and_set(&xb_the_lb.latched, 1) && xb_emit(&event))
		xb_the_lb.latched = 0; /* ring full: the next packet tries again */
}

#endif
