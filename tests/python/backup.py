"""A backup is taken while mail arrives; the copy has all that was there when it began."""

import sys
import threading

import wp

BEFORE = 60
STATE = "backup-names"


def main():
    if sys.argv[1] == "take":
        take(sys.argv[2])
    else:
        check()


def take(folder):
    lmtp, imap = wp.Lmtp(), wp.Imap(login="alice")
    for number in range(BEFORE):
        lmtp.deliver([b"alice@example.com", b"bob@example.com"], wp.sample(f"before {number}", "x" * 3000))
    imap.ok(b"CREATE Kept")
    imap.ok(b"SELECT INBOX")
    imap.ok(b"STORE 1:10 +FLAGS (\\Flagged)")
    imap.ok(b"COPY 1:5 Kept")
    imap.append("Kept", wp.sample("large", "y" * 70 + "\r\n" + "z" * (3 << 20)))
    stop, sent = threading.Event(), []
    writer = threading.Thread(target=load, args=(stop, sent))
    writer.start()
    try:
        wp.eventually("load", lambda: len(sent) > 10)
        print(wp.tool("backup", folder).stdout.decode())
    finally:
        stop.set()
        writer.join(60)
    print(f"{len(sent)} messages while the copy was taken")
    with open(wp.scratch(STATE), "w") as file:
        file.write(str(len(sent)))


def load(stop, sent):
    lmtp = wp.Lmtp()
    while not stop.is_set():
        lmtp.deliver([b"alice@example.com"], wp.sample(f"during {len(sent)}"))
        sent.append(1)


def check():
    most = int(open(wp.scratch(STATE)).read())
    imap = wp.Imap(login="alice")
    imap.ok(b"SELECT INBOX")
    fetched = imap.ok(b"FETCH 1:* (FLAGS BODY.PEEK[])").fetches()
    assert BEFORE <= len(fetched) <= BEFORE + most, len(fetched)
    for number in range(BEFORE):
        stored = wp.without_trace(fetched[number + 1][b"BODY[]"])
        assert stored == wp.sample(f"before {number}", "x" * 3000)
        assert (b"\\Flagged" in fetched[number + 1][b"FLAGS"]) == (number < 10)
    for number in range(BEFORE, len(fetched)):
        assert wp.without_trace(fetched[number + 1][b"BODY[]"]) == wp.sample(f"during {number - BEFORE}")
    imap.ok(b"SELECT Kept")
    kept = imap.ok(b"FETCH 1:* (BODY.PEEK[])").fetches()
    assert len(kept) == 6 and len(kept[6][b"BODY[]"]) > 3 << 20
    # The copy takes mail.
    wp.Lmtp().deliver([b"bob@example.com"], wp.sample("after"))
    assert wp.Pop(login="bob").ok(b"STAT").split()[1] == b"%d" % (BEFORE + 1)


main()
