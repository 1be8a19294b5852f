# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by the guest scripts: verdicts, pings to 10.0.0.2 behind the bond, xbondd.

failures=0
daemon=

pass() { echo "PASS: $*"; }
fail() { echo "FAIL: $*"; failures=$((failures + 1)); }
check() { # TEXT COMMAND...
    local text=$1 said
    shift
    if said=$("$@" 2>&1); then pass "$text"; else fail "$text: ${said:0:2000}"; fi
}
until_ok() { # SECONDS COMMAND...: retries until it succeeds
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || { "$@"; return 1; }
        usleep 20000
    done
}
stays() { # SECONDS COMMAND...: succeeds at every look
    local deadline=$((SECONDS + $1))
    shift
    while [ $SECONDS -lt $deadline ]; do
        "$@" || return 1
        usleep 500000
    done
}
has() { grep -qE "$1" "$2" || { echo "no match for $1 in:"; cat "$2"; return 1; }; }
lost() { # N [ADDRESS NETNS]: packets lost of N pings, 5 ms apart
    local n=$1 got
    got=$(${3:+ip netns exec "$3"} ping -n -q -c "$n" -i 0.005 -W 1 "${2:-10.0.0.2}" | sed -n 's/.* \([0-9]*\) received.*/\1/p')
    echo $((n - ${got:-0}))
}
loses_at_most() { # LIMIT N [ADDRESS NETNS]
    local l limit=$1
    shift
    l=$(lost "$@")
    [ "$l" -le "$limit" ] || { echo "lost $l of $1, at most $limit allowed"; return 1; }
}

nics_of() { # DRIVER: in the order of their PCI slots, which is that of the hubs
    local d
    for d in /sys/class/net/eth*; do
        [ "$(basename "$(readlink "$d/device/driver")")" = "$1" ] && echo "$(readlink -f "$d/device") ${d##*/}"
    done | sort | sed 's/.* //'
}

xbond() { command xbond --timeout 120 "$@"; } # an emulated processor

start_daemon() { # extra arguments
    xbondd "$@" >>/out/xbondd.log 2>&1 &
    daemon=$!
    until_ok 120 eval 'usleep 300000; xbond status -j' # to ask in a loop takes the processor from xbondd
}
stop_daemon() { # SIGNAL
    kill -"$1" "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
}

tcp() {
    local server
    ip netns exec sw iperf3 -s -1 >/dev/null 2>&1 &
    server=$!
    until_ok 60 ip netns exec sw grep -qE ':1451 [0-9A-F]+:0000 0A ' /proc/net/tcp /proc/net/tcp6 && # listens
        iperf3 -c 10.0.0.2 -n 4M
    local rc=$?
    kill $server 2>/dev/null
    wait $server 2>/dev/null
    return $rc
}

forwards() { # LABEL
    check "$1: first answer" until_ok 10 ping -c 1 -W 1 10.0.0.2
    check "$1: 100 pings" loses_at_most 0 100
    check "$1: TCP" tcp
}

report() { # the end of a guest script
    [ $failures = 0 ] || { echo "-- log of xbondd"; tail -50 /out/xbondd.log; dmesg | tail -20; }
    echo "kernel $(uname -r): $failures failures"
    [ $failures = 0 ]
}
