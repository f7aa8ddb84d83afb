"""Logs in over IMAP with a client certificate and SASL EXTERNAL, and reads the inbox."""

import imaplib
import os
import ssl
import sys

certificate, starttls = sys.argv[1], sys.argv[2] == "starttls"
context = ssl.create_default_context(cafile=os.environ["WAYPOST_CA"])
context.load_cert_chain(certificate)
if starttls:
    server = imaplib.IMAP4("localhost", int(os.environ["WAYPOST_IMAP_PORT"]))
    assert "AUTH=EXTERNAL" not in server.capabilities, server.capabilities
    server.starttls(context)
else:
    port = int(os.environ["WAYPOST_IMAPS_PORT"])
    server = imaplib.IMAP4_SSL("localhost", port, ssl_context=context)
assert "AUTH=EXTERNAL" in server.capabilities, server.capabilities
server.authenticate("EXTERNAL", lambda challenge: b"")
status, counts = server.select("INBOX")
assert status == "OK", status
server.logout()
print("logged in, messages:", counts[0].decode())
