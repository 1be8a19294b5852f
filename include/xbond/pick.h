/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * How a published table is read: the position that a number picks, and the chain of fallbacks behind a slave without
 * carrier. Compiled by both sides. The includer defines, before it includes this file once:
 *
 *   struct xb_links                                           the devices of the slots
 *   int xb_link_carrier(const struct xb_links *, __u32 id)    whether a slot's device can send
 *   int xb_link_ready(const struct xb_links *, __u32 id)      and has been able to for long enough
 *   void xb_link_lost(struct xb_links *, __u32 id)            called for each slot that is left, not being ready
 */
#ifndef XBOND_PICK_H
#define XBOND_PICK_H

#include "xbond/abi.h"
#include "xbond/packet.h"

/* Tables of 1, 2, 4 ... positions, `n` of them, do without the division, the dearest step of selection. */
XB_FN __u32 xb_pick_index(__u32 n, __u32 number)
{
	return n & (n - 1) ? number % n : number & (n - 1);
}

/* The first slave that is ready on the fallback chain of one that is not; where none is, the first one with carrier,
 * that one among them; or XB_NO_SLOT. */
XB_OUTLINE __u32 xb_fallback(struct xb_links *links, const struct xb_bank *bank, __u32 id)
{
	__u32 with_carrier = XB_NO_SLOT;

	for (__u32 i = 0; i < XB_MAX_SLAVES && id < XB_MAX_SLAVES; i++) {
		if (xb_link_ready(links, id))
			return id;
		if (with_carrier == XB_NO_SLOT && xb_link_carrier(links, id))
			with_carrier = id;
		xb_link_lost(links, id);
		id = bank->slot[id].fallback;
	}
	return with_carrier;
}

#endif
