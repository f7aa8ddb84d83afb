# \Recent belongs to the first session that sees a message (RFC 3501 section 2.3.2).
@ mail simple.eml
@ A login
C: a1 SELECT INBOX
S> * 1 RECENT
S> a1 OK {*}
@ B login
C: b1 SELECT INBOX
S> * 0 RECENT
S> b1 OK {*}
@ mail report.eml
@ B
C: b2 NOOP
S: * 2 EXISTS
S: * 1 RECENT
S: b2 OK NOOP completed
@ A
C: a2 NOOP
S: * 2 EXISTS
S: * 1 RECENT
S: a2 OK NOOP completed
C: a3 FETCH 1:2 FLAGS
S: * 1 FETCH (FLAGS (\Recent))
S: * 2 FETCH (FLAGS ())
S: a3 OK FETCH completed
C: a4 SEARCH RECENT
S: * SEARCH 1
S: a4 OK SEARCH completed
C: a5 SEARCH NEW
S: * SEARCH 1
S: a5 OK SEARCH completed
C: a6 SEARCH OLD
S: * SEARCH 2
S: a6 OK SEARCH completed
