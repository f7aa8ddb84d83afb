"""Processes are killed at random moments under load; nothing acknowledged is lost or doubled."""

import collections
import os
import random
import re
import signal
import sys
import threading
import time

import wp

ROLES = ("stored", "imapd", "popd", "lmtpd")
FLAGGED = 20
MOVED = 30
# Most messages are small; a large one takes another way to the store.
SIZES, WEIGHTS = (100, 2000, 40_000, 1_500_000), (40, 40, 20, 1)
# How many messages are fetched at a time in the end.
CHUNK = 500
YOUNG_KILLS = 12
KEYWORDS = [b"key%d" % n for n in range(40)]
FAILURES = (OSError, EOFError, AssertionError, ValueError)


def main():
    seed, kills = int(sys.argv[1]), int(sys.argv[2])
    print(f"seed {seed}")
    prepare()
    stop = threading.Event()
    loads = [Delivery(n, stop) for n in range(3)] + [Append(n, stop) for n in range(2)]
    loads += [Flags(stop), Moves(stop), Reading(stop)]
    for load in loads:
        load.start()
    killed = kill_at_random(random.Random(seed), kills)
    stop.set()
    for load in loads:
        load.join(90)
        assert not load.is_alive(), f"{load.name} hangs"
        assert load.error is None, f"{load.name}: {load.error!r}"
    print(f"killed {dict(killed)}")
    eventually_serving()
    faults = [fault for load in loads for fault in load.faults()]
    for load in loads:
        print(f"{load.name}: {load.acknowledged} acknowledged, {load.uncertain} not")
        assert load.acknowledged > 0 or kills < 20, f"{load.name}: nothing was acknowledged"
    faults += list(counters())
    for fault in faults[:40]:
        print("FAULT", fault)
    sys.exit(1 if faults else 0)


def prepare():
    client = wp.Imap(login="alice")
    client.ok(b"CREATE Appended")
    client.ok(b"CREATE Flags")
    for number in range(FLAGGED):
        client.append("Flags", wp.sample(f"flagged {number}"))
    client.ok(b"CREATE There")
    client.ok(b"CREATE Here")
    for number in range(MOVED):
        client.append("Here", wp.sample(f"moved {number}"))
    client.ok(b"LOGOUT")


def kill_at_random(dice, kills):
    """The watcher lets a process wait longer the briefer it ran; only the last ones are killed young."""
    killed = collections.Counter()
    end = time.monotonic() + 400
    while sum(killed.values()) < kills:
        assert time.monotonic() < end, f"only {dict(killed)} in time"
        time.sleep(dice.uniform(0.0, 0.3))
        role = dice.choice(ROLES)
        age_min = wp.STEADY_SECONDS if kills - sum(killed.values()) > YOUNG_KILLS else 0.0
        pid = wp.process(role)
        if pid is None or wp.age(pid) < age_min:
            continue
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        killed[role] += 1
    return killed


def eventually_serving():
    def serving():
        try:
            wp.Pop(login="bob").ok(b"QUIT")
            wp.Lmtp().ask_ok(b"NOOP")
            client = wp.Imap(login="alice")
            client.append("INBOX", wp.sample("after all"))
            return True
        except FAILURES:
            return False

    wp.eventually("service after the last kill", serving, 60)


class Load(threading.Thread):
    """Works until told to stop; a lost connection is opened anew."""

    def __init__(self, name, stop):
        super().__init__(name=name, daemon=True)
        self.stop, self.client, self.error = stop, None, None
        self.acknowledged = self.uncertain = 0

    def run(self):
        try:
            while not self.stop.is_set():
                if self.client is None:
                    self.connect_again()
                else:
                    self.step()
        except Exception as error:  # a fault of the test itself, told by the main thread
            self.error = error

    def connect_again(self):
        try:
            self.client = self.connect()
        except FAILURES:
            time.sleep(0.05)

    def lost(self):
        try:
            self.client.close()
        except OSError:
            pass
        self.client = None

    def step(self):
        raise NotImplementedError

    def faults(self):
        return []


class Numbered(Load):
    """Adds messages of known names."""

    def __init__(self, name, stop):
        super().__init__(name, stop)
        self.next, self.sure, self.unsure = 0, [], []

    def step(self):
        size = random.choices(SIZES, WEIGHTS)[0]
        name = f"{self.name}-{self.next}-{size}"
        self.next += 1
        try:
            done = self.add(name)
        except FAILURES:
            self.lost()
            done = False
        (self.sure if done else self.unsure).append(name)
        self.acknowledged, self.uncertain = len(self.sure), len(self.unsure)

    def places(self):
        raise NotImplementedError

    def faults(self):
        for user, mailbox in self.places():
            count = subjects(user, mailbox)
            for name in self.sure:
                if count[name] != 1:
                    yield f"{name} was acknowledged and is {count[name]} times in {user} {mailbox}"
            for name in self.unsure:
                if count[name] > 1:
                    yield f"{name} was not acknowledged and is {count[name]} times in {user} {mailbox}"


class Delivery(Numbered):
    """LMTP deliveries; the first of them to two recipients."""

    def __init__(self, number, stop):
        super().__init__(f"delivery{number}", stop)
        self.users = ("alice", "bob") if number == 0 else ("bob",)

    def connect(self):
        return wp.Lmtp(timeout=45)

    def add(self, name):
        to = [user.encode() + b"@example.com" for user in self.users]
        replies = self.client.deliver(to, message(name), check=False)
        return len(replies) == len(to) and all(code == 250 for code, _ in replies)

    def places(self):
        return [(user, "INBOX") for user in self.users]


class Append(Numbered):
    def __init__(self, number, stop):
        super().__init__(f"append{number}", stop)

    def connect(self):
        return wp.Imap(login="alice", timeout=45)

    def add(self, name):
        answer = self.client.command(b"APPEND Appended (\\Seen)", message(name))
        return answer.status == b"OK"

    def places(self):
        return [("alice", "Appended")]


class Flags(Load):
    """STORE replaces the flags; the last acknowledged value or a later one must be there."""

    def __init__(self, stop):
        super().__init__("flags", stop)
        self.possible = {number: [set()] for number in range(1, FLAGGED + 1)}

    def connect(self):
        client = wp.Imap(login="alice", timeout=45)
        client.ok(b"SELECT Flags")
        return client

    def step(self):
        number = random.randint(1, FLAGGED)
        flags = set(random.sample(KEYWORDS, 2)) | {b"\\Seen"}
        try:
            answer = self.client.command(b"STORE %d FLAGS (%s)" % (number, b" ".join(flags)))
            done = answer.status == b"OK"
        except FAILURES:
            self.lost()
            done = False
        self.possible[number] = [flags] if done else self.possible[number] + [flags]
        self.acknowledged += done
        self.uncertain += not done

    def faults(self):
        told = self.connect().ok(b"FETCH 1:* FLAGS").fetches()
        for number, possible in self.possible.items():
            now = {bytes(flag) for flag in told[number][b"FLAGS"]} - {b"\\Recent"}
            if now not in possible:
                yield f"flags of {number} are {now}, possible were {possible}"


class Moves(Load):
    """Messages go from one mailbox to the other; each is in one of them, once."""

    def __init__(self, stop):
        super().__init__("moves", stop)

    def connect(self):
        return wp.Imap(login="alice", timeout=45)

    def step(self):
        here, there = random.sample((b"Here", b"There"), 2)
        try:
            self.client.ok(b"SELECT " + here)
            numbers = b"%d:%d" % tuple(sorted(random.choices(range(1, MOVED), k=2)))
            # A number that is not there is refused, which changes nothing either.
            self.acknowledged += self.client.command(b"MOVE %s %s" % (numbers, there)).status == b"OK"
        except FAILURES:
            self.uncertain += 1
            self.lost()

    def faults(self):
        found = subjects("alice", "Here") + subjects("alice", "There")
        expected = collections.Counter({f"moved {number}": 1 for number in range(MOVED)})
        if found != expected:
            yield f"moved messages: {found - expected} too often, {expected - found} lost"


class Reading(Load):
    """POP3 sessions that list; a reader never sees half a change."""

    def __init__(self, stop):
        super().__init__("reading", stop)

    def connect(self):
        return wp.Pop(login="bob", timeout=45)

    def step(self):
        try:
            count, octets = map(int, self.client.ok(b"STAT").split()[1:3])
            sizes = [int(line.split()[1]) for line in self.client.multi(b"LIST").splitlines()]
            self.client.ok(b"QUIT")
        except FAILURES:
            self.uncertain += 1
            self.lost()
            return
        self.lost()
        if (len(sizes), sum(sizes)) != (count, octets):
            raise RuntimeError(f"STAT tells {count} {octets}, LIST {len(sizes)} {sum(sizes)}")
        self.acknowledged += 1
        time.sleep(0.05)


def message(name):
    """The size stands in the name, so that what arrives can be compared with what was sent."""
    size = int(name.rpartition("-")[2])
    return wp.sample(name, ("y" * 70 + "\r\n") * (size // 72))


def subjects(user, mailbox):
    """How often each name stands in a mailbox, and whole."""
    client = wp.Imap(login=user)
    answer = client.ok(b"EXAMINE " + mailbox.encode())
    count = int(answer.lines(b"EXISTS")[0].split()[1])
    found = collections.Counter()
    for first in range(1, count + 1, CHUNK):
        fetched = client.ok(b"FETCH %d:%d (BODY.PEEK[])" % (first, min(first + CHUNK - 1, count)))
        for values in fetched.fetches().values():
            found[name_of(values[b"BODY[]"])] += 1
    return found


def name_of(stored):
    name = re.search(rb"(?m)^Subject: ([^\r]*)\r$", stored).group(1).decode()
    if re.fullmatch(r"(delivery|append)\d-\d+-\d+", name):
        sent = wp.without_trace(stored) if name.startswith("delivery") else stored
        if sent != message(name):
            return f"damaged {name}"
    return name


def counters():
    """The counters that mutations keep are what a count gives."""
    for user in ("alice", "bob"):
        client = wp.Imap(login=user)
        for mailbox in ("INBOX", "Appended", "Flags", "Here", "There") if user == "alice" else ("INBOX",):
            told = client.ok(b"STATUS %s (MESSAGES UNSEEN)" % mailbox.encode()).untagged[0].raw
            client.ok(b"EXAMINE " + mailbox.encode())
            every, unseen = len(client.ok(b"SEARCH ALL").search()), len(client.ok(b"SEARCH UNSEEN").search())
            found = [int(n) for n in re.findall(rb"(?:MESSAGES|UNSEEN) (\d+)", told)]
            if found != [every, unseen]:
                yield f"{user} {mailbox}: STATUS {found}, counted {every} and {unseen}"


main()
