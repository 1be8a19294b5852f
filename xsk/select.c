/* SPDX-License-Identifier: MIT
 *
 * Which slave a frame takes: the text that the BPF programs are made of, on the mapped state. What it cannot do from
 * here: count bytes of load balancing, and give a client of balance-alb a slave (its ARP goes by the active one).
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "xsk/internal.h"

#define TAG_AT 12 /* behind the addresses */
#define TAG_BYTES 4

/* An outer VLAN tag lies in the frame; the text sees it as in an skb, whose metadata have it, and the frame as if it were
 * not there: a flow takes the slave that it takes from a VLAN device, and from XDP. */
struct xb_frame {
	const uint8_t *bytes;
	uint32_t size;  /* without the tag */
	uint32_t shift; /* TAG_BYTES with a tag, or 0 */
	uint8_t header[XB_L2_LEN]; /* with a tag: without it */
};

static struct xb_frame frame_of(const void *bytes, size_t size)
{
	struct xb_frame frame;

	frame.bytes = bytes;
	frame.size = (uint32_t)size;
	frame.shift = 0;
	if (size >= XB_L2_LEN + TAG_BYTES) {
		const uint32_t type = xb_half(frame.bytes + TAG_AT);

		if (type == XB_BE16(XB_ETH_VLAN) || type == XB_BE16(XB_ETH_QINQ)) {
			frame.shift = TAG_BYTES;
			frame.size -= TAG_BYTES;
			memcpy(frame.header, frame.bytes, TAG_AT);
			memcpy(frame.header + TAG_AT, frame.bytes + TAG_AT + TAG_BYTES, XB_L2_LEN - TAG_AT);
		}
	}
	return frame;
}

/* Of the Ethernet header nobody asks for a part, and nobody copies it. */
static inline const void *xb_at(const struct xb_frame *frame, uint32_t off, uint32_t len, void *buf)
{
	(void)buf;
	if (off > frame->size || len > frame->size - off)
		return NULL;
	return off < XB_L2_LEN && frame->shift ? frame->header + off : frame->bytes + off + frame->shift;
}

static inline const void *xb_copy(const struct xb_frame *frame, uint32_t off, uint32_t len, void *buf)
{
	const void *at = xb_at(frame, off, len, NULL);

	return at ? memcpy(buf, at, len) : NULL;
}

/* Its addresses; what is behind them may be a tag. */
static inline const uint8_t *xb_frame_eth(const struct xb_frame *frame)
{
	return frame->size >= XB_L2_LEN ? frame->bytes : NULL;
}

static inline uint32_t xb_frame_protocol(const struct xb_frame *frame)
{
	return frame->size >= XB_L2_LEN ? xb_half(frame->bytes + TAG_AT + frame->shift) : 0;
}

static inline uint32_t xb_frame_tci(const struct xb_frame *frame)
{
	return frame->shift ? (uint32_t)(frame->bytes[14] << 8 | frame->bytes[15]) : 0;
}

struct xb_links { /* bits of slots */
	uint32_t carrier, ready;
};

static inline int xb_link_carrier(const struct xb_links *links, uint32_t id)
{
	return links->carrier >> id & 1;
}

static inline int xb_link_ready(const struct xb_links *links, uint32_t id)
{
	return links->ready >> id & 1;
}

static inline void xb_link_lost(struct xb_links *links, uint32_t id)
{
	(void)links; /* the carrier watch tells the controller */
	(void)id;
}

#define XB_OUTLINE __attribute__((unused)) XB_FN
#include "xbond/classify.h"
#include "xbond/flow_hash.h"
#include "xbond/pick.h"

API uint32_t xbond_hash(uint32_t policy, const void *frame, size_t size)
{
	const struct xb_frame it = frame_of(frame, size);

	return xb_flow_hash(&it, policy);
}

API uint32_t xbond_state_hash(struct xbond_state *state, const void *frame, size_t size)
{
	state_refresh(state);
	return xbond_hash(state->copy.policy, frame, size);
}

static uint32_t pick(const struct xb_bank *bank, uint32_t number)
{
	return bank->n_pick ? bank->pick[xb_pick_index(bank->n_pick, number) & (XB_MAX_SLAVES - 1)] : XB_NO_SLOT;
}

static uint32_t next_number(struct xbond_state *state)
{
	const uint32_t per_slave = state->copy.packets_per_slave;
	uint32_t count = ++state->round_robin;

	if (per_slave == 0) { /* a random one: mixed, so that any prefix is even */
		count *= 0x9e3779b1U;
		return count ^ count >> 15;
	}
	return per_slave == 1 ? count : count / per_slave;
}

/* Modes 5 and 6. */
static uint32_t balance(const struct xbond_state *state, const struct xb_frame *frame)
{
	const struct xb_view *view = &state->copy;
	uint32_t number = XB_NOT_BALANCED, id = XB_NO_SLOT;

	if (xb_mode_buckets_by_destination(view->mode))
		number = xb_alb_bucket(frame);
	else if (xb_tlb_balances(frame))
		number = view->tlb_dynamic_lb ? xb_flow_hash(frame, view->policy) & (XB_BUCKETS - 1) : 0;
	if (number < XB_BUCKETS && view->tlb_dynamic_lb && view->bucket[number])
		id = view->bucket[number] - 1;
	else if (number < XB_BUCKETS)
		id = pick(&view->bank, xb_flow_hash(frame, view->policy));
	return id < XB_MAX_SLAVES ? id : view->bank.active;
}

static uint32_t chosen(struct xbond_state *state, const struct xb_frame *frame, bool *insist)
{
	const struct xb_bank *bank = &state->copy.bank;

	*insist = false;
	switch (state->copy.mode) {
	case XB_MODE_ROUNDROBIN:
		*insist = xb_is_igmp(frame);
		return *insist ? bank->igmp : pick(bank, next_number(state));
	case XB_MODE_ACTIVEBACKUP:
		*insist = true;
		return pick(bank, 0);
	case XB_MODE_XOR:
	case XB_MODE_8023AD:
		return pick(bank, xb_flow_hash(frame, state->copy.policy));
	case XB_MODE_TLB:
	case XB_MODE_ALB:
		return balance(state, frame);
	default:
		return XB_NO_SLOT;
	}
}

static void add(const struct xbond_state *state, struct selection *out, uint32_t id)
{
	const struct xb_view *view = &state->copy;
	struct xbond_choice *choice = &out->choices[out->n];

	if (id >= XB_MAX_SLAVES || !view->ifindex[id] || !(state->usable >> id & 1))
		return;
	out->n++;
	choice->ifindex = view->ifindex[id];
	choice->slot = (uint8_t)id;
	choice->set_source = xb_mode_balances_load(view->mode) && id != view->bank.active;
	memcpy(choice->source, view->bank.slot[id].mac, sizeof(choice->source));
}

static void broadcast(const struct xbond_state *state, uint32_t carrier, struct selection *out)
{
	const struct xb_bank *bank = &state->copy.bank;

	for (uint32_t i = 0; i < bank->n_pick && i < XB_MAX_SLAVES; i++)
		if (bank->pick[i] < XB_MAX_SLAVES && (carrier >> bank->pick[i] & 1))
			add(state, out, bank->pick[i]);
}

static bool lease_is_over(const struct xbond_state *state)
{
	struct timespec now;

	if (!(state->copy.bank.flags & XB_BANK_LEASED))
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return __atomic_load_n(&state->view->lease_until, __ATOMIC_RELAXED) <
	       (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct xb_links links_of(const struct xbond_state *state)
{
	return (struct xb_links){ view_word(&state->view->carrier) & state->usable,
				  view_word(&state->view->ready) & state->usable };
}

uint32_t state_senders(const struct xbond_state *state)
{
	const struct xb_bank *bank = &state->copy.bank;
	struct xb_links links = links_of(state);
	uint32_t senders = 0;

	for (uint32_t i = 0; i < bank->n_pick && i < XB_MAX_SLAVES; i++) {
		uint32_t id = bank->pick[i];

		if (id >= XB_MAX_SLAVES)
			continue;
		if (xb_mode_sends_on_all(state->copy.mode))
			id = xb_link_carrier(&links, id) ? id : XB_NO_SLOT;
		else if (!xb_link_ready(&links, id))
			id = xb_fallback(&links, bank, id);
		if (id < XB_MAX_SLAVES)
			senders |= 1U << id;
	}
	return senders;
}

void state_select(struct xbond_state *state, const void *bytes, size_t size, struct selection *out)
{
	const struct xb_frame frame = frame_of(bytes, size);
	const struct xb_bank *bank = &state->copy.bank;
	struct xb_links links = links_of(state);
	uint32_t id, other;
	bool insist;

	out->n = 0;
	out->failover = false;
	if (xb_mode_has_lacp(state->copy.mode) && lease_is_over(state))
		return;
	if (xb_mode_sends_on_all(state->copy.mode) ||
	    ((bank->flags & XB_BANK_BROADCAST_NEIGHBOR) && xb_is_neighbour(&frame))) {
		broadcast(state, links.carrier, out);
		return;
	}
	id = chosen(state, &frame, &insist);
	if (id >= XB_MAX_SLAVES)
		return;
	if (!xb_link_ready(&links, id)) {
		other = xb_fallback(&links, bank, id);
		if (other >= XB_MAX_SLAVES && !insist)
			return;
		out->failover = other < XB_MAX_SLAVES && other != id;
		id = other < XB_MAX_SLAVES ? other : id;
	}
	add(state, out, id);
}

API int xbond_state_select(struct xbond_state *state, const void *frame, size_t size,
			   struct xbond_choice choices[XBOND_MAX_SLAVES])
{
	struct selection selection;

	state_refresh(state);
	state_select(state, frame, size, &selection);
	memcpy(choices, selection.choices, (size_t)selection.n * sizeof(choices[0]));
	return selection.n;
}
