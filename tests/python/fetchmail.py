"""fetchmail empties a POP3 mailbox through STLS."""

import os
import subprocess

import wp

COUNT = 25


def main():
    lmtp = wp.Lmtp()
    sent = [wp.sample(f"fetched {n}", "text\r\n.a line with a dot\r\n.") for n in range(COUNT)]
    for message in sent:
        lmtp.deliver([b"bob@example.com"], message)
    run_fetchmail()
    folder = wp.scratch("fetched")
    texts = [open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))]
    assert len(texts) == COUNT, len(texts)
    for number, message in enumerate(sent):
        body = message.split(b"\r\n\r\n", 1)[1].replace(b"\r\n", b"\n")
        # fetchmail adds a Received line of its own and may end the message with one more line end.
        found = [t for t in texts if b"Subject: fetched %d\n" % number in t]
        assert len(found) == 1, f"message {number}: {len(found)} times"
        assert found[0].split(b"\n\n", 1)[1].rstrip(b"\n") == body.rstrip(b"\n"), found[0]
    pop = wp.Pop(login="bob")
    assert pop.ok(b"STAT").split()[1] == b"0", "the mailbox is not empty"


def run_fetchmail():
    os.makedirs(wp.scratch("fetched"))
    store = wp.scratch("store-message")
    with open(store, "w") as file:
        file.write(f"#!/bin/sh\nexec cat >\"$(mktemp '{wp.scratch('fetched')}/XXXXXXXXXX')\"\n")
    os.chmod(store, 0o755)
    settings = wp.scratch("fetchmailrc")
    with open(settings, "w") as file:
        file.write(
            f"""poll localhost protocol POP3 service {wp.port("POP")} timeout 60
  username "bob@example.com" password "{wp.password("bob")}"
  sslproto TLS1.2+ sslcertck sslcertfile "{os.environ["WAYPOST_CA"]}"
  nokeep fetchall mda "{store}"
"""
        )
    os.chmod(settings, 0o600)
    environment = dict(os.environ, FETCHMAILHOME=wp.scratch(), HOME=wp.scratch())
    command = ["fetchmail", "-v", "-N", "-f", settings, "--pidfile", wp.scratch("fetchmail.pid")]
    done = subprocess.run(command, capture_output=True, timeout=120, env=environment)
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, output
    assert "STLS" in output, f"no STLS in:\n{output}"


main()
