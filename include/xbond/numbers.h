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

/* Bonding modes, numbered as IFLA_BOND_MODE. */
enum xb_mode {
	XB_MODE_ROUNDROBIN = 0,
	XB_MODE_ACTIVEBACKUP = 1,
	XB_MODE_XOR = 2,
	XB_MODE_BROADCAST = 3,
	XB_MODE_8023AD = 4,
	XB_MODE_TLB = 5,
	XB_MODE_ALB = 6,
};

/* The transmit hash policies, numbered from 0 as IFLA_BOND_XMIT_HASH_POLICY. A new policy is a row here and its function
 * in flow_hash.h, of type __u32 (const struct xb_frame *); enums, keywords, bounds, texts and tests follow.
 *
 *	number, constant, name in C++, keyword, function
 */
#define XB_POLICIES(X)                                                                  \
	X(0, XB_POLICY_LAYER2, layer2, "layer2", xb_hash_mac)                           \
	X(1, XB_POLICY_LAYER34, layer34, "layer3+4", xb_hash_layer34)                   \
	X(2, XB_POLICY_LAYER23, layer23, "layer2+3", xb_hash_layer23)                   \
	X(3, XB_POLICY_ENCAP23, encap23, "encap2+3", xb_hash_encap23)                   \
	X(4, XB_POLICY_ENCAP34, encap34, "encap3+4", xb_hash_encap34)                   \
	X(5, XB_POLICY_VLAN_SRCMAC, vlan_srcmac, "vlan+srcmac", xb_hash_vlan_srcmac)

enum xb_policy {
#define XB_POLICY_NUMBER(number, constant, name, keyword, function) constant = number,
	XB_POLICIES(XB_POLICY_NUMBER)
#undef XB_POLICY_NUMBER
	XB_N_POLICIES
};

#endif
