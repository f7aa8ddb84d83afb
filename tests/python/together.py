"""Two IMAP clients on one mailbox see each other's changes, also while one is in IDLE."""

import random
import sys

import wp


def main():
    one, two = wp.Imap(login="alice"), wp.Imap(login="alice")
    for client in (one, two):
        client.ok(b"SELECT INBOX")
    while_idling(one, two)
    without_idle(one, two)
    numbers_stay_true(one, two)
    random_changes(one, two, int(sys.argv[1]))


def while_idling(one, two):
    one.idle()
    two.append("INBOX", wp.sample("first"))
    one.read_until(rb"^\* 1 EXISTS")
    wp.Lmtp().deliver([b"alice@example.com"], wp.sample("second"))
    one.read_until(rb"^\* 2 EXISTS")
    two.ok(b"NOOP")
    two.ok(b"STORE 1 +FLAGS (\\Flagged Label)")
    seen = one.read_until(rb"^\* 1 FETCH \(.*FLAGS \(.*\\Flagged")
    assert b"Label" in seen[-1], seen
    two.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    two.ok(b"EXPUNGE")
    one.read_until(rb"^\* 1 EXPUNGE")
    one.done()
    assert subjects(one) == [b"second"]


def without_idle(one, two):
    """No EXPUNGE while FETCH, STORE or SEARCH is in progress (RFC 3501 section 7.4.1)."""
    for number in range(4):
        two.append("INBOX", wp.sample(f"more {number}"))
    assert one.ok(b"NOOP").lines(b"EXISTS")[-1] == b"* 5 EXISTS\r\n"
    two.ok(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
    two.ok(b"EXPUNGE")
    for command in (b"FETCH 1 FLAGS", b"SEARCH ALL", b"STORE 1 +FLAGS (\\Seen)"):
        answer = one.ok(command)
        assert not [r for r in answer.untagged if b"EXPUNGE" in r.raw], (command, answer.untagged)
    # The message that is gone for the other can still be read here.
    assert b"more 0" in one.ok(b"FETCH 2 (BODY.PEEK[])").fetches()[2][b"BODY[]"]
    assert one.ok(b"NOOP").lines(b"EXPUNGE") == [b"* 2 EXPUNGE\r\n"]
    assert len(subjects(one)) == 4


def numbers_stay_true(one, two):
    """A flag told after an expunge carries the number of the message after that expunge."""
    two.ok(b"NOOP")
    two.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    two.ok(b"EXPUNGE")
    two.ok(b"STORE 1 +FLAGS.SILENT (\\Answered)")
    answer = one.ok(b"NOOP")
    raws = [r.raw for r in answer.untagged]
    gone = next(i for i, raw in enumerate(raws) if raw == b"* 1 EXPUNGE\r\n")
    told = next(i for i, raw in enumerate(raws) if b"\\Answered" in raw)
    expected = b"* 1 FETCH" if told > gone else b"* 2 FETCH"
    assert raws[told].startswith(expected), raws


def random_changes(one, two, seed):
    """After any changes by either, both have the same mailbox, kept from untagged responses alone."""
    print(f"seed {seed}")
    dice = random.Random(seed)
    views = {id(client): View(client) for client in (one, two)}
    for step in range(150):
        client = dice.choice((one, two))
        views[id(client)].act(dice, step)
    for view in views.values():
        view.note(view.client.ok(b"NOOP"))
    for view in views.values():
        view.note(view.client.ok(b"NOOP"))
    first, second = (view.flags for view in views.values())
    assert len(first) == len(second), (first, second)
    for view in views.values():
        view.check()


class View:
    """A mailbox as a client must imagine it from what it was told."""

    def __init__(self, client):
        self.client = client
        client.ok(b"NOOP")
        told = client.ok(b"FETCH 1:* FLAGS").fetches()
        self.flags = [visible(told[number][b"FLAGS"]) for number in sorted(told)]

    def act(self, dice, step):
        client, count = self.client, len(self.flags)
        action = dice.choice(["append", "append", "store", "store", "delete", "noop", "idle"])
        if action == "append":
            self.note(client.append("INBOX", wp.sample(f"random {step}")))
        elif action == "store" and count:
            flag = dice.choice([b"\\Seen", b"\\Flagged", b"Label", b"Other"])
            sign = dice.choice([b"+", b"-"])
            # A message that the other removed may be refused; the next command tells of it.
            self.note(client.command(b"STORE %d %sFLAGS (%s)" % (dice.randint(1, count), sign, flag)))
        elif action == "delete" and count > 3:
            self.note(client.command(b"STORE %d +FLAGS (\\Deleted)" % dice.randint(1, count)))
            self.note(client.ok(b"EXPUNGE"))
        elif action == "idle":
            client.idle()
            self.note(client.done())
        else:
            self.note(client.ok(b"NOOP"))

    def note(self, answer):
        for response in answer.untagged:
            words = response.raw.split()
            if len(words) < 3 or not words[1].isdigit():
                continue
            number = int(words[1])
            if words[2] == b"EXISTS":
                assert number >= len(self.flags), "EXISTS took messages away"
                self.flags += [None] * (number - len(self.flags))
            elif words[2] == b"EXPUNGE":
                assert 1 <= number <= len(self.flags), (number, len(self.flags))
                del self.flags[number - 1]
            elif words[2] == b"FETCH":
                assert 1 <= number <= len(self.flags), (number, len(self.flags))
                items = response.tokens()[3]
                values = dict(zip(items[::2], items[1::2]))
                if b"FLAGS" in values:
                    self.flags[number - 1] = visible(values[b"FLAGS"])

    def check(self):
        told = self.client.ok(b"FETCH 1:* FLAGS").fetches()
        now = [visible(told[n][b"FLAGS"]) for n in sorted(told)]
        known = [flags if flags is not None else now[i] for i, flags in enumerate(self.flags)]
        assert known == now, (known, now)


def visible(flags):
    return sorted(bytes(flag) for flag in flags if flag != b"\\Recent")


def subjects(client):
    fetched = client.ok(b"FETCH 1:* (ENVELOPE)").fetches()
    return [bytes(fetched[n][b"ENVELOPE"][1]) for n in sorted(fetched)]


main()
