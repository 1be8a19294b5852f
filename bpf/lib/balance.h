/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What modes 5 and 6 keep in the data path, buckets (lb.h) and clients (rlb.h) in one map: xbond/balance.h.
 */
#ifndef XB_BALANCE_TABLE_H
#define XB_BALANCE_TABLE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xbond/abi.h"

struct xb_lb xb_the_lb SEC(XB_LB_SECTION);

#endif
