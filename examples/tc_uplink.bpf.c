/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The same in TC, on ingress of the port; multicast goes up the stack, too.
 *
 *   clang -target bpf -mcpu=v3 -O2 -g -I/usr/include/xbond/bpf -c tc_uplink.bpf.c -o tc_uplink.o
 *   ./load tc_uplink.o bond0 veth7
 */
#include <xbond.bpf.h>

char LICENSE[] SEC("license") = "GPL";

SEC("tc")
int tc_uplink(struct __sk_buff *ctx)
{
	const __u8 *eth = xb_frame_eth(ctx);
	int multicast = eth && (eth[0] & 1); /* xbond_select may write to the packet: pointers into it end there */
	struct xb_choice choice = xbond_select(ctx);

	if (multicast && choice.slot < XB_MAX_SLAVES) {
		bpf_clone_redirect(ctx, choice.ifindex, 0);
		return TC_ACT_OK;
	}
	return xbond_redirect(ctx, choice);
}
