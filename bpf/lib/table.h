/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What every program of a bond reads: its published table, and its configuration, frozen; other people's programs
 * (XBOND_SDK), which stay when the mode changes, find it in the table.
 *
 * The maps of abi.h are declared each beside the code that uses it, and so in the objects with that code; user space
 * makes them one by handing the descriptors of the first object, or of the pins, to the others.
 */
#ifndef XB_TABLE_H
#define XB_TABLE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xbond/abi.h"

struct xb_table xb_the_table SEC(XB_TABLE_SECTION);

/* Keeps a pointer in a register: clang would rather repeat its sum at every use. */
#define XB_KEEP(pointer) asm volatile("" : "+r"(pointer))

static __always_inline struct xb_bank *xb_get_bank(struct xb_table *table)
{
	struct xb_bank *bank = &table->banks[table->bank & 1];

	XB_KEEP(bank);
	return bank;
}

#ifdef XBOND_SDK
static __always_inline __u32 xb_how(void)
{
	return xb_get_bank(&xb_the_table)->how;
}
#define XB_CFG_POLICY XB_HOW_BITS(xb_how(), XB_HOW_POLICY, 4)
#define XB_CFG_PER_SLAVE XB_HOW_BITS(xb_how(), XB_HOW_PER_SLAVE, 16)
#define XB_CFG_DYNAMIC_LB (xb_how() & XB_HOW_DYNAMIC_LB)
#else
/* Set before load: the verifier removes what the frozen mode does not need. */
const volatile struct xb_config xb_cfg SEC(".rodata");

#define XB_CFG_POLICY (xb_cfg.policy)
#define XB_CFG_PER_SLAVE (xb_cfg.packets_per_slave)
#define XB_CFG_DYNAMIC_LB (xb_cfg.tlb_dynamic_lb)
#endif

#endif
