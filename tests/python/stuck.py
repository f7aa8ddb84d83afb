"""300 clients stop reading in the middle of a FETCH; others do not notice."""

import os
import re
import sys
import time

import wp

CLIENTS = 300
LINE = b"0123456789" * 7 + b"\r\n"
MESSAGE = wp.sample("large") + LINE * 120_000
NOOPS = 400
STORES = 1500
NOOP_MS_MAX = 10.0
# A kept snapshot would let each STORE take new pages; the change log alone grows by its records.
METADATA_GROWTH_BYTES_MAX = 1 << 20
MEMORY_GROWTH_KIB_MAX = CLIENTS * 512


def main():
    metadata = sys.argv[1]
    owner = wp.Imap(login="bob")
    owner.append("INBOX", MESSAGE)
    owner.ok(b"SELECT INBOX")
    writer = wp.Imap(login="alice")
    writer.append("INBOX", wp.sample("small"))
    writer.ok(b"SELECT INBOX")
    stores(writer, STORES // 3)
    imapd = wp.process("imapd")
    before = figures(imapd)
    stuck = [stop_reading() for _ in range(CLIENTS)]
    witness = wp.Imap(login="alice")
    witness.ok(b"SELECT INBOX")
    wp.eventually("silence", lambda: settled(imapd))

    size = os.path.getsize(metadata)
    stores(writer, STORES)
    growth = os.path.getsize(metadata) - size
    times = sorted(noop(witness) for _ in range(NOOPS))
    after = figures(imapd)
    print(f"NOOP ms: median {times[NOOPS // 2]:.2f}, p95 {times[NOOPS * 95 // 100]:.2f}, max {times[-1]:.2f}")
    print(f"metadata grew by {growth} bytes; memory kB {before[0]} -> {after[0]}; threads {before[1]} -> {after[1]}")
    assert times[NOOPS * 95 // 100] < NOOP_MS_MAX, "NOOP is slow"
    assert growth <= METADATA_GROWTH_BYTES_MAX, f"the metadata file grew by {growth} bytes"
    assert after[0] - before[0] < MEMORY_GROWTH_KIB_MAX, "memory grew"
    assert after[1] - before[1] < CLIENTS // 2, "threads wait for clients"
    # Whoever reads on gets the rest.
    for client in (stuck[0], stuck[-1]):
        answer = client.finish(client.last)
        assert answer.status == b"OK" and answer.fetches()[1][b"BODY[]"] == MESSAGE
    for client in stuck:
        client.close()
    wp.eventually("the end of the others", lambda: witness.ok(b"NOOP"))


def stop_reading():
    client = wp.Imap(login="bob", buffer=4096)
    client.ok(b"EXAMINE INBOX")
    client.last = client.start(b"FETCH 1 (BODY.PEEK[])")
    client.more()
    return client


def stores(client, count):
    for number in range(count):
        client.ok(b"STORE 1 %sFLAGS.SILENT (\\Flagged)" % (b"+" if number % 2 else b"-"))


def noop(client):
    started = time.perf_counter()
    client.ok(b"NOOP")
    return (time.perf_counter() - started) * 1000


def figures(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        memory = int(re.search(r"Pss_Anon:\s+(\d+)", file.read()).group(1))
    with open(f"/proc/{pid}/status") as file:
        threads = int(re.search(r"Threads:\s+(\d+)", file.read()).group(1))
    return memory, threads


def settled(pid):
    """Whether the process has nothing to do: its clients have taken what they can."""
    first = ticks(pid)
    time.sleep(0.3)
    return ticks(pid) - first <= 1


def ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


main()
