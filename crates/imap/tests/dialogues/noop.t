# NOOP and CHECK (RFC 3501 sections 6.1.2, 6.4.1)
@ A
S> * OK {*}
C: a1 NOOP
S: a1 OK NOOP completed
C: a2 CHECK
S: a2 BAD Open a mailbox first
@ B select INBOX
@ mail simple.eml
@ B
C: b1 CHECK
S: * 1 EXISTS
S: * 1 RECENT
S: b1 OK CHECK completed
C: b2 NOOP
S: b2 OK NOOP completed
