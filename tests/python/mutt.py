"""mutt lists, reads and flags over IMAP, in a terminal of its own."""

import os
import pty
import select
import shutil
import signal
import time

import wp


def main():
    program = shutil.which("mutt") or shutil.which("neomutt")
    imap = wp.Imap(login="alice")
    for number in range(5):
        imap.append("INBOX", wp.sample(f"seen by mutt {number}", f"Text number {number}."))
    saved = wp.scratch("piped")
    # What a person does: each step waits for what it reacts to.
    talk(
        program,
        [
            (b"seen by mutt 4", "3\r"),
            (b"", "\r"),
            (b"Text number 2.", "i"),
            (b"seen by mutt 4", f"|cat > {saved}\r"),
            (b"", "F"),
            (b"", "$"),
            (b"", "q"),
        ],
    )
    with open(saved, "rb") as file:
        assert b"Text number 2." in file.read()
    imap.ok(b"SELECT INBOX")
    flags = {n: set(map(bytes, m[b"FLAGS"])) for n, m in imap.ok(b"FETCH 1:5 FLAGS").fetches().items()}
    assert {b"\\Seen", b"\\Flagged"} <= flags[3], flags
    assert all(b"\\Flagged" not in flags[n] for n in (1, 2, 4, 5)), flags


def talk(program, steps):
    pid, terminal = start(program)
    seen, end = bytearray(), time.monotonic() + 60
    try:
        for expected, keys in steps:
            while expected not in seen:
                assert read_some(terminal, seen, end), f"no {expected} in {bytes(seen[-3000:])}"
            del seen[:]
            os.write(terminal, keys.encode())
            # The answer to a key without an expected text is whatever comes until it is silent.
            while select.select([terminal], [], [], 0.5)[0] and read_some(terminal, seen, end):
                pass
        while read_some(terminal, seen, end):
            pass
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
    assert status == 0, (status, bytes(seen[-3000:]))


def read_some(terminal, seen, end):
    """False at the end of the program; an error when it takes too long."""
    ready = select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]
    assert ready, f"mutt waits: {bytes(seen[-3000:])}"
    try:
        data = os.read(terminal, 65536)
    except OSError:
        return False
    seen += data
    return bool(data)


def start(program):
    rc = wp.scratch("muttrc")
    with open(rc, "w") as file:
        file.write(
            f"""set imap_user="alice@example.com"
set imap_pass="{wp.password("alice")}"
set ssl_starttls=no
set ssl_force_tls=no
set certificate_file="{os.environ["WAYPOST_CA"]}"
set quit=yes
set sort=mailbox-order
set pager_index_lines=0
set wait_key=no
set prompt_after=no
set header_cache=""
set move=no
set folder=""
set spoolfile=""
set record=""
set postponed=""
set imap_check_subscribed=no
set charset="utf-8"
"""
        )
    command = [program, "-n", "-F", rc, "-f", f"imap://127.0.0.1:{wp.port('IMAP')}/INBOX"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="vt100", HOME=wp.scratch(), LINES="40", COLUMNS="120")
        os.execvp(command[0], command)
    return pid, terminal


main()
