"""IMAP sessions go on when `stored` is killed and started again."""

import os
import signal
import sys
import time

import wp

ROUNDS = int(sys.argv[1])


def main():
    worker, watcher = wp.Imap(login="alice", timeout=60), wp.Imap(login="alice", timeout=60)
    for client in (worker, watcher):
        client.ok(b"SELECT INBOX")
    for number in range(ROUNDS):
        os.kill(stored(), signal.SIGKILL)
        # On the same connections: a write waits for the new process, a read does not.
        started = time.monotonic()
        worker.ok(b"NOOP")
        assert time.monotonic() - started < 5, "a read waited for the writer"
        worker.append("INBOX", wp.sample(f"round {number}"))
        worker.ok(b"STORE %d +FLAGS (\\Flagged)" % (number + 1))
        assert watcher.ok(b"NOOP").lines(b"EXISTS")[-1] == b"* %d EXISTS\r\n" % (number + 1)
    idle_over_a_restart(worker, watcher)
    assert len(worker.ok(b"SEARCH FLAGGED").search()) == ROUNDS
    assert len(worker.ok(b"SEARCH ALL").search()) == ROUNDS + 1
    print(f"{ROUNDS + 1} restarts")


def idle_over_a_restart(worker, watcher):
    """The wake-up feed comes back too."""
    watcher.idle()
    os.kill(stored(), signal.SIGKILL)
    worker.append("INBOX", wp.sample("after a restart"))
    watcher.read_until(rb"\* %d EXISTS" % (ROUNDS + 1))
    watcher.done()


def stored():
    """The process, once it has run long enough for the watcher not to wait longer next time."""
    def steady():
        pid = wp.process("stored")
        return pid if pid and wp.age(pid) >= wp.STEADY_SECONDS else None

    return wp.eventually("stored", steady)


main()
