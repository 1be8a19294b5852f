/* SPDX-License-Identifier: GPL-2.0-only
 *
 * On ingress of a partner's interface: each LACPDU that says COLLECTING comes back at once, as a frame of another type to
 * the MAC it came from. "At once" is before the sender's send() returns: no thread could be as quick.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SUBTYPE_AT 14
#define LACP 1
#define ACTOR_STATE_AT 32
#define COLLECTING 0x10

char LICENSE[] SEC("license") = "GPL";

SEC("tc")
int reflect_pdu(struct __sk_buff *ctx)
{
	struct ethhdr eth, back;
	__u8 subtype, state;

	if (bpf_skb_load_bytes(ctx, 0, &eth, sizeof(eth)) || eth.h_proto != bpf_htons(ETH_P_SLOW) ||
	    bpf_skb_load_bytes(ctx, SUBTYPE_AT, &subtype, 1) || subtype != LACP ||
	    bpf_skb_load_bytes(ctx, ACTOR_STATE_AT, &state, 1) || !(state & COLLECTING))
		return TC_ACT_OK;
	__builtin_memcpy(back.h_dest, eth.h_source, ETH_ALEN);
	__builtin_memcpy(back.h_source, eth.h_source, ETH_ALEN);
	back.h_source[0] |= 2;
	back.h_source[5] ^= 0xff;
	back.h_proto = bpf_htons(ETH_P_802_EX1);
	bpf_skb_store_bytes(ctx, 0, &back, sizeof(back), 0);
	bpf_clone_redirect(ctx, ctx->ifindex, 0);
	bpf_skb_store_bytes(ctx, 0, &eth, sizeof(eth), 0);
	return TC_ACT_OK;
}
