"""What the scripts share: settings, and small clients that show every byte."""

import os
import re
import socket
import ssl
import subprocess
import time

HOST = "127.0.0.1"
TIMEOUT = 60.0
DOMAIN = "example.com"
# A process that ran this long is replaced without a growing delay.
STEADY_SECONDS = 1.2


def port(service):
    return int(os.environ[f"WAYPOST_{service}_PORT"])


def password(user):
    return os.environ[f"WAYPOST_{user.upper()}_PASSWORD"]


def scratch(*names):
    return os.path.join(os.environ["WAYPOST_SCRATCH"], *names)


def tool(*arguments, data=None, check=True, timeout=120):
    """Runs `waypost --config ... ARGUMENTS`; answers the finished process."""
    command = [os.environ["WAYPOST_BIN"], "--config", os.environ["WAYPOST_CONFIG"], *arguments]
    done = subprocess.run(command, input=data, capture_output=True, timeout=timeout)
    if check:
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout!r}\n{done.stderr!r}"
    return done


def tls_context():
    return ssl.create_default_context(cafile=os.environ["WAYPOST_CA"])


def crlf(data):
    """Lone LF becomes CRLF; a lone CR stays as it is."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


def eventually(what, check, seconds=30.0):
    """Repeats `check` until it answers something true."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)


def process(role):
    """The process of a role, unless it is dead or not yet replaced."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            if fields[0] == "Z" or int(fields[1]) != int(os.environ["WAYPOST_PID"]):
                continue
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if role.encode() in file.read().split(b"\0"):
                    return int(name)
        except (OSError, IndexError):
            continue
    return None


def age(pid):
    """Seconds since the process started."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            started = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return -1.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


class Lines:
    """A connection that sends bytes and reads lines."""

    def __init__(self, where, tls=False, timeout=TIMEOUT, buffer=None):
        if isinstance(where, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(where)
        else:
            self.socket = socket.socket(socket.AF_INET)
            if buffer:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            self.socket.settimeout(timeout)
            self.socket.connect((HOST, where))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.start_tls()
        self.pending = bytearray()

    def start_tls(self):
        self.socket = tls_context().wrap_socket(self.socket, server_hostname="localhost")

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server ended the connection")
        self.pending += data

    def line(self):
        """A line with its end."""
        start = 0
        while True:
            at = self.pending.find(b"\n", start)
            if at >= 0:
                line = bytes(self.pending[: at + 1])
                del self.pending[: at + 1]
                return line
            start = len(self.pending)
            self.more()

    def exactly(self, count):
        while len(self.pending) < count:
            self.more()
        data = bytes(self.pending[:count])
        del self.pending[:count]
        return data

    def ask(self, line):
        self.send(line + b"\r\n")
        return self.line()

    def close(self):
        self.socket.close()


# --- IMAP ---

TOKEN = re.compile(
    rb'[ ]*(?:([()])|"((?:[^"\\\r\n]|\\.)*)"|([^ ()"\[\r\n]*(?:\[[^\]]*\](?:<\d+>)?)?[^ ()"\[\r\n]*))'
)
LITERAL = re.compile(rb"(~?\{(\d+)\})\r\n\Z")
PARSED = {b"LIST", b"LSUB", b"STATUS", b"SEARCH", b"FLAGS", b"NAMESPACE", b"ID", b"ENABLED"}


class Response:
    """One response: its line with literals replaced, and what it says."""

    def __init__(self, pieces):
        self.raw = b"".join(pieces[0::2]) if len(pieces) == 1 else b"".join(pieces)
        self.pieces = pieces

    def tokens(self):
        """Nested lists of bytes; NIL is None."""
        stack = [[]]
        for index, piece in enumerate(self.pieces):
            if index % 2:
                stack[-1].append(Quoted(piece))
                continue
            if index + 1 < len(self.pieces):
                piece = LITERAL.sub(b"", piece)
            self.scan(piece.rstrip(b"\r\n"), stack)
        assert len(stack) == 1, f"parentheses do not match: {self.raw[:400]!r}"
        return stack[0]

    def scan(self, piece, stack):
        at = 0
        while at < len(piece):
            if piece[at:].strip(b" ") == b"":
                return
            match = TOKEN.match(piece, at)
            assert match and match.end() > at, f"no token at {piece[at:at + 60]!r}"
            at = match.end()
            bracket, quoted, atom = match.groups()
            if bracket == b"(":
                stack.append([])
            elif bracket == b")":
                assert len(stack) > 1, f"parentheses do not match: {self.raw[:400]!r}"
                done = stack.pop()
                stack[-1].append(done)
            elif quoted is not None:
                stack[-1].append(Quoted(re.sub(rb"\\(.)", rb"\1", quoted)))
            else:
                stack[-1].append(None if atom.upper() == b"NIL" else atom)


class Quoted(bytes):
    """A string, which may spell NIL without being it."""


class Answer:
    """What came back for a command."""

    def __init__(self, status, text, untagged):
        self.status, self.text, self.untagged = status, text, untagged

    def fetches(self):
        """Message number -> {item: value} of the FETCH responses."""
        found = {}
        for response in self.untagged:
            match = re.match(rb"\* (\d+) FETCH ", response.raw)
            if match:
                items = response.tokens()[3]
                values = {items[i].upper(): items[i + 1] for i in range(0, len(items), 2)}
                found.setdefault(int(match.group(1)), {}).update(values)
        return found

    def lines(self, word):
        """The untagged responses of a kind, as their raw lines."""
        pattern = re.compile(rb"\* (?:\d+ )?" + word + rb"(?: |\r|$)", re.I)
        return [r.raw for r in self.untagged if pattern.match(r.raw)]

    def code(self):
        match = re.match(rb"\[([^\]]*)\]", self.text)
        return match.group(1) if match else b""

    def search(self):
        found = []
        for line in self.lines(b"SEARCH"):
            found += [int(n) for n in re.sub(rb"\(MODSEQ \d+\)", b"", line).split()[2:]]
        return found


class Imap(Lines):
    """An IMAP client."""

    def __init__(self, tls=False, login=None, timeout=TIMEOUT, buffer=None):
        super().__init__(port("IMAPS" if tls else "IMAP"), tls=tls, timeout=timeout, buffer=buffer)
        self.count = 0
        self.greeting = self.line()
        assert self.greeting.startswith(b"* OK"), self.greeting
        if login:
            self.ok(b"LOGIN %s@%s %s" % (login.encode(), DOMAIN.encode(), quote(password(login))))

    def tag(self):
        self.count += 1
        return b"T%d" % self.count

    def response(self):
        """One whole response, literals and all."""
        pieces = [self.line()]
        while True:
            match = LITERAL.search(pieces[-1])
            if not match:
                return Response(pieces)
            pieces.append(self.exactly(int(match.group(2))))
            pieces.append(self.line())

    def finish(self, tag):
        untagged = []
        while True:
            response = self.response()
            if response.raw.startswith(tag + b" "):
                status, _, text = response.raw[len(tag) + 1 :].strip().partition(b" ")
                return Answer(status, text, untagged)
            assert response.raw.startswith((b"* ", b"+")), response.raw[:200]
            untagged.append(response)

    def start(self, *parts):
        """Sends a command; every second part is a literal, sent without waiting (LITERAL+)."""
        tag = self.tag()
        data = bytearray(tag + b" " + parts[0])
        for index in range(1, len(parts), 2):
            data += b" {%d+}\r\n" % len(parts[index]) + parts[index]
            if index + 1 < len(parts):
                data += parts[index + 1]
        self.send(bytes(data) + b"\r\n")
        return tag

    def command(self, *parts):
        return self.finish(self.start(*parts))

    def ok(self, *parts):
        answer = self.command(*parts)
        assert answer.status == b"OK", (parts[0], answer.status, answer.text)
        return answer

    def refused(self, *parts):
        answer = self.command(*parts)
        assert answer.status in (b"NO", b"BAD"), (parts[0], answer.status, answer.text)
        return answer

    def append(self, mailbox, message, flags=b"", date=b""):
        middle = (b" (%s)" % flags if flags else b"") + (b' "%s"' % date if date else b"")
        return self.ok(b"APPEND " + quote(mailbox) + middle, message)

    def idle(self):
        self.idle_tag = self.start(b"IDLE")
        while not self.line().startswith(b"+"):
            pass

    def done(self):
        self.send(b"DONE\r\n")
        answer = self.finish(self.idle_tag)
        assert answer.status == b"OK", answer.text
        return answer

    def read_until(self, pattern):
        """Untagged lines up to the first that matches."""
        seen = []
        while True:
            seen.append(self.response().raw)
            if re.search(pattern, seen[-1]):
                return seen


def quote(text):
    data = text.encode() if isinstance(text, str) else text
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


# --- POP3 ---


class Pop(Lines):
    """A POP3 client."""

    def __init__(self, tls=False, login=None, timeout=TIMEOUT):
        super().__init__(port("POPS" if tls else "POP"), tls=tls, timeout=timeout)
        self.greeting = self.line()
        assert self.greeting.startswith(b"+OK"), self.greeting
        if login:
            self.ok(b"USER %s@%s" % (login.encode(), DOMAIN.encode()))
            self.ok(b"PASS " + password(login).encode())

    def ok(self, line):
        answer = self.ask(line)
        assert answer.startswith(b"+OK"), (line, answer)
        return answer

    def err(self, line):
        answer = self.ask(line)
        assert answer.startswith(b"-ERR"), (line, answer)
        return answer

    def body(self):
        """A multi-line response without its dots."""
        data = bytearray()
        while True:
            line = self.line()
            assert line.endswith(b"\r\n") or line.endswith(b"\n"), line[-20:]
            if line == b".\r\n":
                return bytes(data)
            data += line[1:] if line.startswith(b".") else line

    def multi(self, line):
        self.ok(line)
        return self.body()


# --- LMTP ---


class Lmtp(Lines):
    """An LMTP client."""

    def __init__(self, where=None, timeout=TIMEOUT):
        super().__init__(where or port("LMTP"), timeout=timeout)
        assert self.reply()[0] == 220
        self.ask_ok(b"LHLO client.example.com")

    def reply(self):
        lines = []
        while True:
            line = self.line()
            lines.append(line.rstrip(b"\r\n"))
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)

    def ask_ok(self, line):
        self.send(line + b"\r\n")
        code, text = self.reply()
        assert code // 100 == 2, (line, text)
        return text

    def deliver(self, recipients, message, sender=b"sender@example.net", check=True):
        """Pipelines one message; answers the reply per recipient that was accepted."""
        lines = [b"MAIL FROM:<%s> BODY=8BITMIME" % sender]
        lines += [b"RCPT TO:<%s>" % to for to in recipients] + [b"DATA", b""]
        self.send(b"\r\n".join(lines))
        replies = [self.reply() for _ in range(len(recipients) + 2)]
        if check:
            assert all(code // 100 in (2, 3) for code, _ in replies), replies
        accepted = [reply for reply in replies[1:-1] if reply[0] // 100 == 2]
        self.send(dotted(message))
        results = [self.reply() for _ in accepted]
        if check:
            assert all(code == 250 for code, _ in results), results
        return results


def dotted(message):
    """The message as DATA carries it: ends with CRLF, dots doubled, final dot."""
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + b".\r\n"


TRACE = re.compile(rb"\AReturn-Path: [^\r\n]*\r\nReceived: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")


def without_trace(message):
    """A delivered message without the Return-Path and the Received line that delivery added."""
    match = TRACE.match(message)
    assert match, f"no trace lines: {message[:300]!r}"
    return message[match.end() :]


def sample(subject, body="Hello.", sender="sender@example.net"):
    return (
        f"From: Sender <{sender}>\r\nTo: alice@example.com\r\nSubject: {subject}\r\n"
        f"Message-ID: <{re.sub('[^a-zA-Z0-9]', '.', subject)}@example.net>\r\n"
        f"Date: Mon, 02 Mar 2026 10:00:00 +0000\r\n\r\n{body}\r\n"
    ).encode()
