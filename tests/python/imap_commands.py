"""Python's imaplib drives every IMAP command; raw bytes do what it cannot."""

import base64
import imaplib
import re

import wp

imaplib.Commands.setdefault("MOVE", ("SELECTED",))
USER = "alice@example.com"

# Every capability that an unencrypted, unauthenticated and an authenticated session may tell.
BEFORE_LOGIN = {"IMAP4REV1", "STARTTLS", "LITERAL+", "SASL-IR", "ID", "ENABLE", "AUTH=PLAIN", "AUTH=LOGIN"}
AFTER_LOGIN = {
    "IMAP4REV1", "LITERAL+", "ID", "ENABLE", "NAMESPACE", "CHILDREN", "UNSELECT", "UIDPLUS",
    "MOVE", "IDLE", "SPECIAL-USE", "OBJECTID", "CONDSTORE", "ESEARCH", "SORT", "SORT=DISPLAY", "ESORT",
    "THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES",
    "QUOTA", "QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE",
}


def main():
    any_state()
    logins()
    session = imaplib.IMAP4(wp.HOST, wp.port("IMAP"), timeout=30)
    good(session.login(USER, wp.password("alice")))
    capabilities(session)
    mailboxes(session)
    messages(session)
    searches(session)
    orders(session)
    copies(session)
    extensions(session)
    good(session.logout(), "BYE")
    idle()
    unchanged_since()
    refusals()


def good(answer, status="OK"):
    assert answer[0] == status, answer
    return answer[1]


def any_state():
    session = imaplib.IMAP4(wp.HOST, wp.port("IMAP"), timeout=30)
    told = set(good(session.capability())[0].decode().upper().split())
    assert BEFORE_LOGIN <= told, f"missing {BEFORE_LOGIN - told}"
    good(session.noop())
    answer = good(session.xatom("ID", '("name" "imaplib" "version" "3")'))
    assert answer is not None
    good(session.starttls(wp.tls_context()))
    told = set(good(session.capability())[0].decode().upper().split())
    assert "STARTTLS" not in told, told
    good(session.login(USER, wp.password("alice")))
    good(session.logout(), "BYE")


def logins():
    """LOGIN and AUTHENTICATE, with TLS first and with a wrong password."""
    session = imaplib.IMAP4_SSL("localhost", wp.port("IMAPS"), ssl_context=wp.tls_context(), timeout=30)
    secret = wp.password("alice")
    good(session.authenticate("PLAIN", lambda _: f"\0{USER}\0{secret}".encode()))
    good(session.logout(), "BYE")
    session = imaplib.IMAP4(wp.HOST, wp.port("IMAP"), timeout=30)
    try:
        session.login(USER, "not " + secret)
    except imaplib.IMAP4.error as error:
        assert "AUTHENTICATIONFAILED" in str(error), error
    else:
        raise AssertionError("a wrong password logged in")
    good(session.login(USER, secret))
    good(session.logout(), "BYE")
    client = wp.Imap()
    response = base64.b64encode(f"\0{USER}\0{secret}".encode())
    client.ok(b"AUTHENTICATE PLAIN " + response)
    client.ok(b"LOGOUT")
    old_client(secret)
    acting_as_another(secret)


def old_client(secret):
    """SASL LOGIN: the server asks for name and password in turn."""
    answers = {b"Username:": USER, b"Password:": secret}
    session = imaplib.IMAP4(wp.HOST, wp.port("IMAP"), timeout=30)
    good(session.authenticate("LOGIN", lambda asked: answers[asked].encode()))
    good(session.logout(), "BYE")


def acting_as_another(secret):
    """PLAIN with an authorization identity: for store administrators only."""
    def act():
        session = imaplib.IMAP4(wp.HOST, wp.port("IMAP"), timeout=30)
        try:
            good(session.authenticate("PLAIN", lambda _: f"bob\0{USER}\0{secret}".encode()))
        finally:
            session.logout()

    try:
        act()
    except imaplib.IMAP4.error as error:
        assert "AUTHORIZATIONFAILED" in str(error), error
    else:
        raise AssertionError("alice acted as bob")
    wp.tool("msconfig", "set", "-restricted", "store.admins", "alice")
    wp.tool("refresh", "imap")
    act()
    wp.tool("msconfig", "unset", "-restricted", "store.admins")
    wp.tool("refresh", "imap")


def capabilities(session):
    told = set(good(session.capability())[0].decode().upper().split())
    assert AFTER_LOGIN <= told, f"missing {AFTER_LOGIN - told}"
    assert b"/" in good(session.namespace())[0]
    good(session.enable("CONDSTORE"))


def mailboxes(session):
    special = b" ".join(good(session.list()))
    for use in (b"\\Drafts", b"\\Sent", b"\\Trash", b"\\Junk", b"\\Archive"):
        assert use in special, (use, special)
    good(session.create("Work"))
    good(session.create("Work/2026"))
    assert good(session.create("Work"), "NO")
    assert any(b"\\HasChildren" in line for line in good(session.list('""', "Work")))
    good(session.subscribe("Work/2026"))
    assert b"Work/2026" in b" ".join(good(session.lsub()))
    good(session.rename("Work", "Play"))
    names = b" ".join(good(session.list('""', "*")))
    assert b"Play/2026" in names and b"Work" not in names, names
    good(session.unsubscribe("Work/2026"))
    good(session.delete("Play/2026"))
    good(session.delete("Play"))
    assert b"Play" not in b" ".join(good(session.list('""', "*")))
    assert b"MAILBOXID" in good(session.status("INBOX", "(MAILBOXID)"))[0]


def messages(session):
    date = imaplib.Time2Internaldate(1_700_000_000)
    for number in range(6):
        answer = good(session.append("INBOX", r"(\Seen)", date, wp.sample(f"number {number}")))
        assert b"APPENDUID" in answer[0], answer
    assert good(session.select("INBOX")) == [b"6"]
    counts = good(session.status("INBOX", "(MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)"))[0]
    assert re.search(rb"MESSAGES 6\b", counts) and re.search(rb"UNSEEN 0\b", counts), counts
    good(session.check())
    fetched = good(session.fetch("1", "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY)"))
    assert b'"14-Nov-2023 ' in fetched[0] and b"number 0" in fetched[0], fetched
    assert good(session.fetch("2", "(RFC822)"))[0][1] == wp.sample("number 1")
    assert good(session.fetch("2", "(BODY.PEEK[TEXT]<1.3>)"))[0][1] == b"ell"
    assert b"Subject: number 2\r\n\r\n" == good(session.fetch("3", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))[0][1]
    assert b"EMAILID" in good(session.fetch("3", "(EMAILID THREADID MODSEQ)"))[0]
    for macro in ("ALL", "FAST", "FULL"):
        assert len(good(session.fetch("1:6", macro))) == 6
    good(session.store("1", "+FLAGS", r"(\Flagged Work)"))
    good(session.store("1", "-FLAGS.SILENT", r"(\Seen)"))
    flags = good(session.fetch("1", "(FLAGS)"))[0]
    assert b"\\Flagged" in flags and b"Work" in flags and b"\\Seen" not in flags, flags
    good(session.uid("STORE", "1:*", "FLAGS", r"(\Answered)"))
    assert all(b"\\Answered" in line for line in good(session.uid("FETCH", "1:*", "(FLAGS)")))


def searches(session):
    good(session.store("2,4", "FLAGS", r"(\Deleted \Seen Work)"))
    cases = [
        ("ALL", [1, 2, 3, 4, 5, 6]),
        ("SEEN", [2, 4]),
        ("UNSEEN NOT ANSWERED", []),
        ("KEYWORD Work", [2, 4]),
        ("OR DELETED SUBJECT \"number 5\"", [2, 4, 6]),
        ("FROM sender TEXT \"number 0\"", [1]),
        ("HEADER Message-ID number.3", [4]),
        ("BODY hello", [1, 2, 3, 4, 5, 6]),
        ("SENTON 2-Mar-2026 LARGER 10 SMALLER 100000", [1, 2, 3, 4, 5, 6]),
        ("SENTBEFORE 1-Mar-2026", []),
        ("(1:3 NOT (2)) UID 1:*", [1, 3]),
        ("MODSEQ 1", None),
    ]
    for key, expected in cases:
        found = [int(n) for n in re.sub(rb"\(MODSEQ \d+\)", b"", good(session.search(None, key))[0]).split()]
        assert expected is None or found == expected, (key, found, expected)
        assert expected is not None or found, key
    assert good(session.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT", '"number 1"'))[0].split()[:1]


def orders(session):
    for number, text in enumerate(("Re: number 1", "number 7")):
        good(session.append("INBOX", None, imaplib.Time2Internaldate(1_500_000_000 + number), wp.sample(text)))
    good(session.noop())
    assert good(session.sort("(REVERSE SUBJECT)", "UTF-8", "ALL")) == [b"8 6 5 4 3 2 7 1"]
    assert good(session.sort("(ARRIVAL REVERSE SUBJECT)", "UTF-8", "SUBJECT", "number")) == [b"7 8 6 5 4 3 2 1"]
    assert good(session.uid("SORT", "(SUBJECT SIZE)", "US-ASCII", "2,7")) == [b"2 7"]
    assert good(session.thread("ORDEREDSUBJECT", "UTF-8", "2,7:8")) == [b"(2 7)(8)"]
    assert good(session.uid("THREAD", "REFERENCES", "UTF-8", "2,7:8")) == [b"(2 7)(8)"]
    good(session.store("7:8", "+FLAGS.SILENT", r"(\Deleted)"))
    good(session.uid("EXPUNGE", "7:8"))


def copies(session):
    good(session.create("Target"))
    good(session.copy("1", "Target"))
    good(session.uid("COPY", "1:2", "Target"))
    answer = good(session._simple_command("MOVE", "6", "Target"))
    assert good(session.uid("MOVE", "3", "Target")) is not None and answer is not None
    assert b"MESSAGES 5" in good(session.status("Target", "(MESSAGES)"))[0]
    # Of the two deleted messages only the one that is named goes; then the other.
    good(session.uid("EXPUNGE", "2"))
    assert good(session.search(None, "DELETED"))[0].split() == [b"2"]
    session.response("EXPUNGE")
    assert good(session.expunge()) == [b"2"]
    good(session.store("1", "+FLAGS", r"(\Deleted)"))
    good(session.close())
    assert good(session.select("INBOX", readonly=True)) == [b"1"]


def extensions(session):
    good(session.unselect())
    good(session.select("Target"))
    good(session.store("1:*", "+FLAGS", r"(\Deleted)"))
    # UNSELECT expunges nothing.
    good(session.unselect())
    assert b"MESSAGES 5" in good(session.status("Target", "(MESSAGES)"))[0]
    good(session.delete("Target"))


def idle():
    client = wp.Imap(login="alice")
    client.ok(b"SELECT INBOX")
    client.idle()
    wp.Lmtp().deliver([b"alice@example.com"], wp.sample("while idling"))
    client.read_until(rb"\* \d+ EXISTS")
    client.done()
    client.ok(b"LOGOUT")


def unchanged_since():
    """CONDSTORE: a STORE that lost the race names the message and changes nothing (RFC 7162)."""
    client = wp.Imap(login="alice")
    selected = client.ok(b"SELECT INBOX (CONDSTORE)")
    assert any(b"HIGHESTMODSEQ" in r.raw for r in selected.untagged)
    modseq = int(client.ok(b"FETCH 1 (MODSEQ)").fetches()[1][b"MODSEQ"][0])
    client.ok(b"STORE 1 +FLAGS.SILENT (\\Flagged)")
    answer = client.command(b"STORE 1 (UNCHANGEDSINCE %d) +FLAGS (\\Draft)" % modseq)
    assert b"MODIFIED 1" in answer.code(), answer.text
    now = client.ok(b"FETCH 1 (FLAGS MODSEQ)").fetches()[1]
    assert b"\\Draft" not in now[b"FLAGS"] and int(now[b"MODSEQ"][0]) > modseq, now
    client.ok(b"STORE 1 (UNCHANGEDSINCE %d) +FLAGS (\\Draft)" % int(now[b"MODSEQ"][0]))
    since = max(int(m[b"MODSEQ"][0]) for m in client.ok(b"FETCH 1:* (MODSEQ)").fetches().values())
    client.ok(b"STORE 1 -FLAGS.SILENT (\\Draft)")
    changed = client.ok(b"FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % since).fetches()
    assert set(changed) == {1} and b"MODSEQ" in changed[1], changed
    assert client.ok(b"FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % 10**12).fetches() == {}
    client.ok(b"LOGOUT")


def refusals():
    client = wp.Imap()
    assert client.refused(b"SELECT INBOX")
    assert client.refused(b"NONSENSE").status == b"BAD"
    client.ok(b"LOGIN %s %s" % (USER.encode(), wp.quote(wp.password("alice"))))
    assert client.refused(b"FETCH 1 FLAGS")
    assert b"TRYCREATE" in client.refused(b"APPEND Missing", wp.sample("x")).code()
    assert b"NONEXISTENT" in client.refused(b"SELECT Missing").code()
    client.ok(b"EXAMINE INBOX")
    assert client.refused(b"STORE 1 +FLAGS (\\Seen)").status == b"NO"
    assert client.refused(b"FETCH 1 (NOTHING)").status == b"BAD"
    client.ok(b"NOOP")


main()
