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
. bench/common.sh
figures="$dir/figures.tsv"

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

# Starts the server, with the time until a client is greeted in $took.
start() {
    local begun
    begun=$(milliseconds)
    start_waypost "$dir/$kind"
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

bench() { at_waypost --size 1024 growth "$@"; }

# Starts the server anew and checks the store.
again() {
    stop_waypost
    start
    note "$1-tools" ms "start to greeting" "$2" "$took"
    timed "waypost check" "$1" "$2" "$waypost" check
}

# Users from number $1 to number $2, with the password of the first one.
more_users() {
    bench ldif --from "$1" --to "$2" --hash "$hash" >"$dir/users.ldif"
    timed "import of new users" accounts "$2" "$waypost" user import --ldif "$dir/users.ldif"
}

# A new store with two users of the same password.
fresh() {
    stop_waypost
    users=2
    start
    add_users 2
    hash=$("$waypost" user export --ldif --base o=bench | sed -e ':a' -e 'N;$!ba' -e 's/\n //g' |
        awk '/^dn: uid=bench1,/ { ours = 1 } ours && /^userPassword:/ { print $2; exit }')
}

machine
for kind in $what; do
    fresh
    before=0
    for count in ${!kind}; do
        if [ "$kind" = accounts ]; then
            more_users $((before > 2 ? before + 1 : 3)) "$count"
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
