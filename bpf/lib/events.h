/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Events for the controller.
 */
#ifndef XB_EVENTS_H
#define XB_EVENTS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xbond/abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, XB_EVENTS_BYTES);
} xb_events SEC(".maps");

/* Stamps and queues it: 0, or an error when the ring is full. Not inlined: only so does its type get into the BTF. */
static inline __attribute__((noinline)) int xb_emit(struct xb_event *event)
{
	event->ktime_ns = bpf_ktime_get_ns();
	return bpf_ringbuf_output(&xb_events, event, sizeof(*event), 0);
}

#endif
