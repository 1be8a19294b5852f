/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * Numbers that user space and the BPF programs share by name, apart from the layout of the maps (abi.h): most code
 * needs these and not those.
 */
#ifndef XBOND_NUMBERS_H
#define XBOND_NUMBERS_H

#define XB_MAX_SLAVES 32  /* slots of one bond */
#define XB_NO_SLOT 255    /* "no slave" in every __u8 that names a slot */
#define XB_MAX_TARGETS 16 /* of the ARP monitor, and as many of the NS monitor (4.2) */

/* Bonding modes and transmit hash policies, numbered as IFLA_BOND_MODE and IFLA_BOND_XMIT_HASH_POLICY. */
enum xb_mode {
	XB_MODE_ROUNDROBIN = 0,
	XB_MODE_ACTIVEBACKUP = 1,
	XB_MODE_XOR = 2,
	XB_MODE_BROADCAST = 3,
	XB_MODE_8023AD = 4,
	XB_MODE_TLB = 5,
	XB_MODE_ALB = 6,
};

enum xb_policy {
	XB_POLICY_LAYER2 = 0,
	XB_POLICY_LAYER34 = 1,
	XB_POLICY_LAYER23 = 2,
	XB_POLICY_ENCAP23 = 3,
	XB_POLICY_ENCAP34 = 4,
	XB_POLICY_VLAN_SRCMAC = 5,
};

#endif
