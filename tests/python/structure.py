"""Whether ENVELOPE, BODYSTRUCTURE and sections of a message are consistent with its bytes."""

import email
import email.policy
import email.utils
import re

# Messages with more parts than this are checked in their first ones.
PARTS_CHECKED_MAX = 60


class Part:
    """A part of a body structure."""

    def __init__(self, section, tree, parent):
        self.section, self.tree, self.parent = section, tree, parent
        self.children = []
        self.multipart = isinstance(tree[0], list)
        if self.multipart:
            count = next(i for i, item in enumerate(tree) if not isinstance(item, list))
            self.type = b"MULTIPART/" + tree[count].upper()
            parameters = tree[count + 1] if len(tree) > count + 1 else None
            self.octets = self.lines = None
        else:
            self.type = tree[0].upper() + b"/" + tree[1].upper()
            parameters = tree[2]
            self.octets = int(tree[6])
            self.lines = self.line_count(tree)
        pairs = parameters or []
        self.parameters = {pairs[i].lower(): pairs[i + 1] for i in range(0, len(pairs), 2)}

    def line_count(self, tree):
        if self.is_message():
            return int(tree[9])
        return int(tree[7]) if self.type.startswith(b"TEXT/") else None

    def is_message(self):
        return self.type == b"MESSAGE/RFC822" and len(self.tree) > 8 and isinstance(self.tree[8], list)

    def is_top(self):
        return self.section == b""


def parts(tree):
    """All parts, parents first. The top of a multipart message has the section b""."""
    found = []

    def walk(tree, section, parent, number):
        name = section if isinstance(tree[0], list) and number is None else joined(section, number or 1)
        part = Part(name, tree, parent)
        found.append(part)
        if parent is not None:
            parent.children.append(part)
        if part.multipart:
            children = [item for item in tree[: tree_count(tree)]]
            for index, child in enumerate(children):
                walk(child, name, part, index + 1)
        elif part.is_message():
            # The body of an embedded message: its parts are numbered below the message itself.
            walk(tree[8], name, part, None)

    walk(tree, b"", None, None)
    return found


def tree_count(tree):
    return next(i for i, item in enumerate(tree) if not isinstance(item, list))


def joined(section, number):
    return b"%s.%d" % (section, number) if section else b"%d" % number


def sections(tree):
    """The sections to fetch for `check`."""
    wanted = [b"", b"HEADER", b"TEXT"]
    for part in parts(tree)[:PARTS_CHECKED_MAX]:
        # A multipart inside a message shares its number with that message.
        if part.section and not (part.multipart and shares_number(part)):
            wanted.append(part.section)
            if in_multipart(part):
                wanted.append(part.section + b".MIME")
        if part.is_message():
            wanted += [part.section + b".HEADER", part.section + b".TEXT"]
    return wanted


def shares_number(part):
    return part.parent is not None and part.parent.is_message()


def in_multipart(part):
    return part.parent is not None and part.parent.multipart


def check(message, size, envelope, tree, body):
    """`body` maps sections to bytes. Raises AssertionError with what is wrong."""
    assert body[b""] == message, "BODY[] differs"
    assert size == len(message), f"RFC822.SIZE {size} of {len(message)} octets"
    assert body[b"HEADER"] + body[b"TEXT"] == message, "BODY[HEADER] and BODY[TEXT] are not BODY[]"
    all_parts = parts(tree)
    for part in all_parts[:PARTS_CHECKED_MAX]:
        check_part(part, body)
    if not all_parts[0].multipart:
        assert body[b"1"] == body[b"TEXT"], "BODY[1] of a single part is not BODY[TEXT]"
    check_envelope(message, envelope)


def check_part(part, body):
    where = f"part {part.section.decode()} {part.type.decode(errors='replace')}"
    if part.multipart:
        check_children(part, own_bytes(part, body), body, where)
        return
    data = body[part.section]
    assert data is not None, f"{where} has no bytes"
    assert part.octets == len(data), f"{where}: {part.octets} octets told, {len(data)} sent"
    if part.lines is not None:
        assert part.lines == data.count(b"\n"), f"{where}: {part.lines} lines told, {data.count(10)} sent"
    if part.is_message():
        header, text = body[part.section + b".HEADER"], body[part.section + b".TEXT"]
        assert header + text == data, f"{where}: HEADER and TEXT are not the message"
        check_envelope(data, part.tree[7], where)


def own_bytes(part, body):
    if part.is_top():
        return body[b"TEXT"]
    return body[part.section + b".TEXT"] if shares_number(part) else body[part.section]


def check_children(part, data, body, where):
    """Each child stands behind a boundary line, after the child before it."""
    boundary = part.parameters.get(b"boundary")
    if boundary and not has_opening(data, boundary):
        # The best structure of a multipart without parts: one text, all of it.
        (only,) = part.children
        assert body[only.section] == data and body[only.section + b".MIME"] == b"", where
        return
    at = 0
    for child in part.children:
        if child.section + b".MIME" not in body:
            return
        child_data = body[child.section]
        whole = body[child.section + b".MIME"] + child_data
        found = data.find(whole, at)
        while found >= 0 and boundary and not behind_boundary(data[:found], boundary):
            found = data.find(whole, found + 1)
        assert found >= 0, f"{where}: part {child.section.decode()} is not in its parent"
        at = found + len(whole)


def has_opening(data, boundary):
    line = rb"(?m)^--" + re.escape(boundary.rstrip()) + rb"[ \t]*\r?$"
    return re.search(line, data) is not None


def behind_boundary(before, boundary):
    line = before[before.rfind(b"\n", 0, -1) + 1 :]
    return re.fullmatch(rb"--" + re.escape(boundary.rstrip()) + rb"[ \t]*\r?\n", line) is not None


def check_envelope(message, envelope, where="the message"):
    assert len(envelope) == 10, f"{where}: {len(envelope)} envelope fields"
    parsed = email.message_from_bytes(message, policy=email.policy.compat32)
    if parsed.defects:
        return
    check_text(where, "Subject", parsed, envelope[1])
    for name, field in (("Message-ID", envelope[9]), ("In-Reply-To", envelope[8])):
        raw = values(parsed, name)
        if len(raw) == 1 and re.fullmatch(r"\s*<[!-;=?-~]+>\s*", raw[0]):
            assert field == raw[0].strip().encode(), f"{where}: {name} {field!r}, sent {raw[0]!r}"
    check_addresses(where, "From", parsed, envelope[2])
    check_addresses(where, "To", parsed, envelope[5])


def values(parsed, name):
    return [str(value) for value in parsed.get_all(name, [])]


def check_text(where, name, parsed, told):
    raw = values(parsed, name)
    if len(raw) != 1 or not raw[0].isascii() or "\x00" in raw[0]:
        return
    expected = " ".join(raw[0].split())
    given = " ".join((told or b"").decode("ascii").split())
    assert given == expected, f"{where}: {name} {given!r}, sent {expected!r}"


SIMPLE = re.compile(r'\s*(?:(?:"[^"\\]*"|[A-Za-z0-9 ]*)\s*<([\w.+-]+@[\w.-]+)>|([\w.+-]+@[\w.-]+))\s*')


def check_addresses(where, name, parsed, told):
    """Compared when every address of the field has the plain form `Name <a@b>` or `a@b`."""
    raw = values(parsed, name)
    if len(raw) != 1 or not raw[0].isascii():
        return
    matches = [SIMPLE.fullmatch(text) for text in re.sub(r"\r?\n", "", raw[0]).split(",")]
    if not all(matches):
        return
    expected = [(match.group(1) or match.group(2)).encode() for match in matches]
    given = [address[2] + b"@" + address[3] for address in told or [] if address[2] and address[3]]
    assert given == expected, f"{where}: {name} {given!r}, sent {expected!r}"
