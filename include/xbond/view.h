/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * What programs other than the controller may know of a bond: the published state without the kernel's addresses that
 * xb_table holds, in a map that is frozen, so that nobody in user space, the controller included, can write it. (A
 * descriptor opened with BPF_F_RDONLY would not do: the kernel maps none of these.) BPF programs keep it true, also
 * while no controller runs: bpf/xb_view.bpf.c.
 *
 * A reader copies what lies behind `seq` and takes the copy if `seq` was even and is the same afterwards. What lies
 * before it are words that are true each on its own.
 */
#ifndef XBOND_VIEW_H
#define XBOND_VIEW_H

#include "xbond/abi.h"

#define XB_VIEW_VERSION 1

struct xb_view {
	__u32 version;     /* XB_VIEW_VERSION; 0: not filled yet */
	__u32 carrier;     /* bit i: the device of slot i runs and has carrier */
	__u32 ready;       /* and is not kept out since it lost it: see xb_slot.latched */
	__u32 runs;        /* how often this was brought up to date: a heartbeat */
	__u64 lease_until; /* as in xb_table */
	__u32 reserved;
	__u32 seq; /* odd: being written */

	__u32 mode;
	__u32 policy;
	__u32 packets_per_slave;
	__u32 tlb_dynamic_lb;
	__u32 bond_ifindex;
	__u32 peer_ifindex;
	__u32 n_slots;
	__u32 reserved2;
	__u32 ifindex[XB_MAX_SLAVES]; /* 0: the slot is free */
	__u8 bucket[XB_BUCKETS];      /* modes 5 and 6: slot + 1 that a bucket is given to; 0: nobody */
	struct xb_bank bank;          /* without `monitor` and what follows it */
};

XB_ASSERT(sizeof(struct xb_view) == 64 + 4 * XB_MAX_SLAVES + XB_BUCKETS + sizeof(struct xb_bank), "xb_view");

#endif
