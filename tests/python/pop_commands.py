"""Python's poplib drives every POP3 command; raw bytes do what it cannot."""

import base64
import poplib

import wp

USER = "bob@example.com"
CAPABILITIES = {
    "USER", "TOP", "UIDL", "STLS", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8",
    "IMPLEMENTATION", "EXPIRE", "LOGIN-DELAY", "SASL",
}
COUNT = 6


def main():
    lmtp = wp.Lmtp()
    for number in range(COUNT):
        lmtp.deliver([USER.encode()], wp.sample(f"pop {number}", "a\r\n.b\r\n..c\r\nd"))
    capabilities()
    wrong_password()
    transaction()
    deletions()
    tls_first()
    raw_commands()


def capabilities():
    session = poplib.POP3(wp.HOST, wp.port("POP"), timeout=30)
    told = session.capa()
    assert CAPABILITIES <= set(told), f"missing {CAPABILITIES - set(told)}"
    assert "PLAIN" in told["SASL"], told
    session.stls(wp.tls_context())
    assert "STLS" not in session.capa()
    session.user(USER)
    session.pass_(wp.password("bob"))
    session.quit()


def wrong_password():
    session = poplib.POP3(wp.HOST, wp.port("POP"), timeout=30)
    session.user(USER)
    try:
        session.pass_("wrong")
    except poplib.error_proto as error:
        assert b"[AUTH]" in error.args[0], error
    else:
        raise AssertionError("a wrong password logged in")
    session.close()


def transaction():
    session = poplib.POP3(wp.HOST, wp.port("POP"), timeout=30)
    session.user(USER)
    session.pass_(wp.password("bob"))
    count, octets = session.stat()
    assert count == COUNT
    sizes = [int(line.split()[1]) for line in session.list()[1]]
    assert sum(sizes) == octets
    assert int(session.list(2).split()[2]) == sizes[1]
    body = session.retr(1)[1]
    assert body[-4:] == [b"a", b".b", b"..c", b"d"], body
    assert sum(len(line) + 2 for line in body) == sizes[0]
    top = session.top(1, 2)[1]
    assert top[-2:] == [b"a", b".b"] and b"Subject: pop 0" in top, top
    assert session.top(1, 0)[1][-1] == b""
    names = [line.split()[1] for line in session.uidl()[1]]
    assert len(set(names)) == COUNT and session.uidl(3).split()[2] == names[2]
    session.noop()
    session.dele(1)
    session.dele(2)
    assert session.stat()[0] == COUNT - 2
    session.rset()
    assert session.stat() == (count, octets)
    session.quit()


def deletions():
    """DELE counts at QUIT only."""
    session = poplib.POP3(wp.HOST, wp.port("POP"), timeout=30)
    session.user(USER)
    session.pass_(wp.password("bob"))
    session.dele(1)
    session.close()
    session = poplib.POP3(wp.HOST, wp.port("POP"), timeout=30)
    session.user(USER)
    session.pass_(wp.password("bob"))
    assert session.stat()[0] == COUNT
    session.dele(1)
    session.dele(3)
    session.quit()
    session = poplib.POP3_SSL("localhost", wp.port("POPS"), context=wp.tls_context(), timeout=30)
    session.user(USER)
    session.pass_(wp.password("bob"))
    assert session.stat()[0] == COUNT - 2
    subjects = [line for n in range(1, COUNT - 1) for line in session.top(n, 0)[1] if b"Subject" in line]
    assert subjects == [b"Subject: pop %d" % n for n in (1, 3, 4, 5)], subjects
    session.quit()


def tls_first():
    session = poplib.POP3_SSL("localhost", wp.port("POPS"), context=wp.tls_context(), timeout=30)
    assert "STLS" not in session.capa()
    session.quit()


def raw_commands():
    response = base64.b64encode(f"\0{USER}\0{wp.password('bob')}".encode())
    client = wp.Pop()
    client.ok(b"AUTH PLAIN " + response)
    client.ok(b"QUIT")
    client = wp.Pop()
    assert client.ask(b"AUTH PLAIN").startswith(b"+ ")
    client.ok(response)
    client.ok(b"QUIT")
    client = wp.Pop()
    client.ok(b"UTF8")
    client.err(b"STAT")
    client.ok(b"USER " + USER.encode())
    client.ok(b"PASS " + wp.password("bob").encode())
    # Pipelined, answered in order.
    client.send(b"NOOP\r\nSTAT\r\nDELE 99\r\nNOOP\r\n")
    answers = [client.line()[:3] for _ in range(4)]
    assert answers == [b"+OK", b"+OK", b"-ER", b"+OK"], answers
    for line in (b"NONSENSE", b"RETR", b"RETR 0", b"RETR x", b"TOP 1", b"DELE -1", b"UIDL 99", b"LIST 99"):
        client.err(line)
    client.ok(b"DELE 1")
    client.err(b"RETR 1")
    client.err(b"DELE 1")
    client.ok(b"RSET")
    client.ok(b"QUIT")


main()
