"""More connections than allowed: the rest are told, those that are in do not notice."""

import sys
import time

import wp

LIMIT = int(sys.argv[1])


def main():
    witness = wp.Imap(login="alice")
    crowd = [wp.Lines(wp.port("IMAP"), timeout=20) for _ in range(LIMIT + 40)]
    told = [first_line(client) for client in crowd]
    welcome = sum(line.startswith(b"* OK") for line in told)
    turned_away = sum(line.startswith(b"* BYE") or line == b"" for line in told)
    print(f"{welcome} welcome, {turned_away} turned away")
    assert welcome <= LIMIT and turned_away >= 40, (welcome, turned_away)
    assert any(line.startswith(b"* BYE") for line in told), "nobody was told why"
    started = time.monotonic()
    witness.ok(b"NOOP")
    assert time.monotonic() - started < 1
    # Other services have places of their own.
    wp.Pop(login="alice").ok(b"QUIT")
    wp.Lmtp().ask_ok(b"NOOP")
    for client in crowd:
        client.close()
    wp.eventually("a place for the next", room)


def first_line(client):
    """Empty when the server closed; also when it leaves the client waiting."""
    client.socket.settimeout(3)
    try:
        return client.line()
    except (EOFError, OSError):
        return b""


def room():
    client = wp.Lines(wp.port("IMAP"), timeout=5)
    line = first_line(client)
    client.close()
    return line.startswith(b"* OK")


main()
