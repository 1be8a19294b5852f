/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Ports: devices whose frames go through the bond, and which of them an address is behind. What TC does with them:
 * skb.h; XDP on a slave: xdp.h.
 */
#ifndef XB_PORTS_H
#define XB_PORTS_H

#include "lib/parse.h"
#include "lib/table.h"

struct xb_ports xb_the_ports SEC(XB_PORTS_SECTION);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XB_PORT_MACS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct xb_port_key);
	__type(value, struct xb_port_at);
} xb_port_macs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XB_PORTS);
	__type(key, __u32);
	__type(value, struct xb_port_counters);
} xb_port_stats SEC(".maps");

static __always_inline struct xb_port_counters *xb_port_counters_of(__u32 id)
{
	return bpf_map_lookup_elem(&xb_port_stats, &id);
}

/* The place of a port's interface, or XB_NO_PORT. Global: verified once. */
__noinline __u32 xb_port_of(__u32 ifindex)
{
	for (__u32 i = 0; i < XB_PORTS; i++) {
		__u32 id = (ifindex + i) & (XB_PORTS - 1);

		if (xb_the_ports.port[id].ifindex == ifindex)
			return id;
	}
	return XB_NO_PORT;
}

static __always_inline __u32 xb_port_at(const struct xb_port_at *at)
{
	return at && at->port < XB_PORTS ? at->port : XB_NO_PORT;
}

/* The port that an address is behind, in this VLAN (0: without a tag), or XB_NO_PORT. */
static __always_inline __u32 xb_port_find(const __u8 *mac, __u16 vlan)
{
	struct xb_port_key key = {.vlan = vlan};
	const struct xb_port_at *at;

	__builtin_memcpy(key.mac, mac, 6);
	at = bpf_map_lookup_elem(&xb_port_macs, &key);
	if (!at && vlan) {
		key.vlan = 0;
		at = bpf_map_lookup_elem(&xb_port_macs, &key);
	}
	return xb_port_at(at);
}

static __always_inline __u64 xb_mac_number(const __u8 *mac) { return (__u64)xb_mac_head(mac) << 16 | xb_mac_tail(mac); }

/* Whether the bond or a slave has the address: nobody behind a port has it, too. Global: verified once. */
__noinline int xb_port_is_bonds(__u64 mac)
{
	const struct xb_bank *bank = xb_get_bank(&xb_the_table);

	if (xb_mac_number(bank->bond_mac) == mac)
		return 1;
	for (__u32 i = 0; i < XB_MAX_SLAVES; i++)
		if (xb_the_table.slot[i].ifindex && xb_mac_number(bank->slot[i].mac) == mac)
			return 1;
	return 0;
}

/* The first frame from an address behind a port, or from one that was behind another port. What finds no room is sent
 * all the same; answers to it then go up the stack. */
static __noinline int xb_port_learn(__u32 id, struct xb_port_key *key)
{
	struct xb_port_at *at = bpf_map_lookup_elem(&xb_port_macs, key), here = {.port = id};
	struct xb_port *port = &xb_the_ports.port[id & (XB_PORTS - 1)];

	if (xb_port_is_bonds(xb_mac_number(key->mac)) || (at && at->fixed))
		return 0;
	if (at) {
		at->port = id;
		return 1;
	}
	if (port->heard < XB_PORT_HEARD && !bpf_map_update_elem(&xb_port_macs, key, &here, BPF_NOEXIST))
		port->heard++;
	return 1;
}

/* Whether a port may send from this address; learns it where the port has none of its own. */
static __always_inline int xb_port_admits(__u32 id, const __u8 *source)
{
	const struct xb_port *port = &xb_the_ports.port[id & (XB_PORTS - 1)];
	struct xb_port_key key = {.vlan = port->vlan};

	if (port->flags & XB_PORT_MAC)
		return xb_same_mac(port->mac, source);
	if (source[0] & 1)
		return 0;
	__builtin_memcpy(key.mac, source, 6);
	return xb_port_at(bpf_map_lookup_elem(&xb_port_macs, &key)) == id || xb_port_learn(id, &key);
}

#endif
