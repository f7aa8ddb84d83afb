#!/usr/bin/env bash
# Many connections at once, to a Waypost of its own: what idle ones cost in memory (plain, TLS, mailboxes with holes, after a
# burst), how soon one is told beside thousands of others, and honest clients beside hostile ones. About four minutes.
# Usage: bench/connections.sh [idle notice siege]; WAYPOST_BENCH_IDLE=5000, WAYPOST_BENCH_IDLERS=10000, WAYPOST_BENCH_ATTACKERS=5000.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${*:-idle notice siege}
users=${WAYPOST_BENCH_USERS:-100}
. bench/common.sh
ulimit -n "$(ulimit -Hn)"
bench() { at_waypost --seconds "${WAYPOST_BENCH_SECONDS:-20}" "$@"; }
again() {
    stop_waypost
    start_waypost "$dir/demo"
}
# Each row of memory on a server of its own: the heap keeps what connections gave back.
idle() {
    again
    bench idle --connections "${WAYPOST_BENCH_IDLE:-5000}" "$@"
}
idle_tls() {
    again
    imap_port=$WAYPOST_IMAPS_PORT bench idle --connections "${WAYPOST_BENCH_IDLE:-5000}" --ca "$WAYPOST_CA" "$@"
}

start_waypost "$dir/demo"
allow_many "$dir/demo"
add_users "$users"
machine
for one in $what; do
    case $one in
        idle)
            idle --mailbox idle --fill 100
            idle --mailbox holes --fill 100 --holes
            idle_tls --mailbox idle
            idle_tls --mailbox holes
            ;;
        notice)
            bench notice
            bench notice --idlers "${WAYPOST_BENCH_IDLERS:-10000}"
            ;;
        siege) bench siege --attackers "${WAYPOST_BENCH_ATTACKERS:-5000}" ;;
        *) echo "unknown: $one" >&2; exit 1 ;;
    esac
done
