"""A Postfix of its own hands mail to Waypost by LMTP."""

import os
import re
import smtplib
import socket
import subprocess

import wp

SERVICES = """127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def main():
    imap = wp.Imap(login="alice")
    imap.ok(b"CREATE Lists")
    port = free_port()
    settings = configure(port)
    log = wp.scratch("postfix-output")
    with open(log, "wb") as output:
        postfix = subprocess.Popen(
            ["postfix", "-c", settings, "start-fg"], stdout=output, stderr=output,
            env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"),
        )
    try:
        hand_over(port, imap)
    except BaseException:
        print(open(log, errors="replace").read()[-3000:])
        print(mail_log()[-6000:])
        raise
    finally:
        stop(postfix)


def configure(port):
    """Below a folder that Postfix's own user may enter."""
    os.chmod(os.path.dirname(wp.scratch()), 0o711)
    os.chmod(wp.scratch(), 0o711)
    root = wp.scratch("postfix")
    for name in ("etc", "queue", "data"):
        os.makedirs(os.path.join(root, name))
    os.chmod(root, 0o755)
    subprocess.run(["chown", "postfix", os.path.join(root, "data")], check=True)
    settings = os.path.join(root, "etc")
    options = {
        "compatibility_level": "3.6",
        "queue_directory": os.path.join(root, "queue"),
        "data_directory": os.path.join(root, "data"),
        "maillog_file_prefixes": root,
        "maillog_file": os.path.join(root, "mail.log"),
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "mynetworks": "127.0.0.0/8",
        "myhostname": "mta.example.net",
        "mydestination": "",
        "alias_maps": "",
        "alias_database": "",
        "local_recipient_maps": "",
        "smtputf8_enable": "yes",
        "virtual_mailbox_domains": "example.com",
        "virtual_transport": f"lmtp:inet:127.0.0.1:{wp.port('LMTP')}",
        "lmtp_destination_recipient_limit": "50",
    }
    with open(os.path.join(settings, "main.cf"), "w") as file:
        file.writelines(f"{name} = {value}\n" for name, value in options.items())
    with open(os.path.join(settings, "master.cf"), "w") as file:
        file.write(SERVICES.format(port=port))
    return settings


def hand_over(port, imap):
    def greets():
        try:
            return smtplib.SMTP("127.0.0.1", port, timeout=5)
        except OSError:
            return None

    with wp.eventually("Postfix", greets, 60) as smtp:
        smtp.sendmail("bob@example.com", ["alice@example.com", "bob@example.com"], wp.sample("to two"))
        smtp.sendmail("alice@example.com", ["nobody@example.com"], wp.sample("to nobody"))
        smtp.sendmail("bob@example.com", ["alice+Lists@example.com", "alice+missing@example.com"], wp.sample("filed"))
        smtp.sendmail("bob@example.com", ["alice@example.com"], wp.sample("Grüße", "Größe 日本語"), ["BODY=8BITMIME"])
        smtp.sendmail("bob@example.com", ["alice@example.com"], wp.sample("dots", ".\r\n..\r\n.x"))
    bob = wp.Imap(login="bob")
    wp.eventually("mail for bob", lambda: count(bob, "INBOX") == 1)
    # To two; two filed, one of them in the folder; Grüße; dots; the bounce of what nobody got.
    wp.eventually("mail for alice", lambda: count(imap, "INBOX") == 5 and count(imap, "Lists") == 1)
    bodies = [fetched(imap, "INBOX", n) for n in range(1, 6)]
    bounce = next(b for b in bodies if b"MAILER-DAEMON" in b)
    assert b"550 5.1.1" in bounce and b"to nobody" in bounce, bounce
    assert any("Größe 日本語".encode() in b for b in bodies)
    assert any(b.endswith(b"\r\n.\r\n..\r\n.x\r\n") for b in bodies)
    assert all(b.startswith(b"Return-Path: <") for b in bodies)
    assert b"Subject: filed" in fetched(imap, "Lists", 1)
    assert b"Return-Path: <bob@example.com>" in fetched(bob, "INBOX", 1)
    assert "status=deferred" not in mail_log(), mail_log()


def mail_log():
    path = wp.scratch("postfix", "mail.log")
    return open(path, errors="replace").read() if os.path.exists(path) else "no log"


def count(client, mailbox):
    told = client.ok(b"STATUS %s (MESSAGES)" % mailbox.encode()).untagged[0].raw
    return int(re.search(rb"MESSAGES (\d+)", told).group(1))


def fetched(client, mailbox, number):
    client.ok(b"EXAMINE " + mailbox.encode())
    return client.ok(b"FETCH %d (BODY.PEEK[])" % number).fetches()[number][b"BODY[]"]


def stop(postfix):
    """The master process ends its children."""
    pid_file = wp.scratch("postfix", "queue", "pid", "master.pid")
    if os.path.exists(pid_file):
        os.kill(int(open(pid_file).read()), 15)
    else:
        postfix.terminate()
    try:
        postfix.wait(20)
    except subprocess.TimeoutExpired:
        postfix.kill()
        postfix.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


main()
