#!/usr/bin/env bash
# Starts a Waypost of its own in a temporary folder, fills it and prints one table of measurements.
# Usage: bench/run.sh [seconds per row]. Compare rows of one run only: other work on the machine shows.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-6}
users=${WAYPOST_BENCH_USERS:-50}
[ -n "${WAYPOST_BENCH_NO_BUILD:-}" ] || cargo build --release --locked -q -p waypost -p waypost-bench
dir=$(mktemp -d "${TMPDIR:-/tmp}/waypost-bench.XXXXXX")
target/release/waypost demo "$dir" >"$dir.log" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null; rm -rf "$dir" "$dir.log"' EXIT
for _ in $(seq 100); do
    if [ -s "$dir/demo.env" ] && . "$dir/demo.env" && (exec 3<>"/dev/tcp/127.0.0.1/$WAYPOST_IMAP_PORT") 2>/dev/null; then break; fi
    sleep 0.2
done
export WAYPOST_CONFIG="$dir/config.toml"
WAYPOST_BENCH_PASSWORD=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
export WAYPOST_BENCH_PASSWORD
for n in $(seq "$users"); do
    printf '%s\n' "$WAYPOST_BENCH_PASSWORD" |
        target/release/waypost user add "bench$n@example.com" --password-stdin >/dev/null
done
bench() {
    target/release/waypost-bench --pid "$pid" --users "$users" --seconds "$seconds" \
        --lmtp "127.0.0.1:$WAYPOST_LMTP_PORT" --imap "127.0.0.1:$WAYPOST_IMAP_PORT" \
        --pop "127.0.0.1:$WAYPOST_POP_PORT" "$@"
}
echo "machine: $(nproc) cores, $(uname -sr), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)"
bench head
for c in 1 10 50; do bench lmtp --concurrency "$c"; done
for c in 1 10; do bench imap-login --concurrency "$c"; done
for c in 1 10; do bench pop-login --concurrency "$c"; done
bench fetch --concurrency 4
bench retr --concurrency 4
bench select --mailbox m100 --fill 100 --size 1024
bench select --mailbox m100k --fill 100000 --size 1024
bench select --mailbox m100k-holes --fill 100000 --holes --size 1024
bench select --mailbox m100
bench big
bench notice
bench notice --idlers "${WAYPOST_BENCH_IDLERS:-500}"
ulimit -n "$(ulimit -Hn)"
bench idle --connections "${WAYPOST_BENCH_IDLE:-2000}" --mailbox idle --fill 100 --holes
