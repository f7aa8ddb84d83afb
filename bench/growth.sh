#!/usr/bin/env bash
# Fills a Waypost of its own step by step and plots what things cost then: messages of a mailbox, folders of a
# user, users. Usage: bench/growth.sh [messages folders accounts]; the figures and plots go to docs/benchmarks.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${*:-messages folders accounts}
messages=${WAYPOST_GROWTH_MESSAGES:-1000 10000 100000 1000000}
folders=${WAYPOST_GROWTH_FOLDERS:-10 100 1000 10000}
accounts=${WAYPOST_GROWTH_ACCOUNTS:-100 1000 10000 100000}
out=${WAYPOST_GROWTH_OUT:-docs/benchmarks}
[ -n "${WAYPOST_BENCH_NO_BUILD:-}" ] || cargo build --release --locked -q -p waypost -p waypost-bench
waypost=${WAYPOST_BENCH_PROGRAM:-target/release/waypost}
generator=${WAYPOST_BENCH_GENERATOR:-target/release/waypost-bench}
dir=$(mktemp -d "${TMPDIR:-/tmp}/waypost-growth.XXXXXX")
figures="$dir/figures.tsv"
pid=
stop() {
    [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; } || true
    pid=
}
trap 'stop; rm -rf "$dir"' EXIT
WAYPOST_BENCH_PASSWORD=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
export WAYPOST_BENCH_PASSWORD

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

# Starts the server; answers when an IMAP client is greeted, with the time that took in $took.
start() {
    local begun greeting
    begun=$(milliseconds)
    rm -f "$dir/$kind/demo.env"
    "$waypost" demo "$dir/$kind" >>"$dir/log" 2>&1 &
    pid=$!
    for _ in $(seq 6000); do
        sleep 0.01
        [ -s "$dir/$kind/demo.env" ] || continue
        . "$dir/$kind/demo.env"
        if { exec 3<>"/dev/tcp/127.0.0.1/$WAYPOST_IMAP_PORT"; } 2>/dev/null; then
            read -r -t 60 greeting <&3
            exec 3<&-
            [ -n "$greeting" ] && break
        fi
    done
    took=$(($(milliseconds) - begun))
}

# note PLOT UNIT LINE NUMBER FIGURE
note() {
    printf '%s\t%s\t%s\t%s\t%s\n' "$@" | tee -a "$figures"
}

# timed LINE KIND NUMBER COMMAND...: the time of a command as a figure.
timed() {
    local line=$1 kind=$2 number=$3 begun
    shift 3
    begun=$(milliseconds)
    "$@" >/dev/null
    note "$kind-tools" ms "$line" "$number" $(($(milliseconds) - begun))
}

bench() {
    "$generator" --pid "$pid" --users "$users" --size 1024 --lmtp "127.0.0.1:$WAYPOST_LMTP_PORT" \
        --imap "127.0.0.1:$WAYPOST_IMAP_PORT" --pop "127.0.0.1:$WAYPOST_POP_PORT" growth "$@"
}

# Starts the server anew and checks the store.
again() {
    stop
    start
    note "$1-tools" ms "start to greeting" "$2" "$took"
    timed "waypost check" "$1" "$2" "$waypost" check
}

# Users from number $1 to number $2, with the password of the first one.
add_users() {
    bench ldif --from "$1" --to "$2" --hash "$hash" >"$dir/users.ldif"
    timed "import of new users" accounts "$2" "$waypost" user import --ldif "$dir/users.ldif"
}

# A new store with two users of the same password.
fresh() {
    stop
    users=2
    start
    export WAYPOST_CONFIG="$dir/$kind/config.toml"
    for n in 1 2; do
        printf '%s\n' "$WAYPOST_BENCH_PASSWORD" | "$waypost" user add "bench$n@example.com" --password-stdin >/dev/null
    done
    hash=$("$waypost" user export --ldif --base o=bench | sed -e ':a' -e 'N;$!ba' -e 's/\n //g' |
        awk '/^dn: uid=bench1,/ { ours = 1 } ours && /^userPassword:/ { print $2; exit }')
}

echo "machine: $(nproc) cores, $(uname -sr), load $(cut -d' ' -f1-3 /proc/loadavg)"
for kind in $what; do
    fresh
    before=0
    for count in ${!kind}; do
        if [ "$kind" = accounts ]; then
            add_users $((before > 2 ? before + 1 : 3)) "$count"
            users=$count
            timed "waypost user list" accounts "$count" "$waypost" user list
        fi
        bench "$kind" --count "$count" --before "$before" --figures "$figures"
        again "$kind" "$count"
        before=$count
    done
done
mkdir -p "$out"
cp "$figures" "$out/growth.tsv"
"$generator" growth plot --figures "$figures" --folder "$out"
