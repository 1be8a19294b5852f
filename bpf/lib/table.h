/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What every program of a bond reads: its frozen configuration and its published table.
 *
 * The maps of abi.h are declared each beside the code that uses it, and so in the objects with that code; user space
 * makes them one by handing the descriptors of the first object, or of the pins, to the others.
 */
#ifndef XB_TABLE_H
#define XB_TABLE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xbond/abi.h"

/* Set before load: the verifier removes what the frozen mode does not need. */
const volatile struct xb_config xb_cfg SEC(".rodata");

struct xb_table xb_the_table SEC(XB_TABLE_SECTION);

/* Keeps a pointer in a register: clang would rather repeat its sum at every use. */
#define XB_KEEP(pointer) asm volatile("" : "+r"(pointer))

static __always_inline struct xb_bank *xb_get_bank(struct xb_table *table)
{
	struct xb_bank *bank = &table->banks[table->bank & 1];

	XB_KEEP(bank);
	return bank;
}

#endif
