/* SPDX-License-Identifier: (GPL-2.0-only OR MIT)
 *
 * The only contract between the BPF programs and user space: limits, enums, map names and the structs that live in
 * maps. Compiled by clang for BPF and by g++; every size is asserted in both, and tests/bpf checks them once more
 * against the BTF of the loaded objects. Any change of a struct or of a map's meaning bumps XB_LAYOUT_VERSION: a
 * controller that finds pins of another version replaces them instead of adopting them.
 */
#ifndef XBOND_ABI_H
#define XBOND_ABI_H

#include <linux/types.h>

#include "xbond/balance.h"
#include "xbond/numbers.h"

#ifdef __cplusplus
#define XB_ASSERT(cond, msg) static_assert(cond, msg)
#else
#define XB_ASSERT(cond, msg) _Static_assert(cond, msg)
#endif

#define XB_LAYOUT_VERSION 2

/* Map names. Each is pinned under its name in <bpffs>/xbond/<netns inode>/<bond>/. The table is a global variable in a
 * section of its own, which the programs reach without a lookup; inside an object its map has the section's name. */
#define XB_MAP_TABLE "xb_table"   /* ARRAY[1] of xb_table, BPF_F_MMAPABLE: user space writes through mmap */
#define XB_TABLE_SECTION ".data." XB_MAP_TABLE
#define XB_MAP_STAMPS "xb_stamps" /* ARRAY[1] of xb_stamps, BPF_F_MMAPABLE, as the table a section of its own */
#define XB_STAMPS_SECTION ".data." XB_MAP_STAMPS
#define XB_MAP_LB "xb_lb"         /* ARRAY[1] of xb_lb (balance.h), BPF_F_MMAPABLE, likewise */
#define XB_LB_SECTION ".data." XB_MAP_LB
#define XB_MAP_OWN4 "xb_own4"     /* HASH[XB_OWN_ENTRIES], keys are addresses of bond0 and of devices stacked on it */
#define XB_MAP_OWN6 "xb_own6"     /* the same for IPv6 */
#define XB_MAP_STATS "xb_stats"   /* PERCPU_ARRAY[XB_STATS_ENTRIES] of xb_counters */
#define XB_MAP_EVENTS "xb_events" /* RINGBUF of xb_event */
#define XB_MAP_WATCH "xb_watch"   /* ARRAY[1] of xb_watch: the carrier watch and its timer */
#define XB_MAP_XSK "xb_xsk"       /* XSKMAP[XB_XSK_ENTRIES]; key = slot * XB_XSK_QUEUES + rx queue */
/* PROG_ARRAY[1]: somebody's XDP program, to which xb_xdp hands over what it passes. The kernel lets programs that take
 * frames in fragments call only their like: there is a map, and an xb_xdp, of each kind. */
#define XB_MAP_CHAIN "xb_chain"
#define XB_MAP_CHAIN_FRAGS "xb_chain_frags"
/* DEVMAP[XB_MAX_SLAVES] each, key = slot, for programs that redirect to the bond from XDP. */
#define XB_MAP_OUT "xb_out" /* all slaves */
#define XB_MAP_ALL "xb_all" /* those to which broadcast mode sends, for BPF_F_BROADCAST */

/* Devices whose frames go through the bond as if they came out of it: ports. */
#define XB_MAP_PORTS "xb_ports" /* ARRAY[1] of xb_ports, BPF_F_MMAPABLE, as the table a section of its own */
#define XB_PORTS_SECTION ".data." XB_MAP_PORTS
#define XB_MAP_PORT_MACS "xb_port_macs"   /* HASH[XB_PORT_MACS] of xb_port_at, key xb_port_key: who is behind which port */
#define XB_MAP_PORT_STATS "xb_port_stats" /* PERCPU_ARRAY[XB_PORTS] of xb_port_counters */
#define XB_MAP_PORT_OUT "xb_port_out"     /* DEVMAP_HASH[XB_PORTS]: the ports that take frames from XDP */

#define XB_MAP_ENTER "xb_enter" /* DEVMAP_HASH[1], key 0: the pair's other end, through which xb_xdp gives frames to the bond */

#define XB_MAP_XSK_RULES "xb_xsk_rules" /* ARRAY[1] of xb_xsk_rules, BPF_F_MMAPABLE, as the table a section of its own */
#define XB_XSK_RULES_SECTION ".data." XB_MAP_XSK_RULES
#define XB_MAP_XSK_APPS "xb_xsk_apps" /* ARRAY_OF_MAPS[XB_XSK_RULES]: of each rule an XSKMAP with the keys of xb_xsk */
#define XB_MAP_VIEW "xb_view"         /* ARRAY[1] of xb_view (view.h), BPF_F_MMAPABLE, frozen; likewise a section */
#define XB_VIEW_SECTION ".data." XB_MAP_VIEW
#define XB_MAP_VIEW_TIMER "xb_view_timer" /* ARRAY[1] of xb_view_timer: what keeps xb_view true */

#define XB_XSK_RULES 16 /* of one bond */
#define XB_PORTS 64     /* of one bond */
#define XB_NO_PORT 255
#define XB_PORT_MACS 1024 /* addresses behind all ports of a bond */
#define XB_PORT_HEARD 64  /* of these as many may be learned from the frames of one port */
#define XB_STATS_BOND XB_MAX_SLAVES /* the entry of xb_stats that belongs to the bond itself */
#define XB_STATS_ENTRIES (XB_MAX_SLAVES + 1)
#define XB_XSK_QUEUES 64
#define XB_XSK_ENTRIES (XB_MAX_SLAVES * XB_XSK_QUEUES)
#define XB_EVENTS_BYTES 65536
#define XB_OWN_ENTRIES 4096 /* addresses of one family */
#define XB_FEW_OWN 8

/* Frozen into read-only data (`const volatile struct xb_config xb_cfg`) of every program before load, so that the
 * verifier removes the other modes. A change means: load a new set, swap it in with bpf_link_update. */
struct xb_config {
	__u32 bond_ifindex; /* bond0 */
	__u32 peer_ifindex; /* bond0p, the pair's other end */
	__u32 mode;         /* enum xb_mode */
	__u32 policy;       /* enum xb_policy; used where the mode hashes */
	__u32 packets_per_slave; /* mode 0: 0 random, 1, N */
	__u32 tlb_dynamic_lb;    /* modes 5, 6: by buckets; 0: by hash */
};

/* A slave's device. Outside the banks: written once before a bank names the slot, cleared when the device goes.
 * xb_learn writes dev and nothing else; user space writes ifindex, after dev. Clear ifindex before dev. ifindex 0 =
 * free slot. */
struct xb_slot {
	__u64 dev;     /* struct net_device *, learned by xb_learn; 0 = not known: carrier counts as on */
	__u32 ifindex;
	__u32 latched; /* set by the first packet that found no carrier, or by the watch, which told so: nothing is sent here
			* while another slot can send, until the controller takes the link back and clears this */
};

/* xb_bank_slot.flags */
enum {
	XB_SLOT_SUPPRESS = 1 << 0,    /* deliver nothing but link-local frames, and those on the slave */
	XB_SLOT_EARLY_DROP = 1 << 1,  /* xb_xdp may drop suppressed multicast and broadcast (nobody captures on the slave) */
	XB_SLOT_REWRITE_DST = 1 << 2, /* mac != bond_mac: unicast to the slave's MAC is rewritten to the bond's */
	XB_SLOT_SLOW_TO_XSK = 1 << 3, /* xb_xdp redirects slow protocols subtypes 1 and 2 into xb_xsk */
	/* What stamps xb_stamps (`arp.stamps`): at most one of the three. */
	XB_SLOT_HEAR_ANY = 1 << 4,   /* any frame */
	XB_SLOT_HEAR_ARP = 1 << 5,   /* any ARP or IPv6 frame */
	XB_SLOT_HEAR_VALID = 1 << 6, /* ARP, NS and NA that pass `arp.valid` */
	XB_SLOT_BACKUP = 1 << 7,     /* the slave is in state backup: rules (b) and (c) of `arp.valid` */
	XB_SLOT_SUPPRESS_FLOOD = 1 << 8, /* mode 6: as XB_SLOT_SUPPRESS, but multicast and broadcast only */
	XB_SLOT_ELSEWHERE = 1 << 9, /* the bond's device is in another network namespace: no frame takes xb_rx's short way */
	XB_SLOT_BY_XDP = 1 << 10, /* xb_xdp gives unicast IP for the bond to it: it runs natively and sees tags, and xb_enter is set */
	XB_SLOT_UNSUMMED = 1 << 11, /* with that: a veth, as XB_PORT_UNSUMMED */
	XB_SLOT_HEAR = XB_SLOT_HEAR_ANY | XB_SLOT_HEAR_ARP | XB_SLOT_HEAR_VALID,
};

/* What a published table says of one slot. */
struct xb_bank_slot {
	__u8 mac[6];
	__u16 flags;
	__u16 queue_id; /* 0 never matches: published as 0 while the slave's link is not UP */
	__u8 fallback;  /* slot to try next when this one has no carrier: a chain that ends in XB_NO_SLOT or comes back */
	__u8 reserved;
	__u32 speed; /* Mb/s, modes 5 and 6; 0: not known */
};

/* xb_bank.flags */
enum {
	XB_BANK_FULL_VISIBILITY = 1 << 0,    /* both directions run through the veth pair */
	XB_BANK_LEASED = 1 << 1,             /* mode 4: nothing is sent once xb_table.lease_until is over */
	XB_BANK_BROADCAST_NEIGHBOR = 1 << 2, /* mode 4: ARP, NS and NA go to every position of pick */
	XB_BANK_PORTS = 1 << 3,              /* the bond has ports (xb_ports) */
};

/* xb_bank.how: the mode and what belongs to it, for programs that are not frozen to them (xbond.bpf.h). Without
 * XB_HOW_TOLD: published by a revision that did not tell. */
enum {
	XB_HOW_MODE = 0,      /* shift of 4 bits, enum xb_mode */
	XB_HOW_POLICY = 4,    /* of 4 bits, enum xb_policy */
	XB_HOW_PER_SLAVE = 8, /* of 16 bits, packets_per_slave */
	XB_HOW_DYNAMIC_LB = 1 << 24,
	XB_HOW_TOLD = 1 << 25,
};
#define XB_HOW_BITS(how, what, bits) ((how) >> (what) & ((1u << (bits)) - 1))

/* What validation of received ARP, NS and NA needs (`arp.valid`). Times are CLOCK_MONOTONIC in ns. */
struct xb_monitor {
	__u64 heard_after; /* (b): backups count once the active slave has heard something later than this; all ones: never */
	__u64 probe_from;  /* (c): replies count on any backup from here ... */
	__u64 probe_until; /* ... to here; before probe_from: there is no candidate */
	__u32 target4[XB_MAX_TARGETS];    /* network order; the first n_targets4 */
	__u8 target6[XB_MAX_TARGETS][16]; /* the first n_targets6 */
	__u8 n_targets4;
	__u8 n_targets6;
	__u8 all_targets; /* arp_all_targets=all: (b) looks at the oldest target stamp, not at last_rx */
	__u8 any_own4;    /* the bond has no IPv4 address: 0.0.0.0 counts as its own (`arp.valid`) */
	__u32 n_own4;     /* own IPv4 addresses; all in own4[] if they fit, which spares the lookup in xb_own4 */
	__u32 own4[XB_FEW_OWN];
};

/* One complete published state. The inactive bank is filled, then xb_table.bank is flipped: a packet sees one or the
 * other. Selection: idx = (counter | hash | 0) mod n_pick, slot = pick[idx], then the fallback chain on lost carrier.
 *   mode 0: n_pick = all slaves in list order, pick[i] = first can_tx slave cyclically from i (`select.mode`)
 *   mode 1: n_pick = 1, pick[0] = current active slave
 *   mode 2, 4: n_pick = usable slaves, pick = usable array (`select.usable`)
 *   mode 3: n_pick = all slaves, pick[i] = slot or XB_NO_SLOT where position i may not send
 *   mode 5, 6: as mode 2, but the buckets of xb_lb choose; what has no choice takes `active` (`balance.frames`) */
struct xb_bank {
	__u32 n_pick;                 /* 0 = nothing usable: drop */
	__u8 active;                  /* current active slave or XB_NO_SLOT; where IGMP goes in mode 0 */
	__u8 igmp;                    /* mode 0: slot for IGMP: active, else the first can_tx slave, else XB_NO_SLOT */
	__u8 bond_mac[6];
	__u32 flags;
	__u32 entry_ifindex; /* where received frames enter the bond: bond0, or the pair's other end (full visibility) */
	__u32 entry_flags;   /* of that redirect: BPF_F_INGRESS, or 0 */
	__u8 pick[XB_MAX_SLAVES];
	struct xb_bank_slot slot[XB_MAX_SLAVES];
	struct xb_monitor monitor;
	__u32 n_bridge4; /* mode 6: addresses of bridges above the bond, whose ARP is left alone (`balance.clients`) */
	__u32 bridge4[XB_FEW_OWN]; /* network order; more than fit: all ARP is left alone */
	__u32 how;
};

struct xb_table {
	__u32 layout;  /* XB_LAYOUT_VERSION */
	__u32 bank;    /* 0 or 1: the published one */
	__u32 n_slots; /* slots at and above this are free: bounds the scans of all slots */
	__u32 chained; /* somebody's XDP program may be in xb_chain or xb_chain_frags: 1 before it is, 0 after it has gone */
	__u64 lease_until; /* CLOCK_MONOTONIC in ns, renewed by the controller; see XB_BANK_LEASED. Without that flag: when
			    * partners that want LACPDUs fast should have heard again from the controller, 0 = never */
	struct xb_slot slot[XB_MAX_SLAVES];
	struct xb_bank banks[2];
};

/* When a slave last heard something, written by the programs: CLOCK_MONOTONIC in ns, 0 = never; the first of a jiffy.
 * ARP target i and NS target i share a stamp. */
struct xb_slot_stamps {
	__u64 last_rx;
	__u64 target_rx[XB_MAX_TARGETS];
	__u64 jiffy; /* the programs' own: of the last stamp, */
	__u32 fresh; /* and what has been stamped in it: bit i = target i, bit XB_MAX_TARGETS = any frame */
	__u32 stood_in_ms; /* mode 4, the programs' own: when the partner was last answered for the controller */
};

struct xb_stamps {
	struct xb_slot_stamps slot[XB_MAX_SLAVES];
};

/* Packets count GSO segments, bytes are skb->len (Ethernet header included). Per CPU. Every member is a __u64 and has
 * a row in counters.h, which asserts the size. */
struct xb_counters {
	__u64 tx_packets;
	__u64 tx_bytes;
	__u64 rx_packets;    /* delivered to the bond */
	__u64 rx_bytes;
	__u64 rx_suppressed; /* arrived on an inactive slave and dropped here */
	__u64 rx_link_local; /* link-local: left on the slave */
	__u64 failover_tx;   /* sent on this slot because the chosen slave had no carrier */
	__u64 tx_override;   /* sent on this slot because of queue_id */
	__u64 tx_dropped;    /* bond entry: no usable slave */
	__u64 rr_counter;    /* bond entry, mode 0: pre-incremented per CPU */
};

enum xb_event_type {
	XB_EVENT_TX_NO_CARRIER = 1, /* a packet met a slave without carrier (latched per slot) */
	XB_EVENT_CARRIER = 2,       /* the watch saw the carrier bits change */
	XB_EVENT_CLIENTS = 3,       /* mode 6: there is something to tell in the client table (latched) */
	XB_EVENT_DISPLACED = 4,     /* mode 6: an xb_client follows, whose place another one took */
	XB_EVENT_GROUPS = 5,        /* the watch saw the multicast list of the bond's device change */
};

struct xb_event {
	__u32 type; /* enum xb_event_type; the rest is zero where it means nothing */
	__u32 slot;
	__u32 ifindex;
	__u32 carrier;   /* 1 = running with carrier */
	__u64 ktime_ns;  /* CLOCK_MONOTONIC */
};

struct xb_displaced {
	struct xb_event event;
	struct xb_client client;
	__u32 reserved;
};

/* The carrier watch: a bpf_timer reads the carrier bits of every used slot each interval. The kernel finds the timer by
 * its BTF type, shows it to user space as zeroes and keeps it when user space writes the element. */
struct xb_watch {
#ifdef __bpf__
	struct bpf_timer timer;
#else
	__u64 timer[2];
#endif
	__u64 interval_ns;   /* 0 = off: the timer does not re-arm itself */
	__u64 runs;
	__u8 carrier[XB_MAX_SLAVES]; /* last seen, 1 = on */
};

/* xb_xsk_rule.fields: what of a rule has to fit; XB_RULE_IN_USE alone: every frame. */
enum {
	XB_RULE_IN_USE = 1 << 0,
	XB_RULE_VLAN = 1 << 1,
	XB_RULE_ETHERTYPE = 1 << 2,
	XB_RULE_MAC = 1 << 3,
	XB_RULE_PROTOCOL = 1 << 4,
	XB_RULE_SRC = 1 << 5,
	XB_RULE_DST = 1 << 6,
	XB_RULE_QUEUE = 1 << 7,
};

/* Which frames the AF_XDP sockets of a group get. The place of a rule is also that of its sockets in xb_xsk_apps: a rule
 * keeps it for as long as it is there. */
struct xb_xsk_rule {
	__u32 fields;
	__u32 group; /* a hash of the group's name: not of the data path's concern, but told apart by it */
	__u16 vlan;
	__u16 ethertype; /* network order, behind a VLAN tag */
	__u16 src_first, src_last, dst_first, dst_last; /* ports, host order */
	__u16 queue;
	__u8 protocol;
	__u8 reserved;
	__u8 mac[6]; /* destination */
	__u16 reserved2;
};

struct xb_xsk_rules {
	__u32 n; /* rules at and above this are not in use */
	__u32 reserved;
	struct xb_xsk_rule rule[XB_XSK_RULES];
};

/* xb_port.flags */
enum {
	XB_PORT_MAC = 1 << 0,    /* sends from `mac` only, and only that address is behind it */
	/* A veth with xb_fwd in its driver: frames come without the checksum that the sender's stack left to a NIC. */
	XB_PORT_UNSUMMED = 1 << 1,
};

/* A port has the place that its interface index names (modulo), or the next free one: programs find it without a map. */
struct xb_port {
	__u32 ifindex; /* 0: free */
	__u32 flags;
	__u16 vlan; /* the port is in this VLAN and knows no tags; 0: frames are as on the wire */
	__u8 mac[6];
	__u8 own[6];  /* the device's address: what is sent there is the host's, as on any device */
	__u16 heard;  /* addresses learned */
	__u32 reserved[2];
};

/* xb_ports.flags */
enum {
	XB_PORTS_XDP = 1 << 0, /* every slave takes frames from XDP: xb_fwd may send; else it leaves all to xb_port */
	XB_PORTS_SEVERAL = 1 << 1, /* there is more than one */
};

struct xb_ports {
	__u32 n; /* places at and above this are free */
	__u32 flags;
	__u32 unsummed; /* bit i = slot i: a veth with xb_xdp in its driver, as XB_PORT_UNSUMMED */
	__u32 reserved;
	struct xb_port port[XB_PORTS];
};

struct xb_port_key {
	__u8 mac[6];
	__u16 vlan; /* as xb_port.vlan */
};

struct xb_port_at {
	__u32 port;
	__u32 fixed; /* 1: by the controller's word, not learned */
};

/* Per CPU. Packets and bytes as in xb_counters. Every member is a __u64. */
struct xb_port_counters {
	__u64 rx_packets; /* from the port */
	__u64 rx_bytes;
	__u64 tx_packets; /* to the port */
	__u64 tx_bytes;
	__u64 dropped; /* from the port: source address or tag that it may not send */
};

/* The kernel finds the timer by its BTF type. */
struct xb_view_timer {
#ifdef __bpf__
	struct bpf_timer timer;
#else
	__u64 timer[2];
#endif
	__u64 interval_ns; /* 0 = off */
};

XB_ASSERT(sizeof(struct xb_config) == 24, "xb_config");
XB_ASSERT(sizeof(struct xb_slot) == 16, "xb_slot");
XB_ASSERT(sizeof(struct xb_bank_slot) == 16, "xb_bank_slot");
XB_ASSERT(sizeof(struct xb_monitor) == 32 + XB_MAX_TARGETS * 20 + XB_FEW_OWN * 4, "xb_monitor");
XB_ASSERT(sizeof(struct xb_bank) == 24 + XB_MAX_SLAVES * 17 + sizeof(struct xb_monitor) + 8 + XB_FEW_OWN * 4,
	  "xb_bank");
XB_ASSERT(sizeof(struct xb_stamps) == XB_MAX_SLAVES * 8 * (3 + XB_MAX_TARGETS), "xb_stamps");
XB_ASSERT(sizeof(struct xb_table) == 24 + 16 * XB_MAX_SLAVES + 2 * sizeof(struct xb_bank), "xb_table");
XB_ASSERT(sizeof(struct xb_event) == 24, "xb_event");
XB_ASSERT(sizeof(struct xb_bucket) == 24, "xb_bucket");
XB_ASSERT(sizeof(struct xb_client) == 28, "xb_client");
XB_ASSERT(sizeof(struct xb_displaced) == 56, "xb_displaced");
XB_ASSERT(sizeof(struct xb_lb) == 16 + 8 * XB_MAX_SLAVES + 24 * XB_BUCKETS + 29 * XB_CLIENTS, "xb_lb");
XB_ASSERT(sizeof(struct xb_xsk_rule) == 32, "xb_xsk_rule");
XB_ASSERT(sizeof(struct xb_port) == 32, "xb_port");
XB_ASSERT(sizeof(struct xb_ports) == 16 + 32 * XB_PORTS, "xb_ports");
XB_ASSERT(sizeof(struct xb_port_key) == 8, "xb_port_key");
XB_ASSERT(sizeof(struct xb_port_at) == 8, "xb_port_at");
XB_ASSERT(sizeof(struct xb_port_counters) == 40, "xb_port_counters");
XB_ASSERT(sizeof(struct xb_view_timer) == 24, "xb_view_timer");
XB_ASSERT(sizeof(struct xb_watch) == 32 + XB_MAX_SLAVES, "xb_watch");

#endif
