/* SPDX-License-Identifier: GPL-2.0-only
 *
 * ARP that arrives on a slave of mode 6, on whichever: who has moved, and who took an address of ours.
 */
#ifndef XB_RLB_HEAR_H
#define XB_RLB_HEAR_H

#include <linux/if_packet.h>

#include "lib/rlb.h"

/* Whether a frame is for a slave that cannot transmit: neighbours may still use its address, and the active slave
 * listens for it (`balance.dead`). Global: verified once, not for each slot. */
__noinline int xb_rlb_for_dead(struct __sk_buff *ctx)
{
	const struct ethhdr *eth = xb_eth(ctx->data, ctx->data_end);
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	__u32 owner = XB_NO_SLOT;
	int alive = 0;

	if (!eth)
		return 0;
	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		if (i >= xb_the_table.n_slots)
			return 0;
		if (xb_same_mac(eth->h_dest, bank->slot[i].mac)) {
			owner = i;
			break;
		}
	}
	for (__u32 i = 0; i < XB_MAX_SLAVES; i++) {
		if (i >= bank->n_pick)
			break;
		alive |= bank->pick[i] == owner;
	}
	return owner < XB_MAX_SLAVES && !alive;
}

/* A frame for the active slave that a switch floods to all ports: the bond has it already, or would have it twice. */
static __always_inline int xb_is_stray(struct __sk_buff *ctx, const struct xb_bank *bank, const struct ethhdr *eth,
				       __u32 id)
{
	return ctx->pkt_type == PACKET_OTHERHOST && id != bank->active && xb_same_mac(eth->h_dest, bank->bond_mac);
}

/* Somebody else owns `server4` now: what neighbours know of it is no longer ours to tell. */
static __noinline __u32 xb_purge_clients(__u32 server4, const struct xb_arp *arp)
{
	__u32 purged = 0;

	for (__u32 i = 0; i < XB_CLIENTS; i++) {
		struct xb_client *client = &xb_the_lb.client[i];

		if (!(client->flags & XB_CLIENT_ASSIGNED) || client->server4 != server4 ||
		    xb_same_mac(client->server_mac, arp->sender_mac) || !xb_lock_client(client))
			continue;
		client->flags = 0;
		xb_unlock_client(client);
		purged++;
	}
	return purged;
}

/* ARP arrives on a slave. Global: see xb_xdp_stamp. */
__noinline int xb_rlb_hear(struct __sk_buff *ctx)
{
	struct xb_arp arp __attribute__((aligned(8)));
	struct xb_client *client;
	__u32 sender4;

	if (!xb_load_arp(ctx, &arp))
		return 0;
	sender4 = xb_arp_sender(&arp);
	client = &xb_the_lb.client[xb_ipv4_index(sender4) & (XB_CLIENTS - 1)];
	if (xb_the_lb.serves[xb_ipv4_index(sender4) & (XB_CLIENTS - 1)])
		xb_purge_clients(sender4, &arp);
	if (arp.op != bpf_htons(XB_ARPOP_REPLY) || !(client->flags & XB_CLIENT_ASSIGNED) ||
	    client->server4 != arp.target4 || client->client4 != sender4 ||
	    xb_same_mac(arp.sender_mac, client->client_mac) || !xb_lock_client(client))
		return 0;
	__builtin_memcpy(client->client_mac, arp.sender_mac, ETH_ALEN);
	client->flags |= XB_CLIENT_TELL;
	xb_unlock_client(client);
	xb_notify_clients();
	return 0;
}

#endif
