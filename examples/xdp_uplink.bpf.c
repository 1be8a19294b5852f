/* SPDX-License-Identifier: GPL-2.0-only
 *
 * XDP on a port, a container's veth or another NIC: what comes in there leaves by the bond.
 *
 *   clang -target bpf -mcpu=v3 -O2 -g -I/usr/include/xbond/bpf -c xdp_uplink.bpf.c -o xdp_uplink.o
 *   ./load xdp_uplink.o bond0 veth7
 */
#define XBOND_XDP
#include <xbond.bpf.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int xdp_uplink(struct xdp_md *ctx)
{
	return xbond_redirect(ctx, xbond_select(ctx));
}
