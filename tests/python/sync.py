"""mbsync keeps an account of 2,000 messages and a Maildir tree the same, both ways."""

import hashlib
import os
import re
import subprocess

import corpus
import wp

# Folder names in modified UTF-7, as the protocol has them, and shares of the messages.
FOLDERS = [
    (b"INBOX", 600),
    (b"Lists", 300),
    (b"Lists/M&APw-nchen", 300),
    (b"Lists/M&APw-nchen/&ZeVnLIqe-", 300),
    (b"Projekte/&Zi8-", 200),
    (b"Archive/2002 Q1", 300),
]
FLAGS = [b"", b"\\Seen", b"\\Seen \\Answered", b"\\Flagged", b"\\Seen $Forwarded", b"\\Draft $Label1"]
MAILDIR_FLAGS = {b"\\Draft": "D", b"\\Flagged": "F", b"$Forwarded": "P", b"\\Answered": "R", b"\\Seen": "S"}
LETTERS = set(MAILDIR_FLAGS.values())
PIPELINE = 32


def main():
    client = wp.Imap(login="alice")
    fill(client, corpus.easy_ham()[:2000])
    keywords = keyword_state(client)
    assert sum(len(k) for k in keywords.values()) > 200

    mbsync()
    agree(client)
    second_run_changes_nothing(client)

    change_server(client)
    change_maildir()
    mbsync()
    agree(client)
    second_run_changes_nothing(client)
    check_changes(client)
    after = keyword_state(client)
    for folder, labelled in keywords.items():
        gone = {uid for uid in labelled if uid not in after[folder]} - set(uids(client, folder, None))
        assert labelled - gone == after[folder], f"keywords in {folder} changed"


def fill(client, mail):
    mail = iter([corpus.as_sent(corpus.without_separator(data)) for _, data in mail])
    index = 0
    for folder, count in FOLDERS:
        if folder != b"INBOX":
            client.command(b"CREATE " + wp.quote(folder))
            client.ok(b"SUBSCRIBE " + wp.quote(folder))
        tags = []
        for _ in range(count):
            flags = FLAGS[index % len(FLAGS)]
            index += 1
            start = b"APPEND %s (%s)" % (wp.quote(folder), flags)
            tags.append(client.start(start, next(mail)))
            if len(tags) == PIPELINE:
                finish(client, tags)
        finish(client, tags)
    assert index == 2000


def finish(client, tags):
    for tag in tags:
        answer = client.finish(tag)
        assert answer.status == b"OK", answer.text
    tags.clear()


def mbsync():
    path = wp.scratch("mbsyncrc")
    os.makedirs(wp.scratch("tree"), exist_ok=True)
    with open(path, "w") as file:
        file.write(
            f"""IMAPAccount waypost
Host localhost
Port {wp.port("IMAPS")}
User alice@example.com
Pass {wp.password("alice")}
SSLType IMAPS
CertificateFile {os.environ["WAYPOST_CA"]}

IMAPStore far
Account waypost

MaildirStore near
Path {wp.scratch("tree")}/
Inbox {wp.scratch("tree")}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
CopyArrivalDate yes
"""
        )
    os.chmod(path, 0o600)
    done = subprocess.run(["mbsync", "-V", "-c", path, "-a"], capture_output=True, timeout=240)
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, output[-4000:]
    assert "Warning" not in output and "Error" not in output, output[-4000:]


def second_run_changes_nothing(client):
    """Modseqs tell of any STORE, even one without effect on what is seen."""
    server, tree = server_state(client, with_modseq=True), maildir_names()
    mbsync()
    assert server_state(client, with_modseq=True) == server, "the second run changed the server"
    assert maildir_names() == tree, "the second run changed the Maildir"


def folders(client):
    answer = client.ok(b'LIST "" "*"')
    names = []
    for response in answer.untagged:
        tokens = response.tokens()
        if tokens[1] == b"LIST" and b"\\Noselect" not in tokens[2] and b"\\NonExistent" not in tokens[2]:
            names.append(bytes(tokens[4]))
    return names


def server_state(client, with_modseq=False):
    state = {}
    for folder in folders(client):
        answer = client.ok(b"EXAMINE " + wp.quote(folder))
        modseq = [r.raw for r in answer.untagged if b"HIGHESTMODSEQ" in r.raw] if with_modseq else None
        fetched = client.ok(b"FETCH 1:* (UID FLAGS BODY.PEEK[])").fetches() if exists(answer) else {}
        messages = sorted(
            (digest(m[b"BODY[]"]), letters(m[b"FLAGS"])) for m in fetched.values()
        )
        state[folder] = (modseq, messages)
    client.command(b"UNSELECT")
    return state


def exists(answer):
    return int(answer.lines(b"EXISTS")[0].split()[1])


def letters(flags):
    return "".join(sorted(MAILDIR_FLAGS[f] for f in map(bytes, flags) if f in MAILDIR_FLAGS))


def digest(message):
    """Of the message without the header by which mbsync knows its own uploads again."""
    message = re.sub(rb"(?m)^X-TUID: [^\n]*\n", b"", wp.crlf(message), count=1)
    return hashlib.sha256(message).hexdigest()


def maildir_state():
    state = {}
    for folder, path in maildirs():
        state[folder] = sorted((digest(corpus.read(p)), file_letters(p)) for p in files(path))
    return state


def file_letters(path):
    flags = path.partition(":2,")[2]
    return "".join(sorted(set(flags) & LETTERS))


def maildirs():
    root = wp.scratch("tree")
    for path, names, _ in os.walk(root):
        if "cur" in names:
            yield os.path.relpath(path, root).encode(), path


def files(path):
    for part in ("cur", "new"):
        for name in os.listdir(os.path.join(path, part)):
            yield os.path.join(path, part, name)


def maildir_names():
    return sorted((folder, os.path.basename(p)) for folder, path in maildirs() for p in files(path))


def agree(client):
    server = {folder: messages for folder, (_, messages) in server_state(client).items()}
    tree = maildir_state()
    assert set(server) == set(tree), f"folders differ: {sorted(server)} {sorted(tree)}"
    for folder, messages in server.items():
        assert messages == tree[folder], f"{folder!r}: server and Maildir differ"


def uids(client, folder, key):
    client.ok(b"EXAMINE " + wp.quote(folder))
    found = client.ok(b"UID SEARCH " + (key or b"ALL")).search()
    client.ok(b"UNSELECT")
    return found


def keyword_state(client):
    return {folder: set(uids(client, folder, b"KEYWORD $Label1")) for folder in folders(client)}


NEW_AT_SERVER = wp.sample("made at the server")
NEW_IN_MAILDIR = wp.sample("made in the Maildir")
NEW_FOLDER = b"Projekte/&Zi8-/&BB8EMARFBDg-"


def change_server(client):
    """Flags on and off, messages gone, a message and a folder new."""
    client.ok(b'SELECT "Lists/M&APw-nchen"')
    client.ok(b"STORE 1:10 +FLAGS (\\Flagged)")
    client.ok(b"STORE 11:20 -FLAGS (\\Seen)")
    client.ok(b"STORE 21:30 +FLAGS (\\Deleted)")
    client.ok(b"EXPUNGE")
    client.ok(b"UNSELECT")
    client.append("Lists", NEW_AT_SERVER, b"\\Seen")
    client.ok(b"CREATE " + wp.quote(NEW_FOLDER))
    client.append(NEW_FOLDER, NEW_AT_SERVER)


def change_maildir():
    """The same from the other side, in other folders."""
    root = wp.scratch("tree").encode()
    folder = os.path.join(root, b"Archive/2002 Q1", b"cur").decode()
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    for path in paths[:10]:
        base, _, flags = path.partition(":2,")
        os.rename(path, base + ":2," + "".join(sorted(set(flags) | {"F", "S"})))
    for path in paths[10:15]:
        os.remove(path)
    inbox = os.path.join(root, b"INBOX", b"new").decode()
    with open(os.path.join(inbox, "1700000001.M1P1.host"), "wb") as file:
        file.write(NEW_IN_MAILDIR.replace(b"\r\n", b"\n"))
    made = os.path.join(root, b"Lists/Neu &- alt").decode()
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(made, part))
    with open(os.path.join(made, "cur", "1700000002.M1P1.host:2,S"), "wb") as file:
        file.write(NEW_IN_MAILDIR.replace(b"\r\n", b"\n"))


def check_changes(client):
    """What `agree` could not tell from both sides losing the change."""
    state = {folder: messages for folder, (_, messages) in server_state(client).items()}
    assert (digest(NEW_IN_MAILDIR), "S") in state[b"Lists/Neu &- alt"]
    assert digest(NEW_IN_MAILDIR) in [d for d, _ in state[b"INBOX"]]
    assert (digest(NEW_AT_SERVER), "S") in state[b"Lists"]
    assert len(state[NEW_FOLDER]) == 1
    assert len(state[b"Lists/M&APw-nchen"]) == 290, len(state[b"Lists/M&APw-nchen"])
    assert len(state[b"Archive/2002 Q1"]) == 295, len(state[b"Archive/2002 Q1"])
    assert sum(1 for _, flags in state[b"Archive/2002 Q1"] if "F" in flags and "S" in flags) >= 10


main()
