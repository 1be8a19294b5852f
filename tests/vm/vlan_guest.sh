#!/bin/bash
# SPDX-License-Identifier: MIT
# Inside the guest: VLANs and groups on a bond over NICs that filter them, as most do. The slaves are of one driver; those of
# another one, wired to them by two hubs, are the switch's: in namespace `sw`, under a bridge (active-backup) or
# bonding.ko (else), with 10.0.0.2 and, in VLAN 10, 10.0.10.2 on top. What a bond of xbond is to do a bond of bonding.ko
# does first, over the same NICs: where that fails, it is the emulated NIC.
#
# usage: vlan_guest.sh KERNEL [DRIVER [MODE...]]: all of virtio_net, e1000e, vmxnet3; all of the modes below
set -u
. /job/guest_lib.sh

make_peer() { # MODE
    local i
    case $1 in
    active-backup) ip -n sw link add up0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0 ;;
    802.3ad) ip -n sw link add up0 type bond mode 802.3ad lacp_rate fast miimon 100 ;;
    *) ip -n sw link add up0 type bond mode balance-xor miimon 100 ;;
    esac
    for i in "${peers[@]}"; do
        ip -n sw link set "$i" down
        ip -n sw link set "$i" master up0
        ip -n sw link set "$i" up
    done
    ip -n sw link set up0 up
    ip -n sw addr add 10.0.0.2/24 dev up0
    ip -n sw link add link up0 name up0.10 type vlan id 10
    ip -n sw link set up0.10 up
    ip -n sw addr add 10.0.10.2/24 dev up0.10
}

# A hub has carrier for ever: a link that is lost is down on both sides.
pull() { # N
    ip link set "${slaves[$1]}" down
    ip -n sw link set "${peers[$1]}" down
}
put_back() { # N
    ip -n sw link set "${peers[$1]}" up
    ip link set "${slaves[$1]}" up
    until_ok 20 eval '! xbond status -j | grep -qE "\"link\": *\"(down|going back)\""'
}

add_bond() { # TOOL MODE: by ip the kernel's own, by xbond ours
    local i rate=
    [ "$2" != 802.3ad ] || rate='lacp_rate fast'
    "$1" link add bond0 type bond mode "$2" miimon 100 $rate || return
    for i in "${slaves[@]}"; do
        ip link set "$i" down
        "$1" link set "$i" master bond0 || return
    done
    "$1" link set bond0 up && ip addr add 10.0.0.1/24 dev bond0
}

groups_lost() { # of 1000 datagrams a second, each time a group is joined
    until_ok 40 ping -c 1 -W 1 10.0.0.2 >/dev/null || return
    xb_group_loss sw up0 bond0 5 | sed 's/lost \([0-9]*\) .*/\1/' | sort -n | tr '\n' ' '
}

reference() { # LABEL MODE: leaves in `lost_by_reference` what joins cost it
    local label="$1: $2: bonding.ko"
    make_peer "$2"
    check "$label: created" add_bond ip "$2"
    check "$label: untagged" until_ok 40 ping -c 1 -W 1 10.0.0.2
    check "$label: tagged" eval 'add_vlan && tagged'
    lost_by_reference=$(groups_lost)
    ip link set "${slaves[0]}" down
    ip -n sw link set "${peers[0]}" down
    check "$label: tagged without ${slaves[0]}" tagged
    ip link del bond0
    ip -n sw link del up0
    for i in "${!slaves[@]}"; do # as they were
        ip -n sw link set "${peers[$i]}" down
        ip link set "${slaves[$i]}" down
        if [[ ${offloads[$i]} = *"large-receive-offload: on"* ]]; then # bonding.ko does not put it back
            ethtool -K "${slaves[$i]}" lro on
        fi
    done
}

# A join is in the NICs' filters some milliseconds later, which take an emulated processor on a busy one several times as
# long. Lists that are read twice a second lose 250.
joins_cost_little() { # XBOND BONDING.KO, both sorted
    local -a ours theirs
    read -ra ours <<<"$1"
    read -ra theirs <<<"$2"
    [ ${#ours[@]} = 5 ] && [ ${#theirs[@]} = 5 ] && [ "${ours[2]}" -le $((theirs[2] + 60)) ]
}

add_vlan() { # above the bond, when the slaves are there
    ip link add link bond0 name bond0.10 type vlan id 10 && ip link set bond0.10 up && ip addr add 10.0.10.1/24 dev bond0.10
}

tagged() { # in both directions, and nobody remembers the other's address
    ip neigh flush dev bond0.10 2>/dev/null
    ip -n sw neigh flush dev up0.10
    until_ok 40 ping -c 1 -W 1 10.0.10.2 && loses_at_most 0 20 10.0.10.2 && loses_at_most 0 20 10.0.10.1 sw
}

not_promiscuous() { # none of the slaves
    local i
    for i in "${slaves[@]}"; do
        ip -d link show "$i" | grep -q 'promiscuity 0' || { ip -d link show "$i"; return 1; }
    done
}

lets_in() { # every slave has an answer
    [ "$(xbond status -j | grep -oE '"vlans": *"(filter set|filter off|open)"' | wc -l)" = ${#slaves[@]} ] ||
        { xbond status; return 1; }
}

nothing_left() {
    local i
    ! ip link show | grep xbv || return 1
    for i in "${!slaves[@]}"; do
        [ "$(ethtool -k "${slaves[$i]}" | grep -E 'rx-vlan-filter|large-receive')" = "${offloads[$i]}" ] ||
            { ethtool -k "${slaves[$i]}" | grep -E 'rx-vlan-filter|large-receive'; echo "was ${offloads[$i]}"; return 1; }
    done
}

mode() { # LABEL MODE
    local label="$1: $2" i lost
    reference "$1" "$2"
    make_peer "$2"
    check "$label: created" add_bond xbond "$2"
    check "$label: untagged" until_ok 40 ping -c 1 -W 1 10.0.0.2
    check "$label: VLAN added" add_vlan
    check "$label: tagged" tagged
    check "$label: every slave lets the tag in" until_ok 30 lets_in
    check "$label: no slave is promiscuous" not_promiscuous
    lost=$(groups_lost)
    echo "RESULT: $(uname -r) $1 $2: lost of 1000 a second after a join: xbond $lost; bonding.ko $lost_by_reference"
    check "$label: joined groups come in" joins_cost_little "$lost" "$lost_by_reference"
    for i in 0 1; do
        pull $i
        check "$label: tagged without ${slaves[$i]}" tagged
        check "$label: no slave is promiscuous without ${slaves[$i]}" not_promiscuous
        put_back $i
    done
    check "$label: a slave leaves" xbond link set "${slaves[1]}" nomaster
    check "$label: and has nothing of ours" eval "! ip link show | grep -q '@${slaves[1]}'"
    check "$label: it joins later" xbond link set "${slaves[1]}" master bond0
    check "$label: it lets the tag in" until_ok 30 lets_in
    pull 0
    check "$label: tagged through the one that joined later" tagged
    put_back 0
}

neighbour_is() { # MAC: what the peer has learned for the bridge's address
    ip -n sw neigh show 10.0.10.9 | grep -q "lladdr $1" || { ip -n sw neigh show; return 1; }
}

# A bridge that filters VLANs above the bond: its own tag goes through the slaves' filters, and is on what is announced.
bridged() { # LABEL
    local i label="$1: bridge with VLANs"
    make_peer active-backup
    check "$label: created" eval 'xbond link add bond0 type bond mode active-backup miimon 100 fail_over_mac active &&
        xbond link set bond0 type bond primary "${slaves[0]}" && xbond link set "${slaves[0]}" master bond0 && xbond link set "${slaves[1]}" master bond0 &&
        xbond link set bond0 up && ip link add br9 type bridge vlan_filtering 1 vlan_default_pvid 0 &&
        ip link set bond0 master br9 && bridge vlan add dev bond0 vid 10 &&
        bridge vlan add dev br9 vid 10 pvid untagged self && ip link set br9 up && ip addr add 10.0.10.9/24 dev br9'
    check "$label: tagged" until_ok 40 ping -c 1 -W 1 10.0.10.2
    check "$label: the peer knows it by ${slaves[0]}" until_ok 20 neighbour_is "$(cat "/sys/class/net/${slaves[0]}/address")"
    pull 0
    check "$label: announced with the tag and the address of ${slaves[1]}" until_ok 20 \
        neighbour_is "$(cat "/sys/class/net/${slaves[1]}/address")"
    put_back 0
    ip link del br9
    check "$label: deleted" xbond link del bond0
    ip -n sw link del up0
}

driver() { # DRIVER PEERS
    local m i
    mapfile -t slaves < <(nics_of "$1")
    mapfile -t peers < <(nics_of "$2")
    [ ${#slaves[@]} = 2 ] && [ ${#peers[@]} = 2 ] || { fail "$1: NICs ${slaves[*]} and ${peers[*]}"; return; }
    offloads=()
    for i in "${slaves[@]}"; do
        offloads+=("$(ethtool -k "$i" | grep -E 'rx-vlan-filter|large-receive')")
    done
    echo "-- $1: ${slaves[*]}: ${offloads[0]}"
    ip netns add sw
    for i in "${peers[@]}"; do
        ip link set "$i" netns sw
    done
    for m in $modes; do
        mode "$1" "$m"
        if [ "$m" = active-backup ]; then
            stop_daemon KILL
            check "$1: tagged without a controller" tagged
            start_daemon >/dev/null
            check "$1: tagged, adopted" tagged
            check "$1: no slave is promiscuous, adopted" not_promiscuous
            sysctl -qw net.ipv4.conf.bond0.forwarding=1
            check "$1: no large receive offload where the bond forwards" until_ok 30 eval \
                "! ethtool -k ${slaves[0]} | grep -E 'large-receive-offload: on'"
            sysctl -qw net.ipv4.conf.bond0.forwarding=0
            check "$1: the VLAN is deleted" ip link del bond0.10
            check "$1: nothing is left of it" until_ok 30 nothing_left
            add_vlan
            until_ok 30 lets_in
        fi
        check "$1: $m: deleted" xbond link del bond0
        check "$1: $m: the NICs are as before" until_ok 30 nothing_left
        ip -n sw link del up0
    done
    bridged "$1"
    ip netns del sw # the NICs come back
    until_ok 20 eval "[ \$(ls -d /sys/class/net/eth* | wc -l) = $all ]"
}

modprobe -a virtio_net e1000e vmxnet3 8021q bridge sch_ingress cls_bpf
modprobe bonding max_bonds=0
until_ok 20 eval 'ls -d /sys/class/net/eth*'
all=$(ls -d /sys/class/net/eth* | wc -l)
drivers=${2:-virtio_net e1000e vmxnet3}
modes=${*:3}
modes=${modes:-active-backup balance-xor 802.3ad}
echo "kernel $(uname -r), $all NICs"
if start_daemon >/dev/null; then pass "xbondd serves"; else fail "xbondd serves"; fi
for d in $drivers; do
    if [ "$d" = virtio_net ]; then driver virtio_net e1000e; else driver "$d" virtio_net; fi
done
stop_daemon TERM
check "teardown" xbondd --teardown
report
