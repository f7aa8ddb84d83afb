"""Real mail: the easy ham of the SpamAssassin corpus and the messages of mail-parser's tests."""

import glob
import json
import os
import re
import subprocess

import wp

EASY_HAM = 3900
# What else the archive has: newsletters and advertising, with all that is wrong with them.
OTHERS_MIN = 2000


def easy_ham():
    """(name, bytes) of the 3,900 messages, as the archive has them."""
    mail = archive("easy-ham-[12]")
    assert len(mail) == EASY_HAM, f"{len(mail)} messages; run scripts/install-test-tools"
    return mail


def others():
    """(name, bytes) of the hard ham and the spam."""
    mail = archive("hard-ham-*") + archive("spam-*")
    assert len(mail) >= OTHERS_MIN, f"{len(mail)} messages; run scripts/install-test-tools"
    return mail


def archive(folders):
    root = os.path.join(os.environ["WAYPOST_WORKSPACE"], "tests/.cache/spam-assassin/data")
    paths = sorted(glob.glob(os.path.join(root, folders, "*.txt")))
    return [(os.path.basename(path), read(path)) for path in paths]


def mail_parser():
    """(name, bytes) of the messages among mail-parser's test resources."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    root = os.environ["WAYPOST_WORKSPACE"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True, timeout=120)
    packages = json.loads(done.stdout)["packages"]
    manifest = next(p["manifest_path"] for p in packages if p["name"] == "mail-parser")
    folder = os.path.join(os.path.dirname(manifest), "resources")
    paths = sorted(glob.glob(os.path.join(folder, "**", "*.eml"), recursive=True))
    assert len(paths) > 50, f"{len(paths)} messages in {folder}"
    return [(os.path.relpath(path, folder), read(path)) for path in paths]


def without_separator(data):
    """A message without the `From ` line of the mbox that it was taken from."""
    return re.sub(rb"\AFrom [^\r\n]*\r?\n", b"", data)


def as_sent(data):
    """What a client sends for a file: CRLF at line ends, a line end at the end."""
    data = wp.crlf(data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def read(path):
    with open(path, "rb") as file:
        return file.read()
