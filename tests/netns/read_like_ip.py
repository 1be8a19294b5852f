#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Summarises bonds from what `ip -d -j link show` prints for the kernel's driver, read from standard input. Written
against iproute2's output, with no knowledge of xbond: a key that is missing is an error."""
import json
import sys

BOND_KEYS = """mode miimon updelay downdelay peer_notify_delay use_carrier arp_interval arp_missed_max arp_validate
    arp_all_targets primary_reselect fail_over_mac xmit_hash_policy resend_igmp num_peer_notif all_slaves_active
    min_links lp_interval packets_per_slave ad_lacp_active ad_lacp_rate ad_select tlb_dynamic_lb""".split()

links = json.load(sys.stdin)
for bond in (link for link in links if link.get("linkinfo", {}).get("info_kind") == "bond"):
    data = bond["linkinfo"]["info_data"]
    missing = [key for key in BOND_KEYS if key not in data]
    if missing:
        sys.exit(f"{bond['ifname']}: missing {' '.join(missing)}")
    if data["arp_validate"] is not None or not isinstance(data["miimon"], int):
        sys.exit(f"{bond['ifname']}: arp_validate must be null, miimon a number")
    if "MASTER" not in bond["flags"] or bond["link_type"] != "ether":
        sys.exit(f"{bond['ifname']}: no bond by its flags or type")
    print(bond["ifname"], data["mode"], f"active={data.get('active_slave')}", f"primary={data.get('primary')}",
          f"miimon={data['miimon']}", f"downdelay={data['downdelay']}", f"notify={data['num_peer_notif']}",
          bond["operstate"].lower())
    for slave in (link for link in links if link.get("master") == bond["ifname"]):
        if slave["linkinfo"]["info_slave_kind"] != "bond" or "SLAVE" not in slave["flags"]:
            sys.exit(f"{slave['ifname']}: no slave by its kind or flags")
        data = slave["linkinfo"]["info_slave_data"]
        print(" ", slave["ifname"], data["state"], data["mii_status"], f"failures={data['link_failure_count']}",
              f"perm={data['perm_hwaddr']}", f"queue={data['queue_id']}", f"prio={data['prio']}")
