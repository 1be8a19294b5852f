/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Words to the controller.
 */
#ifndef XB_EVENTS_H
#define XB_EVENTS_H

#include "lib/maps.h"

/* 0 when the event is queued; the ring may be full. */
static __always_inline int xb_emit(__u32 type, __u32 slot, __u32 ifindex, __u32 carrier)
{
	struct xb_event event = {
		.type = type,
		.slot = slot,
		.ifindex = ifindex,
		.carrier = carrier,
		.ktime_ns = bpf_ktime_get_ns(),
	};

	return bpf_ringbuf_output(&xb_events, &event, sizeof(event), 0);
}

#endif
