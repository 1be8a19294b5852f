/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * What the probe program and the tests exchange.
 */
#ifndef XB_PROBE_SELECT_H
#define XB_PROBE_SELECT_H

#include "xbond/abi.h"

struct xb_probe {
    /* set by the test */
    __u32 queue_mapping;
    __u32 vlan_tci;
    __u32 length; /* the frame is cut to this: BPF_PROG_TEST_RUN refuses short IP packets */
    /* set by the program */
    __u32 hash; /* modes 2 and 4 */
    __u32 failover;
    __u32 override; /* slot that queue_mapping names, or XB_NO_SLOT */
    __u32 n_slots;  /* 0 = the packet would be dropped; more than 1 only in mode 3 */
    __u32 reserved;
    __u8 slots[XB_MAX_SLAVES];
    /* set by probe_classify */
    __u32 igmp;
    __u32 neighbour;
    __u32 bucket;      /* modes 5 and 6; XB_BUCKETS: not balanced */
    __u32 client_arp;  /* mode 6: a request or reply of the bond's own */
    __u32 client_slot; /* of the entry that it is for, or XB_NO_SLOT */
    __u32 reserved2;
};

#endif
