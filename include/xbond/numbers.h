/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * Numbers that user space and the BPF programs share by name, apart from the layout of the maps (abi.h): most code
 * needs these and not those.
 */
#ifndef XBOND_NUMBERS_H
#define XBOND_NUMBERS_H

#define XB_MAX_SLAVES 32  /* slots of one bond */
#define XB_NO_SLOT 255    /* "no slave" in every __u8 that names a slot */
#define XB_MAX_TARGETS 16 /* of the ARP monitor, and as many of the NS monitor (`arp.probe`) */

/* The bonding modes, numbered from 0 as IFLA_BOND_MODE: number, constant, name in C++. What a mode is:
 * user/core/modes/traits.h. */
#define XB_MODES(X)                                     \
	X(0, XB_MODE_ROUNDROBIN, round_robin)           \
	X(1, XB_MODE_ACTIVEBACKUP, active_backup)       \
	X(2, XB_MODE_XOR, balance_xor)                  \
	X(3, XB_MODE_BROADCAST, broadcast)              \
	X(4, XB_MODE_8023AD, ieee8023ad)                \
	X(5, XB_MODE_TLB, balance_tlb)                  \
	X(6, XB_MODE_ALB, balance_alb)

enum xb_mode {
#define XB_MODE_NUMBER(number, constant, name) constant = number,
	XB_MODES(XB_MODE_NUMBER)
#undef XB_MODE_NUMBER
	XB_N_MODES
};

/* What the programs ask of a mode; all but the last are traits, too, and explained there. A program's
 * mode is frozen before load, so that an answer costs nothing: the verifier drops what the mode does not need. */
#ifdef __cplusplus
#define XB_MODE_FACT constexpr bool
#else
#define XB_MODE_FACT static inline __attribute__((always_inline)) _Bool
#endif

XB_MODE_FACT xb_mode_sends_on_all(unsigned int mode) {
	return mode == XB_MODE_BROADCAST;
}

XB_MODE_FACT xb_mode_has_lacp(unsigned int mode) {
	return mode == XB_MODE_8023AD;
}

XB_MODE_FACT xb_mode_balances_load(unsigned int mode) {
	return mode == XB_MODE_TLB || mode == XB_MODE_ALB;
}

XB_MODE_FACT xb_mode_buckets_by_destination(unsigned int mode) {
	return mode == XB_MODE_ALB;
}

XB_MODE_FACT xb_mode_balances_clients(unsigned int mode) {
	return mode == XB_MODE_ALB;
}

/* A packet's queue mapping may name the slave (queue_id). */
XB_MODE_FACT xb_mode_has_queue_id(unsigned int mode) {
	return mode == XB_MODE_ROUNDROBIN || mode == XB_MODE_ACTIVEBACKUP;
}

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
