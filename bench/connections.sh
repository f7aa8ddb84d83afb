#!/usr/bin/env bash
# Many connections at once, to a Waypost of its own: what idle ones cost in memory (plain, TLS, mailboxes with holes, after a
# burst), how soon one is told beside thousands of others, and honest clients beside hostile ones. About four minutes.
# Usage: bench/connections.sh [idle notice siege]; WAYPOST_BENCH_IDLE=5000, WAYPOST_BENCH_IDLERS=10000, WAYPOST_BENCH_ATTACKERS=5000.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${*:-idle notice siege}
users=${WAYPOST_BENCH_USERS:-100}
[ -n "${WAYPOST_BENCH_NO_BUILD:-}" ] || cargo build --release --locked -q -p waypost -p waypost-bench
waypost=${WAYPOST_BENCH_PROGRAM:-target/release/waypost}
ulimit -n "$(ulimit -Hn)"
dir=$(mktemp -d "${TMPDIR:-/tmp}/waypost-connections.XXXXXX")
pid=
stop() {
    [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; } || true
    pid=
}
trap 'stop; rm -rf "$dir"' EXIT
WAYPOST_BENCH_PASSWORD=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
export WAYPOST_BENCH_PASSWORD WAYPOST_CONFIG="$dir/demo/config.toml"

start() {
    rm -f "$dir/demo/demo.env"
    "$waypost" demo "$dir/demo" >>"$dir/log" 2>&1 &
    pid=$!
    for _ in $(seq 150); do
        if [ -s "$dir/demo/demo.env" ] && . "$dir/demo/demo.env" && (exec 3<>"/dev/tcp/127.0.0.1/$WAYPOST_IMAP_PORT") 2>/dev/null; then return; fi
        sleep 0.2
    done
    cat "$dir/log" >&2
    return 1
}
bench() {
    target/release/waypost-bench --pid "$pid" --users "$users" --seconds "${WAYPOST_BENCH_SECONDS:-20}" \
        --lmtp "127.0.0.1:$WAYPOST_LMTP_PORT" --imap "127.0.0.1:${imap_port:-$WAYPOST_IMAP_PORT}" \
        --pop "127.0.0.1:$WAYPOST_POP_PORT" "$@"
}
# Each row of memory on a server of its own: the heap keeps what connections gave back.
idle() {
    stop
    start
    bench idle --connections "${WAYPOST_BENCH_IDLE:-5000}" "$@"
}
idle_tls() {
    stop
    start
    imap_port=$WAYPOST_IMAPS_PORT bench idle --connections "${WAYPOST_BENCH_IDLE:-5000}" --ca "$WAYPOST_CA" "$@"
}

start
# More connections than the defaults allow are asked for.
for group in imap=18000 pop=10000 lmtp=10000; do
    "$waypost" msconfig set "${group%=*}.maxsessions" "${group#*=}" >/dev/null
done
stop
start
for n in $(seq "$users"); do
    printf '%s\n' "$WAYPOST_BENCH_PASSWORD" | "$waypost" user add "bench$n@example.com" --password-stdin >/dev/null
done
echo "machine: $(nproc) cores, $(uname -sr), load $(cut -d' ' -f1-3 /proc/loadavg)"
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
