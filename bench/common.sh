# What the measurements share. Each sources this from the project's root and then has $waypost and $generator (built unless
# WAYPOST_BENCH_NO_BUILD is set), $dir, which is removed when the script ends, and a password for all users.
[ -n "${WAYPOST_BENCH_NO_BUILD:-}" ] || cargo build --release --locked -q -p waypost -p waypost-bench
waypost=${WAYPOST_BENCH_PROGRAM:-target/release/waypost}
generator=${WAYPOST_BENCH_GENERATOR:-target/release/waypost-bench}
dir=$(mktemp -d "${TMPDIR:-/tmp}/waypost-bench.XXXXXX")
chmod 755 "$dir"
pid=
pids=()
stop_waypost() {
    [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; } || true
    pid=
}
finish() {
    stop_waypost
    [ "${#pids[@]}" -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT
# Else a script that is told to end leaves its servers.
trap 'exit 1' INT TERM
WAYPOST_BENCH_PASSWORD=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
export WAYPOST_BENCH_PASSWORD

# start_waypost FOLDER: starts a server there and answers when an IMAP client is greeted.
start_waypost() {
    local greeting
    rm -f "$1/demo.env"
    "$waypost" demo "$1" >>"$dir/waypost.log" 2>&1 &
    pid=$!
    export WAYPOST_CONFIG="$1/config.toml"
    for _ in $(seq 6000); do
        sleep 0.01
        [ -s "$1/demo.env" ] || continue
        . "$1/demo.env"
        if { exec 3<>"/dev/tcp/127.0.0.1/$WAYPOST_IMAP_PORT"; } 2>/dev/null; then
            read -r -t 60 greeting <&3 || true
            exec 3<&-
            [ -z "$greeting" ] || return 0
        fi
    done
    cat "$dir/waypost.log" >&2
    return 1
}

# allow_many FOLDER: starts the server anew with room for more connections than the defaults allow.
allow_many() {
    local group
    for group in imap=18000 pop=10000 lmtp=10000; do
        "$waypost" msconfig set "${group%=*}.maxsessions" "${group#*=}" >/dev/null
    done
    stop_waypost
    start_waypost "$1"
}

# add_users NUMBER: makes bench1 to benchN.
add_users() {
    local n
    for n in $(seq "$1"); do
        printf '%s\n' "$WAYPOST_BENCH_PASSWORD" | "$waypost" user add "bench$n@example.com" --password-stdin >/dev/null
    done
}

# at_waypost: the generator against the server that was started last, with $users users.
at_waypost() {
    "$generator" --pid "$pid" --users "$users" --lmtp "127.0.0.1:$WAYPOST_LMTP_PORT" \
        --imap "127.0.0.1:${imap_port:-$WAYPOST_IMAP_PORT}" --pop "127.0.0.1:$WAYPOST_POP_PORT" "$@"
}

machine() {
    echo "machine: $(nproc) cores, $(uname -sr), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), load $(cut -d' ' -f1-3 /proc/loadavg)"
}
