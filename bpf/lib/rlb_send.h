/* SPDX-License-Identifier: GPL-2.0-only
 *
 * ARP that leaves a bond of mode 6: each client is given a slave, and told of it by the reply.
 */
#ifndef XB_RLB_SEND_H
#define XB_RLB_SEND_H

#include "lib/rlb.h"

/* Its place goes to another pair of addresses: the controller tells it the active slave's address. */
static __noinline int xb_emit_displaced(struct xb_displaced *displaced)
{
	displaced->event.type = XB_EVENT_DISPLACED;
	displaced->event.ktime_ns = bpf_ktime_get_ns();
	return bpf_ringbuf_output(&xb_events, displaced, sizeof(*displaced), 0);
}

static __always_inline void xb_notify_displaced(const struct xb_client *client)
{
	struct xb_displaced displaced = {};

	__builtin_memcpy(&displaced.client, client, sizeof(*client));
	xb_emit_displaced(&displaced);
}

/* NEXT: round robin among the fastest slaves that can transmit. XB_NO_SLOT: none. */
static __noinline __u32 xb_next_slot(const struct xb_bank *bank)
{
	struct xb_turn turn = { .last = xb_the_lb.last_slot };
	__u32 chosen;

	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		__u32 id = bank->pick[i];

		if (i >= bank->n_pick || id >= XB_MAX_SLAVES)
			break;
		xb_turn_step(&turn, id, bank->slot[id].speed);
	}
	chosen = xb_turn_result(&turn);
	if (!chosen)
		return XB_NO_SLOT;
	xb_the_lb.last_slot = chosen;
	return chosen - 1;
}

/* CHOOSE: the slave of this pair of addresses, which is given one if it has none. XB_NO_SLOT: the active one. */
static __noinline __u32 xb_choose_client(struct xb_bank *bank, const struct xb_arp *arp, __u32 vlan_id)
{
	__u32 server4 = xb_arp_sender(arp), client4 = arp->target4;
	struct xb_client *client = &xb_the_lb.client[xb_ipv4_index(client4) & (XB_CLIENTS - 1)];
	int known, news = 0, request = arp->op == bpf_htons(XB_ARPOP_REQUEST);
	__u32 slot, flags;

	if (!xb_lock_client(client))
		return XB_NO_SLOT;
	flags = client->flags;
	slot = client->slot;
	known = xb_is_client(client, flags, server4, client4);
	if (!known) {
		if ((flags & XB_CLIENT_ASSIGNED) && slot != bank->active && !(client->client_mac[0] & 1))
			xb_notify_displaced(client);
		slot = XB_NO_SLOT;
		flags = 0;
		client->server4 = server4;
		client->client4 = client4;
		client->vlan_id = vlan_id;
		__builtin_memset(client->client_mac, 0xff, ETH_ALEN);
		xb_the_lb.serves[xb_ipv4_index(server4) & (XB_CLIENTS - 1)] = 1;
	}
	__builtin_memcpy(client->server_mac, arp->sender_mac, ETH_ALEN);
	if (!request)
		__builtin_memcpy(client->client_mac, arp->target_mac, ETH_ALEN);
	if (slot >= XB_MAX_SLAVES) {
		slot = xb_next_slot(bank);
		flags = slot < XB_MAX_SLAVES ? XB_CLIENT_ASSIGNED : 0;
		if (flags && !(client->client_mac[0] & 1))
			flags |= XB_CLIENT_TELL;
		news = flags & XB_CLIENT_TELL;
	}
	if (request && flags) {
		flags |= XB_CLIENT_ASKED;
		news = 1;
	}
	client->slot = slot;
	client->flags = flags;
	xb_unlock_client(client);
	if (news)
		xb_notify_clients();
	return slot;
}

/* ARP leaves the bond: its slave, whose address a reply carries from here on; XB_NO_SLOT: the active one. */
static __noinline __u32 xb_arp_slot(struct xb_frame *ctx, struct xb_bank *bank)
{
	struct xb_arp arp __attribute__((aligned(8)));
	__u8 mac[8];
	__u32 slot;

	if (!xb_is_client_arp(ctx, &xb_the_table, bank, &arp))
		return XB_NO_SLOT;
	slot = xb_choose_client(bank, &arp, xb_frame_tci(ctx) & 0xfff);
	if (slot >= XB_MAX_SLAVES || arp.op == bpf_htons(XB_ARPOP_REQUEST) ||
	    xb_same_mac(arp.sender_mac, bank->slot[slot].mac))
		return slot;
	__builtin_memcpy(mac, bank->slot[slot].mac, ETH_ALEN);
	xb_store(ctx, ETH_HLEN + XB_ARP_SENDER_MAC, mac, ETH_ALEN);
	return slot;
}

#endif
