"""Real mail goes in by LMTP, APPEND and import, and comes out byte for byte."""

import os
import re
import sys
import time

import corpus
import structure
import wp

# How many APPEND commands or FETCH commands wait for their answers at a time.
PIPELINE = 16
# Where a partial FETCH starts and how much it asks for.
PARTIAL = (500, 700)
# The flags of imported Maildir files: the first none, one, two or all of these.
MAILDIR_FLAGS = "FRS"


def main():
    mail = corpus.easy_ham() + corpus.mail_parser() + corpus.others()
    started = time.monotonic()
    by_lmtp = deliver(mail[0::3])
    by_append = append(mail[1::3])
    by_mbox = import_mbox(mail[2::6])
    by_maildir = import_maildir(mail[5::6])
    print(f"{len(mail)} messages in after {time.monotonic() - started:.1f} s")
    faults = imported_flags(len(by_append) + len(by_mbox), len(by_maildir))
    faults += compare("bob", by_lmtp, delivered=True)
    faults += compare("alice", by_append + by_mbox + by_maildir, delivered=False)
    print(f"compared after {time.monotonic() - started:.1f} s")
    for fault in faults[:40]:
        print("FAULT", fault)
    sys.exit(f"{len(faults)} faults" if faults else 0)


def deliver(mail):
    """Half over TCP, then half over the Unix socket, in order."""
    sent = []
    half = len(mail) // 2
    for where, share in ((None, mail[:half]), (os.environ["WAYPOST_LMTP_SOCKET"], mail[half:])):
        client = wp.Lmtp(where)
        for name, data in share:
            data = corpus.as_sent(corpus.without_separator(data))
            client.deliver([b"bob@example.com"], data)
            sent.append((name, data))
        client.ask_ok(b"QUIT")
    return sent


def append(mail):
    """Without a literal's only forbidden octet; RFC 3501 section 9, CHAR8."""
    client = wp.Imap(login="alice")
    sent = [(name, corpus.as_sent(corpus.without_separator(data))) for name, data in mail]
    sent = [(name, data) for name, data in sent if b"\0" not in data]
    for start in range(0, len(sent), PIPELINE):
        tags = [client.start(b"APPEND INBOX", data) for _, data in sent[start : start + PIPELINE]]
        for tag in tags:
            answer = client.finish(tag)
            assert answer.status == b"OK", answer.text
    client.ok(b"LOGOUT")
    return sent


def import_mbox(mail):
    """An mbox file with `From ` lines and quoted `From ` in the text."""
    path, sent = wp.scratch("mail.mbox"), []
    with open(path, "wb") as file:
        for name, data in mail:
            data = corpus.without_separator(data).replace(b"\r\n", b"\n")
            data = data if data.endswith(b"\n") else data + b"\n"
            quoted = re.sub(rb"(?m)^(>*From )", rb">\1", data)
            file.write(b"From sender@example.net Mon Mar  2 10:00:00 2026\n" + quoted + b"\n")
            sent.append((name, wp.crlf(data)))
    print(wp.tool("import", "alice@example.com", "--mbox", path).stdout.decode())
    return sent


def import_maildir(mail):
    folder = wp.scratch("maildir")
    for name in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, name))
    sent = []
    for index, (name, data) in enumerate(mail):
        flags = MAILDIR_FLAGS[: index % 4]
        with open(os.path.join(folder, "cur", f"{1700000000 + index}.M1P1.host:2,{flags}"), "wb") as file:
            file.write(data)
        sent.append((name, wp.crlf(data)))
    print(wp.tool("import", "alice@example.com", "--maildir", folder).stdout.decode())
    return sent


def imported_flags(before, count):
    """The flags in the names of Maildir files are those of the imported messages."""
    imap = wp.Imap(login="alice")
    imap.ok(b"EXAMINE INBOX")
    told = imap.ok(b"FETCH %d:%d (FLAGS)" % (before + 1, before + count)).fetches()
    names = {b"\\Flagged": "F", b"\\Answered": "R", b"\\Seen": "S"}
    for index in range(count):
        flags = "".join(sorted(names[f] for f in told[before + index + 1][b"FLAGS"] if f in names))
        if flags != MAILDIR_FLAGS[: index % 4]:
            return [f"imported message {index} has the flags {flags!r}"]
    return []


def compare(user, sent, delivered):
    faults = [f"{user} imap {fault}" for fault in compare_imap(user, sent, delivered)]
    return faults + [f"{user} pop {fault}" for fault in compare_pop(user, sent, delivered)]


def compare_imap(user, sent, delivered):
    client = wp.Imap(login=user)
    client.ok(b"EXAMINE INBOX")
    told = client.ok(b"FETCH 1:* (UID RFC822.SIZE ENVELOPE BODYSTRUCTURE)").fetches()
    assert len(told) == len(sent), f"{len(told)} messages of {len(sent)}"
    numbers = list(range(1, len(sent) + 1))
    for start in range(0, len(numbers), PIPELINE):
        chunk = numbers[start : start + PIPELINE]
        wanted = {n: structure.sections(told[n][b"BODYSTRUCTURE"]) for n in chunk}
        tags = [client.start(b"FETCH %d (%s)" % (n, items(wanted[n]))) for n in chunk]
        for number, tag in zip(chunk, tags):
            answer = client.finish(tag)
            assert answer.status == b"OK", (sent[number - 1][0], answer.text)
            fault = fault_of(sent[number - 1], told[number], answer.fetches()[number], delivered)
            if fault:
                yield fault


def items(sections):
    partial = b"BODY.PEEK[]<%d.%d>" % PARTIAL
    return b" ".join([b"BODY.PEEK[%s]" % section for section in sections] + [partial])


def fault_of(sent, told, fetched, delivered):
    name, message = sent
    body = {key[5:-1]: value for key, value in fetched.items() if key.endswith(b"]")}
    try:
        first, count = PARTIAL
        partial = fetched[b"BODY[]<%d>" % first]
        assert partial == body[b""][first : first + count], "the partial bytes differ"
        stored = body[b""]
        assert (wp.without_trace(stored) if delivered else stored) == message, "the bytes differ"
        size = int(told[b"RFC822.SIZE"])
        structure.check(stored, size, told[b"ENVELOPE"], told[b"BODYSTRUCTURE"], body)
    except (AssertionError, KeyError, TypeError) as error:
        return f"{name}: {type(error).__name__} {error}"
    return None


def compare_pop(user, sent, delivered):
    client = wp.Pop(login=user)
    client.send(b"STAT\r\n")
    count, octets = map(int, client.line().split()[1:3])
    assert count == len(sent), f"{count} messages of {len(sent)}"
    sizes = dict(map(int, line.split()) for line in client.multi(b"LIST").splitlines())
    assert sum(sizes.values()) == octets, "LIST and STAT differ"
    uids = [line.split()[1] for line in client.multi(b"UIDL").splitlines()]
    assert len(set(uids)) == count, "UIDL names messages twice"
    for start in range(0, count, PIPELINE):
        numbers = range(start + 1, min(start + PIPELINE, count) + 1)
        client.send(b"".join(b"RETR %d\r\n" % number for number in numbers))
        for number in numbers:
            assert client.line().startswith(b"+OK")
            data = client.body()
            name, message = sent[number - 1]
            if (wp.without_trace(data) if delivered else data) != closed(message):
                yield f"{name}: the bytes differ"
            elif closed(message) == message and sizes[number] != len(data):
                yield f"{name}: LIST tells {sizes[number]} octets, {len(data)} came"
    client.ok(b"QUIT")


def closed(message):
    """POP3 ends every message with CRLF before its dot."""
    return message if message.endswith(b"\r\n") else message + b"\r\n"


main()
