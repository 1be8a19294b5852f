/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Words to the controller.
 */
#ifndef XB_EVENTS_H
#define XB_EVENTS_H

#include "lib/maps.h"

/* Stamps and queues it: 0, or an error when the ring is full. Not inlined: only so does its type get into the BTF. */
static __noinline int xb_emit(struct xb_event *event)
{
	event->ktime_ns = bpf_ktime_get_ns();
	return bpf_ringbuf_output(&xb_events, event, sizeof(*event), 0);
}

#endif
