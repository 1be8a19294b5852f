/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Receive load balancing of mode 6 (reference 5.6): neighbours learn the address of the slave that they are given from
 * our ARP replies. What ARP that leaves (rlb_send.h) and ARP that arrives (rlb_hear.h) do with the client table. Every
 * packet is decided on at once; updates, reassignment and all that takes time are the controller's.
 */
#ifndef XB_RLB_H
#define XB_RLB_H

#include <linux/if_ether.h>

#include "lib/events.h"
#include "lib/maps.h"
#include "lib/parse.h"

#define XB_ARPOP_REQUEST 1
#define XB_ARPOP_REPLY 2
#define XB_ARP_SENDER_MAC 8 /* where it is in the body */

struct xb_arp {
	__u16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__u16 op;
	__u8 sender_mac[6];
	__u16 sender4[2]; /* nothing wider is aligned */
	__u8 target_mac[6];
	__u16 target4[2];
};

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
	return !bpf_skb_load_bytes(ctx, ETH_HLEN, arp, sizeof(*arp)) && arp->hardware == bpf_htons(1) &&
	       arp->protocol == bpf_htons(ETH_P_IP) && arp->hardware_len == 6 && arp->protocol_len == 4;
}

static __always_inline __u32 xb_arp_ip(const __u16 *half)
{
	return half[0] | (__u32)half[1] << 16;
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
