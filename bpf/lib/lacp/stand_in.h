/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Mode 4: the data path stands in for a controller that is away for a moment (`lacp.stand_in`). A partner of which
 * everything is as it was gets its own words back, actor and partner changed over: what the controller would say.
 */
#ifndef XB_STAND_IN_H
#define XB_STAND_IN_H

#include "lib/parse.h"
#include "lib/lacp/slow_proto.h"
#include "lib/table.h"

#define XB_STAND_IN_NS 3000000000ULL /* for a partner's short timeout; then it is told nothing, and notices */
#define XB_STAND_IN_EVERY_MS 500	     /* at most, also where the partner does the same */
#define XB_LACPDU_BYTES 124

/* State bits of 802.1AX 6.4.2.3. */
#define XB_LACP_SHORT 0x02
#define XB_LACP_CARRIES 0x38 /* in sync, collecting, distributing */
#define XB_LACP_AMISS 0xc0   /* defaulted, expired */

struct xb_lacp_party {
	__u8 priority[2], system[ETH_ALEN], key[2], port_priority[2], port[2];
	__u8 state;
};

struct xb_lacpdu { /* up to the partner's state */
	struct ethhdr eth;
	__u8 subtype, version, actor_tlv, actor_length;
	struct xb_lacp_party actor;
	__u8 reserved[3], partner_tlv, partner_length;
	struct xb_lacp_party partner;
};
_Static_assert(sizeof(struct xb_lacpdu) == ETH_HLEN + 39, "xb_lacpdu");

static __always_inline int xb_lacp_is_steady(const struct xb_lacpdu *pdu)
{
	__u8 both = pdu->actor.state & pdu->partner.state, either = pdu->actor.state | pdu->partner.state;

	return pdu->subtype == XB_SLOW_LACP && pdu->version == 1 && pdu->actor_length == 20 && pdu->partner_length == 20 &&
	       (both & XB_LACP_CARRIES) == XB_LACP_CARRIES && !(either & XB_LACP_AMISS) &&
	       (pdu->actor.state & XB_LACP_SHORT) && !xb_same_mac(pdu->actor.system, pdu->partner.system);
}

/* The frame that was heard goes on as it came. */
static __noinline int xb_stand_in(struct __sk_buff *ctx, __u32 id)
{
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);
	__u64 now = bpf_ktime_get_ns(), due = xb_the_table.lease_until;
	struct xb_lacpdu heard, answer;
	struct xb_slot_stamps *stamps;
	__u32 now_ms = now / 1000000;

	if ((bank->flags & XB_BANK_LEASED) || !due || now < due || now - due > XB_STAND_IN_NS || id >= XB_MAX_SLAVES)
		return 0;
	stamps = &xb_the_stamps.slot[id];
	if (now_ms - stamps->stood_in_ms < XB_STAND_IN_EVERY_MS || ctx->vlan_present || ctx->len < XB_LACPDU_BYTES ||
	    bpf_skb_load_bytes(ctx, 0, &heard, sizeof(heard)) || !xb_lacp_is_steady(&heard))
		return 0;
	answer = heard;
	__builtin_memcpy(answer.eth.h_source, bank->slot[id].mac, ETH_ALEN);
	answer.actor = heard.partner;
	answer.partner = heard.actor;
	if (bpf_skb_store_bytes(ctx, 0, &answer, sizeof(answer), 0))
		return 0;
	if (!bpf_clone_redirect(ctx, ctx->ifindex, 0))
		stamps->stood_in_ms = now_ms;
	bpf_skb_store_bytes(ctx, 0, &heard, sizeof(heard), 0);
	return 0;
}

#endif
