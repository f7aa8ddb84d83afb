#!/usr/bin/env bash
# Starts a Waypost of its own in a temporary folder, fills it and prints one table of measurements.
# Usage: bench/run.sh [seconds per row]. Compare rows of one run only: other work on the machine shows.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-6}
users=${WAYPOST_BENCH_USERS:-50}
. bench/common.sh
start_waypost "$dir/demo"
add_users "$users"
bench() { at_waypost --seconds "$seconds" "$@"; }
machine
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
