"""Bad input: the session ends cleanly, others do not notice, memory stays bounded."""

import random
import re
import socket
import sys
import time

import wp

SERVICES = ("IMAP", "POP", "LMTP")
# What a worker may take for all that is done to it here.
MEMORY_GROWTH_KIB_MAX = 96 << 10
ENDLESS_BYTES = 48 << 20
ANSWER_SECONDS = 5.0
KEYWORDS_MAX = 4000


def main():
    seed = int(sys.argv[1])
    print(f"seed {seed}")
    dice = random.Random(seed)
    witness = Witness()
    for case in (garbage, half_closed, endless_lines, literals, bad_commands, deep_search, deep_mail, recipients, injection, names, keywords, numbers):
        started = time.monotonic()
        case(dice, witness)
        witness.look(case.__name__)
        print(f"{case.__name__}: {time.monotonic() - started:.1f} s")


class Witness:
    """Sessions that do nothing wrong, and the processes' memory and ids."""

    def __init__(self):
        self.imap, self.pop, self.lmtp = wp.Imap(login="alice"), wp.Pop(login="alice"), wp.Lmtp()
        self.imap.ok(b"SELECT INBOX")
        self.pids = {role: wp.process(role) for role in ("stored", "imapd", "popd", "lmtpd")}
        self.memory = {role: memory_kib(pid) for role, pid in self.pids.items()}

    def look(self, case):
        started = time.monotonic()
        self.imap.ok(b"NOOP")
        self.pop.ok(b"NOOP")
        self.lmtp.ask_ok(b"NOOP")
        took = time.monotonic() - started
        assert took < ANSWER_SECONDS, f"{case}: others waited {took:.1f} s"
        for role, pid in self.pids.items():
            assert wp.process(role) == pid, f"{case}: {role} died"
            growth = memory_kib(pid) - self.memory[role]
            assert growth < MEMORY_GROWTH_KIB_MAX, f"{case}: {role} grew by {growth} kB"


def memory_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"Pss_Anon:\s+(\d+)", file.read()).group(1))


def connect(service):
    return wp.Lines(wp.port(service), timeout=20)


def send_all(client, data):
    """Sends while the server takes it; False when it ended the connection."""
    try:
        client.send(data)
        return True
    except (BrokenPipeError, ConnectionResetError):
        return False


def drain(client, limit=1 << 20):
    """What the server says until it ends the connection; None when it does not end it."""
    data = bytearray(client.pending)
    try:
        while len(data) < limit:
            more = client.socket.recv(65536)
            if not more:
                return bytes(data)
            data += more
    except ConnectionResetError:
        return bytes(data)
    except socket.timeout:
        return None
    return bytes(data)


def ends(client, what):
    """The server ends the connection once the client has ended its half."""
    try:
        client.socket.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    assert drain(client) is not None, f"{what}: the connection stays open"
    client.close()


def garbage(dice, witness):
    for service in SERVICES:
        for size in (1, 50, 3000, 200_000):
            client = connect(service)
            send_all(client, dice.randbytes(size))
            ends(client, f"{service} {size} bytes of garbage")
        for _ in range(30):
            client = connect(service)
            words = [b"A1", b"LOGIN", b"{5}", b"{5+}", b"(", b")", b'"', b"\\", b"\0", b"\r\n", b"\n", b"\r", b" ",
                     b"RETR", b"MAIL FROM:<", b">", b"DATA", b".", b"\xff\xfe", b"AUTH", b"PLAIN", b"=", b"*"]
            send_all(client, b"".join(dice.choice(words) for _ in range(400)))
            ends(client, f"{service} words")
    for service in ("IMAPS", "POPS"):
        client = connect(service)
        send_all(client, dice.randbytes(5000))
        ends(client, f"{service} garbage instead of a handshake")


def half_closed(dice, witness):
    for service, start in (("IMAP", b"A1 LOGIN {10}\r\nabc"), ("POP", b"USER al"), ("LMTP", b"LHLO x\r\nMAIL FR")):
        client = connect(service)
        send_all(client, start)
        ends(client, f"{service} half-closed")
    lmtp = wp.Lmtp()
    lmtp.send(b"MAIL FROM:<a@example.net>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\nSubject: half\r\n\r\nhalf of it")
    ends(lmtp, "LMTP half a message")
    imap = wp.Imap(login="bob")
    imap.send(b"A1 APPEND INBOX {100+}\r\nhalf of it")
    ends(imap, "IMAP half a literal")
    assert wp.Imap(login="bob").ok(b"STATUS INBOX (MESSAGES)").untagged[0].raw.endswith(b"(MESSAGES 0)\r\n")


def endless_lines(dice, witness):
    """A line without end is refused or ends the session; it is not gathered."""
    block = b"x" * (1 << 20)
    for service in SERVICES:
        client = connect(service)
        sent = 0
        while sent < ENDLESS_BYTES and send_all(client, block):
            sent += len(block)
        witness.look(f"{service} endless line")
        send_all(client, b"\r\n")
        ends(client, f"{service} after {sent} bytes of a line")
    imap = wp.Imap(login="alice")
    imap.send(b'A1 SEARCH SUBJECT "' + b"y" * (4 << 20) + b'"\r\n')
    answer = imap.line()
    assert re.match(rb"(A1 (NO|BAD)|\* (BYE|BAD)) ", answer), answer


def literals(dice, witness):
    """Sizes that no command may have are refused before the bytes come."""
    for line in (b"LOGIN {999999999}", b"APPEND INBOX {99999999999}", b"SELECT {100000000}", b"APPEND INBOX {4294967296}"):
        client = wp.Imap(login="alice")
        client.send(b"A1 " + line + b"\r\n")
        answer = client.line()
        assert re.match(rb"(A1 (NO|BAD)|\* BYE) ", answer), (line, answer)
        client.close()
    client = wp.Imap(login="alice")
    client.send(b"A1 " + b"SEARCH " + b"SUBJECT {1+}\r\nx " * 20_000 + b"ALL\r\n")
    answer = client.line()
    assert re.match(rb"(A1 (OK|NO|BAD)|\* (BYE|SEARCH|BAD)) ?", answer), answer
    client.close()


def bad_commands(dice, witness):
    """Who only makes mistakes is sent away."""
    for service, line in (("IMAP", b"A1 NONSENSE\r\n"), ("POP", b"NONSENSE\r\n"), ("LMTP", b"NONSENSE\r\n")):
        client = connect(service)
        send_all(client, line * 5000)
        assert drain(client) is not None, f"{service} stays with who makes 5,000 mistakes"
        client.close()


def deep_search(dice, witness):
    keys = [b"NOT " * 2000 + b"ALL", b"(" * 2000 + b"ALL" + b")" * 2000, b"OR " * 2000 + b"ALL " * 2001]
    for key in keys:
        client = wp.Imap(login="alice")
        client.ok(b"SELECT INBOX")
        answer = client.command(b"SEARCH " + key.rstrip())
        assert answer.status in (b"BAD", b"NO"), (key[:20], answer.status, answer.text)
        client.ok(b"NOOP")
    client = wp.Imap(login="alice")
    client.ok(b"SELECT INBOX")
    client.send(b"A1 FETCH 1 " + b"(" * 50_000 + b"\r\n")
    assert re.match(rb"A1 BAD|\* (BYE|BAD)", client.line())


def deep_mail(dice, witness):
    """Stored byte for byte with the best structure."""
    lmtp, imap = wp.Lmtp(), wp.Imap(login="bob")
    for name, message in deep_messages():
        started = time.monotonic()
        lmtp.deliver([b"bob@example.com"], message)
        imap.ok(b"SELECT INBOX")
        answer = imap.ok(b"FETCH * (UID ENVELOPE BODYSTRUCTURE RFC822.SIZE)")
        assert b"BODYSTRUCTURE (" in b"".join(r.raw for r in answer.untagged)
        stored = next(iter(imap.ok(b"FETCH * (BODY.PEEK[])").fetches().values()))[b"BODY[]"]
        assert wp.without_trace(stored) == message, f"{name}: the bytes differ"
        imap.ok(b"SEARCH TEXT needle")
        took = time.monotonic() - started
        assert took < 20, f"{name} took {took:.1f} s"


def deep_messages():
    head = b"From: a@example.net\r\nSubject: deep\r\nMIME-Version: 1.0\r\n"
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(3000)
    )
    yield "multiparts", head + nested + b"\r\nneedle\r\n"
    yield "messages", head + b"Content-Type: message/rfc822\r\n\r\n" * 3000 + b"\r\nneedle\r\n"
    part = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    yield "parts", head + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + part * 20_000 + b"--b--\r\n"
    yield "header lines", head + b"X-Field: value\r\n" * 50_000 + b"\r\nneedle\r\n"
    yield "a header line", head + b"X-Field: " + b"v" * (2 << 20) + b"\r\n\r\nneedle\r\n"
    yield "addresses", head + b"To: " + b"a@example.net,\r\n " * 50_000 + b"b@example.net\r\n\r\nneedle\r\n"
    yield "parameters", head + b"Content-Type: text/plain" + b"; a=b" * 50_000 + b"\r\n\r\nneedle\r\n"
    yield "comments", head + b"Cc: " + b"(" * 100_000 + b"\r\n\r\nneedle\r\n"
    yield "references", head + b"References:" + b" <a@example.net>" * 50_000 + b"\r\n\r\nneedle\r\n"


def recipients(dice, witness):
    """RCPT without end is refused with a reply for each, in the end with the last one."""
    client = wp.Lmtp()
    client.ask_ok(b"MAIL FROM:<a@example.net>")
    codes = []
    for _ in range(100):
        if not send_all(client, b"RCPT TO:<bob@example.com>\r\n" * 100):
            break
        try:
            for _ in range(100):
                codes.append(client.reply()[0])
        except (EOFError, ConnectionResetError):
            break
    assert set(codes) <= {250, 452, 421} and 452 in codes, set(codes)
    print(f"{codes.count(250)} recipients taken, {len(codes)} answered")


def injection(dice, witness):
    """What came in clear before the handshake is no command after it (CVE-2011-0411)."""
    imap = wp.Lines(wp.port("IMAP"), timeout=20)
    imap.line()
    imap.send(b"A1 STARTTLS\r\nA2 NOOP\r\n")
    assert imap.line().startswith(b"A1 OK")
    imap.start_tls()
    assert imap.ask(b"A3 NOOP").startswith(b"A3 OK")
    pop = wp.Lines(wp.port("POP"), timeout=20)
    pop.line()
    pop.send(b"STLS\r\nNONSENSE\r\n")
    assert pop.line().startswith(b"+OK")
    pop.start_tls()
    assert pop.ask(b"CAPA").startswith(b"+OK")


def names(dice, witness):
    """Names too long, too deep or not modified UTF-7."""
    imap = wp.Imap(login="alice")
    for name in (b"x" * 5000, b"/".join([b"d"] * 200), b"a//b", b"&", b"&AAA-", b"bad&-&bad"):
        answer = imap.refused(b"CREATE " + wp.quote(name))
        assert answer.text, name
    for command in (b"RENAME INBOX", b"SELECT", b"DELETE", b'LIST ""', b"STATUS INBOX (", b"APPEND"):
        imap.refused(command)
    imap.command(b'LIST "" "' + b"*%" * 200 + b'x"')
    imap.ok(b"NOOP")


def keywords(dice, witness):
    """4,000 keywords fit a mailbox; the next is refused and none is dropped without a word."""
    imap = wp.Imap(login="alice")
    imap.ok(b"CREATE Words")
    imap.append("Words", wp.sample("words"))
    imap.ok(b"SELECT Words")
    for start in range(0, KEYWORDS_MAX, 100):
        words = b" ".join(b"w%d" % n for n in range(start, start + 100))
        answer = imap.command(b"STORE 1 +FLAGS.SILENT (" + words + b")")
        assert answer.status == b"OK", (start, answer.text)
    answer = imap.refused(b"STORE 1 +FLAGS.SILENT (onemore)")
    assert answer.status == b"NO" and answer.code().startswith(b"LIMIT"), answer.text
    flags = imap.ok(b"FETCH 1 FLAGS").fetches()[1][b"FLAGS"]
    assert len([f for f in flags if f.startswith(b"w")]) == KEYWORDS_MAX, len(flags)


def numbers(dice, witness):
    """Numbers and sets that RFC 3501 does not allow, and sets without end."""
    imap = wp.Imap(login="alice")
    imap.ok(b"SELECT INBOX")
    for numbers in (b"0", b"4294967296", b"-1", b"1:", b":1", b"1,,2", b"1:2:3", b"*:0", b"1" * 500):
        answer = imap.refused(b"FETCH " + numbers + b" FLAGS")
        assert answer.status == b"BAD", (numbers, answer.text)
    imap.ok(b"UID FETCH 1:4294967295 FLAGS")
    imap.ok(b"UID FETCH " + b",".join(b"%d" % (2 * n + 1) for n in range(1000)) + b" FLAGS")
    imap.command(b"UID FETCH " + b",".join([b"1:*"] * 1000) + b" FLAGS")
    imap.command(b"FETCH 1 BODY.PEEK[" + b".".join([b"1"] * 500) + b"]")
    imap.command(b"FETCH 1 BODY.PEEK[]<4294967295.4294967295>")
    imap.ok(b"NOOP")


main()
