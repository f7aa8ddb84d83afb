# A small system for one test, in namespaces of its own: `bash -c "$(cat installed.sh)" NAME STAGING SCENE`.
# The staging's folders lie in their places over those of the real system, which nothing here changes.
staging=$1 scene=$2
mount --make-rprivate /
mkdir -p "$staging"/etc "$staging"/var/{lib,log} "$staging"/run
printf 'root:x:0:0::/:/bin/sh\nwaypost:x:4711:4711::/:/bin/sh\n' >"$staging/etc/passwd"
printf 'root:x:0:\nwaypost:x:4711:\n' >"$staging/etc/group"
for file in /etc/ld.so.cache /etc/nsswitch.conf; do
    if [ -e "$file" ]; then cp "$file" "$staging/etc/"; fi
done
chgrp -R 4711 "$staging/etc/waypost"
mount --bind "$staging/usr/local" /usr/local
mount --bind "$staging/var" /var
mount --bind "$staging/run" /run
mount --bind "$staging/etc" /etc
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin

unit() {
    if ! command -v systemd-analyze >/dev/null; then
        printf 'no systemd-analyze\n'
        return
    fi
    unit=/usr/local/lib/systemd/system/waypost.service
    systemd-analyze verify --man=no "$unit"
    systemd-analyze security --offline=true --threshold=20 --no-pager "$unit" | tail -n 1
    systemd-tmpfiles --create --dry-run /usr/local/lib/tmpfiles.d/waypost.conf >/dev/null 2>&1 ||
        systemd-tmpfiles --create /usr/local/lib/tmpfiles.d/waypost.conf
}

serve() {
    python3 - <<'LOOPBACK' || /usr/bin/env ip link set lo up
import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14x', b'lo', 0x49))
LOOPBACK
    mount -t proc proc /proc
    waypost check-config
    msconfig set base.defaultdomain example.com
    waypost domain add example.com
    printf 'secret\n' | waypost user add alice --password-stdin
    waypost run &
    server=$!
    tries=0
    until waypost status >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ]
        sleep 0.1
    done
    printf 'runs as %s with %s\n' "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$server/status")" \
        "$(sed -n 's/^CapEff:\t//p' "/proc/$server/status")"
    msconfig <<'DIALOGUE'
set base.sslcertfile cert.pem
set base.sslkeyfile key.pem
set pop.enablesslport 1
set pop.sslport 995
write -remark="TLS"
exit
DIALOGUE
    stop-msg pop
    start-msg pop
    refresh
    printf 'Subject: Hello\n\nIt works.\n' | waypost deliver alice
    waypost status
    stat -c '%n %u %a' /var/lib/waypost/* /etc/waypost/config.toml | sed 's|^.*/||'
    stop-msg watcher
    wait "$server"
}

"$scene"
