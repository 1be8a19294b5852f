#!/bin/bash
# SPDX-License-Identifier: MIT
# Inside the guest: mode 802.3ad against bonding.ko and against teamd. Slaves e0 and e1 are veth ends; their far ends s0
# and s1 live in namespace `sw` under the partner's up0, with 10.0.0.2 on top. "Ours" is what xbond says of its ports,
# "theirs" what the partner says of its own.
set -u
. /job/guest_lib.sh
partner= # bond or team
teamd=

on_sw() { ip netns exec sw "$@"; }

make_partner() { # bond|team slow|fast on|off: the rate that it asks for, whether it speaks first
    local i active=true fast=false
    partner=$1
    ip netns add sw
    for i in 0 1; do
        ip link add e$i type veth peer name s$i netns sw
    done
    if [ "$partner" = bond ]; then
        ip -n sw link add up0 type bond mode 802.3ad lacp_rate "$2" lacp_active "$3" miimon 20 xmit_hash_policy layer3+4
        ip -n sw link set s0 master up0
        ip -n sw link set s1 master up0
    else
        [ "$3" = on ] || active=false
        [ "$2" = slow ] || fast=true
        echo '{"device": "up0", "link_watch": {"name": "ethtool"}, "ports": {"s0": {}, "s1": {}}, "runner":
            {"name": "lacp", "active": '$active', "fast_rate": '$fast', "tx_hash": ["eth", "ipv4", "l4"]}}' >teamd.conf
        ip netns exec sw teamd -U -f teamd.conf >/out/teamd.log 2>&1 & # not on_sw: a function is one process more
        teamd=$!
        until_ok 30 on_sw teamdctl -U up0 state || return
    fi
    ip -n sw link set s0 up
    ip -n sw link set s1 up
    ip -n sw addr add 10.0.0.2/24 dev up0
    ip -n sw link set up0 up
}
end_partner() {
    [ "$partner" = bond ] || { kill "$teamd" && wait "$teamd"; }
    ip netns del sw
    until_ok 10 eval '! ip link show e0 && ! ip link show e1'
}

make_bond() { # OPTIONS...
    ip link set e0 down
    ip link set e1 down
    xbond link add bond0 type bond mode 802.3ad xmit_hash_policy layer3+4 miimon 20 "$@" &&
        xbond link set e0 master bond0 && xbond link set e1 master bond0 && xbond link set bond0 up &&
        ip addr add 10.0.0.1/24 dev bond0
}

# Both print a line per port: NAME ACTOR-STATE PARTNER-STATE ACTOR-SYSTEM PARTNER-SYSTEM.
ours() {
    local info='\{[^}]*"system":"([^"]*)"[^}]*"state":([0-9]*).*'
    xbond -j lacp bond0 | sed 's/{"name":/\n&/g' |
        sed -nE 's/^\{"name":"([^"]*)".*"actor":'"$info"'"partner":'"$info"'/\1 \3 \5 \2 \4/p'
}
theirs() { partner_says | read_partner; }
partner_says() {
    if [ "$partner" = bond ]; then on_sw cat /proc/net/bonding/up0; else on_sw teamdctl -U up0 state dump; fi
}
read_partner() {
    if [ "$partner" = bond ]; then
        awk '/^Slave Interface:/ { port = $3 }
            /^details/ { who = $2 }
            /^ *system mac address:/ { id[who] = $4 }
            /^ *port state:/ { state[who] = $3 }
            /^ *port state:/ && who == "partner" { print port, state["actor"], state[who], id["actor"], id[who] }'
    else
        awk -F'"' '/^ *"s[01]": / { port = $2 }
            /"actor_lacpdu_info"/ { who = "actor" }
            /"partner_lacpdu_info"/ { who = "partner" }
            /"state": [0-9]/ { split($3, word, /[ ,]+/); state[who] = word[2] }
            /"system":/ { id[who] = $4 }
            /"system":/ && who == "partner" { print port, state["actor"], state[who], id["actor"], id[who] }'
    fi
}

# Both ports of both sides in the given states, and each side's systems are what the other takes them for.
agree() { # OUR-STATE THEIR-STATE
    local us them mac
    us=$(ours)
    them=$(theirs)
    mac='[0-9a-f:]{17}'
    if [[ $us =~ ^"e0 $1 $2 "($mac)" "($mac)$'\n'"e1 $1 $2 "($mac)" "($mac)$ ]] &&
        [ "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}" = "${BASH_REMATCH[3]} ${BASH_REMATCH[4]}" ] &&
        mac="${BASH_REMATCH[2]} ${BASH_REMATCH[1]}" && [ "$them" = "s0 $2 $1 $mac"$'\n'"s1 $2 $1 $mac" ]; then
        return
    fi
    printf 'expected %s here and %s there; ours:\n%s\ntheirs:\n%s\n' "$1" "$2" "$us" "$them"
    return 1
}

distributes() { # OF PORT yes|no: what the side `ours` or `theirs` says of its port
    local state
    state=$("$1" | awk -v port="$2" '$1 == port { print $2 }')
    [ $((${state:-0} & 32)) = "$([ "$3" = yes ] && echo 32 || echo 0)" ] && [ -n "$state" ] ||
        { echo "state of $2: '$state'"; return 1; }
}

channels() { # WAY: of both slaves
    [ "$(xbond -j lacp bond0 | grep -o "\"way\":\"$1\"" | wc -l)" = 2 ] || { xbond -j lacp bond0; return 1; }
}

carries() { # LABEL
    forwards "$1"
    check "$1: 100 pings from the partner" loses_at_most 0 100 10.0.0.1 sw
}

# bonding.ko of newer 6.1 says nothing new of a port without a link: only what ours says is looked at.
pulls() { # LABEL N: link N is pulled under traffic in both directions, then put back
    local label="$1: link $2 pulled" back=$3 there=$4
    (usleep 300000; ip -n sw link set "s$2" down) &
    check "$label: at most 200 of 400 pings lost" loses_at_most 200 400
    wait $!
    check "$label: e$2 does not distribute" until_ok 20 distributes ours "e$2" no
    check "$label: e$((1 - $2)) does" distributes ours "e$((1 - $2))" yes
    check "$label: s$((1 - $2)) does" distributes theirs "s$((1 - $2))" yes
    check "$label: pings" loses_at_most 0 50
    check "$label: pings from the partner" loses_at_most 0 50 10.0.0.1 sw
    ip -n sw link set "s$2" up
    check "$label: and back" until_ok 60 agree "$back" "$there"
    check "$label: pings after that" until_ok 10 loses_at_most 0 50
}

unbroken() { # FILE: the answers of a ping that ran on, without a gap from the first to the last
    sed -nE 's/.*icmp_seq=([0-9]+) .*/\1/p' "$1" | awk 'NR != $1 { print "answer", NR, "is to ping", $1; exit 1 }
        END { if (NR < 10) { print NR, "answers"; exit 1 } }'
}

# Slow rate on both sides: xbondd takes 10 s and more to start in an emulated guest, the fast rate leaves it 3. LACPDUs
# come every 30 s and count for 90: who is away for longer than 30 may miss two, and the third comes as the time is up.
restarts() { # LABEL OUR-STATE THEIR-STATE WAY
    local label="$1: restart" pings sampler killed
    touch sampling
    (while [ -e sampling ]; do partner_says; usleep 500000; done) >sampled &
    sampler=$!
    ping -n -i 0.02 10.0.0.2 >pings &
    pings=$!
    stop_daemon KILL
    killed=$SECONDS
    check "$label: 50 pings without xbondd" loses_at_most 0 50
    check "$label: 50 pings from the partner without xbondd" loses_at_most 0 50 10.0.0.1 sw
    start_daemon >/dev/null
    check "$label: xbondd was away for $((SECONDS - killed)) s, at most 30" test $((SECONDS - killed)) -le 30
    check "$label: adopted" agree "$2" "$3"
    check "$label: channel $4" until_ok 20 channels "$4"
    check "$label: 50 pings" loses_at_most 0 50
    check "$label: still in state $2 and $3" agree "$2" "$3"
    kill -INT $pings
    wait $pings
    check "$label: not one ping of all that time lost" unbroken pings
    rm sampling
    wait $sampler
    read_partner <sampled >states
    check "$label: the partner stayed in state $3" eval "[ \$(wc -l <states) -ge 10 ] || { cat states; false; }
        ! grep -vE '^s[01] $3 $2 ' states"
}

# None of the partner's ports distributes. bonding.ko goes on saying what it last heard: a farewell, from the system it
# had negotiated with.
left() { # SYSTEM
    local port actor said rest system n=0
    while read -r port actor said rest system; do
        n=$((n + 1))
        [ $((actor & 32)) = 0 ] || { echo "$port is in state $actor"; return 1; }
        [ "$partner" = team ] || [ $((said & 60)) = 0 ] || { echo "$port: our state is $said"; return 1; }
        [ "$partner" = team ] || [ "$system" = "$1" ] || { echo "$port: our system is $system, was $1"; return 1; }
    done < <(theirs)
    [ $n = 2 ]
}
leaves() { # LABEL
    local system
    system=$(ours | awk '$1 == "e0" { print $4 }')
    check "$1: deleted" xbond link del bond0
    check "$1: the partner's ports left" until_ok 20 left "$system"
}

versus() { # PARTNER XDP WAY: slow rate
    local label="$1, xdp $2"
    make_partner "$1" slow on || fail "$label: partner"
    check "$label: created" make_bond lacp_rate slow xdp "$2" lacp_channel "$3"
    check "$label: state 61 on both sides, both ports" until_ok 60 agree 61 61
    check "$label: channel $3" until_ok 20 channels "$3"
    xbond -j lacp bond0 >"/out/lacp-$1-$2.json"
    carries "$label"
    pulls "$label" 0 61 61
    pulls "$label" 1 61 61
    restarts "$label" 61 61 "$3"
    leaves "$label"
    end_partner
}

one_speaks() { # PARTNER HIS-ACTIVE OUR-ACTIVE OUR-STATE THEIR-STATE: fast rate
    local label="$1, lacp_active $2 there and $3 here"
    make_partner "$1" fast "$2" || fail "$label: partner"
    check "$label: created" make_bond lacp_rate fast lacp_active "$3"
    check "$label: state $4 here and $5 there" until_ok 60 agree "$4" "$5"
    carries "$label"
    check "$label: still so beyond the timeout of the fast rate" stays 5 agree "$4" "$5"
    leaves "$label"
    end_partner
}

modprobe -a veth sch_ingress cls_bpf team team_mode_loadbalance
modprobe bonding max_bonds=0
mkdir -p /run/teamd
[ -e /var/run/teamd ] || ln -s /run/teamd /var/run/teamd
echo "kernel $(uname -r)"
if start_daemon >/dev/null; then pass "xbondd serves"; else fail "xbondd serves"; fi
for way in off:af_packet native:af_xdp; do
    versus bond "${way%:*}" "${way#*:}"
    versus team "${way%:*}" "${way#*:}"
done
one_speaks bond on on 63 63
one_speaks bond off on 63 62
one_speaks bond on off 62 63
one_speaks team on off 62 63
stop_daemon TERM
check "teardown" xbondd --teardown
report
