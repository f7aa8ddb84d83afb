#!/usr/bin/env bash
# Measures a Waypost and a Dovecot side by side, in turns, and writes docs/benchmarks/.
# Usage: bench/compare.sh [seconds per row] [rounds]; as root. WAYPOST_COMPARE_ROWS="login retr big" measures only those.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-5} rounds=${2:-3}
seconds=${seconds:-5} rounds=${rounds:-3}
users=${WAYPOST_BENCH_USERS:-50}
format=${WAYPOST_COMPARE_FORMAT:-mdbox}
rows=${WAYPOST_COMPARE_ROWS:-lmtp login fetch retr notice mixed big idle}
out=${WAYPOST_COMPARE_OUT:-docs/benchmarks}
bench/dovecot/install
. bench/common.sh
results=${WAYPOST_COMPARE_RESULTS:-$dir/results.tsv}
ulimit -n "$(ulimit -Hn)"

# Waits until a port takes connections.
reach() {
    for _ in $(seq 150); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.2
    done
    echo "no server at port $1" >&2
    return 1
}

first_waypost() {
    start_waypost "$dir/waypost"
    add_users "$users"
    name_waypost
}

name_waypost() {
    local all=(--label waypost --pid "$pid" --lmtp "127.0.0.1:$WAYPOST_LMTP_PORT" --pop "127.0.0.1:$WAYPOST_POP_PORT")
    waypost_at=("${all[@]}" --imap "127.0.0.1:$WAYPOST_IMAP_PORT")
    waypost_tls=("${all[@]}" --imap "127.0.0.1:$WAYPOST_IMAPS_PORT")
}

# start_dovecot NAME HIBERNATE
start_dovecot() {
    bench/dovecot/run "$dir/$1" "$format" "$2" "$WAYPOST_BENCH_PASSWORD" >"$dir/$1.log" 2>&1 &
    dovecot_pid=$!
    pids+=("$dovecot_pid")
    for _ in $(seq 100); do [ -s "$dir/$1/dovecot.env" ] && break || sleep 0.2; done
    . "$dir/$1/dovecot.env"
    reach "$imap_port"
    local all=(--label dovecot --pid "$dovecot_pid" --lmtp "127.0.0.1:$lmtp_port" --pop "127.0.0.1:$pop_port")
    dovecot_at=("${all[@]}" --imap "127.0.0.1:$imap_port")
    dovecot_tls=("${all[@]}" --imap "127.0.0.1:$imaps_port")
}

bench() {
    "$generator" --tsv "$results" --users "$users" --seconds "$seconds" "$@"
}

# A row on both servers, the one that begins taking turns.
both() {
    if [ $((turn++ % 2)) -eq 0 ]; then
        bench "${waypost_at[@]}" "$@"
        bench "${dovecot_at[@]}" "$@"
    else
        bench "${dovecot_at[@]}" "$@"
        bench "${waypost_at[@]}" "$@"
    fi
}

measure() {
    case $1 in
        lmtp) for c in 1 10 50; do both lmtp --concurrency "$c"; done ;;
        login)
            for c in 1 10; do both imap-login --concurrency "$c"; done
            for c in 1 10; do both pop-login --concurrency "$c"; done
            ;;
        fetch) both fetch --concurrency 4 ;;
        retr) both retr --concurrency 4 ;;
        notice) both notice --count 200 ;;
        big) both big --count "${WAYPOST_COMPARE_BIG:-100000}" ;;
        mixed) both mixed --concurrency 50 ;;
        *) echo "unknown row $1" >&2; return 1 ;;
    esac
}

# idle_row [--holes | tls]: on servers of their own, since a heap keeps what connections gave back.
idle_row() {
    local row=(idle --connections "${WAYPOST_COMPARE_IDLE:-5000}" --mailbox idle --fill 100)
    allow_many "$dir/waypost"
    name_waypost
    if [ "$1" = tls ]; then
        bench "${waypost_tls[@]}" "${row[@]}" --ca "$WAYPOST_CA"
    else
        bench "${waypost_at[@]}" "${row[@]}" $1
    fi
    start_dovecot "dovecot-idle$1" 5s
    if [ "$1" = tls ]; then
        bench "${dovecot_tls[@]}" "${row[@]}" --ca "$ca"
    else
        bench "${dovecot_at[@]}" "${row[@]}" $1
    fi
    kill "$dovecot_pid"
    wait "$dovecot_pid" || true
}

# Memory: Dovecot with hibernation, which is its best. Each of its sessions needs an inotify instance before it can be
# hibernated, of which a user may have 128 by default; without one it would keep its process.
measure_idle() {
    instances=/proc/sys/fs/inotify/max_user_instances
    before=$(cat "$instances")
    trap 'echo "$before" >"$instances"; finish' EXIT
    echo 20000 >"$instances"
    idle_row ""
    idle_row --holes
    idle_row tls
    echo "$before" >"$instances"
    trap finish EXIT
}

turn=0
first_waypost
start_dovecot dovecot 0
# FETCH and RETR need inboxes of 10 KB messages.
if [[ " $rows " == *" fetch "* || " $rows " == *" retr "* ]]; then
    for at in waypost dovecot; do
        declare -n where=${at}_at
        "$generator" --users "$users" --seconds "$seconds" "${where[@]}" lmtp --concurrency 10 >/dev/null
    done
fi
for _ in $(seq "$rounds"); do
    for row in $rows; do [ "$row" = idle ] || measure "$row"; done
done
if [[ " $rows " == *" idle "* ]]; then measure_idle; fi
about="Waypost $("$waypost" --version | awk '{print $2}'), Dovecot $(/usr/sbin/dovecot --version) with $format; $(date -u +%F), \
$(nproc) cores ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)), $(uname -sr), load at the end $(cut -d' ' -f1 /proc/loadavg); \
generator and servers share the machine."
"$generator" compare "$results" --out "$out" --about "$about"
