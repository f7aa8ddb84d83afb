# STORE (RFC 3501 section 6.4.6)
@ mail simple.eml
@ mail report.eml
@ A select INBOX
C: a1 STORE 1:2 FLAGS (\Seen $One)
S: * FLAGS (\Answered \Deleted \Draft \Flagged \Seen $One)
S: * OK [PERMANENTFLAGS (\Answered \Deleted \Draft \Flagged \Seen $One \*)] {*}
S: * 1 FETCH (FLAGS (\Seen \Recent $One))
S: * 2 FETCH (FLAGS (\Seen \Recent $One))
S: a1 OK STORE completed
C: a2 STORE 2 -FLAGS $One
S: * 2 FETCH (FLAGS (\Seen \Recent))
S: a2 OK STORE completed
# The new value is told as if fetched, changed or not.
C: a3 STORE 2 +FLAGS (\Seen)
S: * 2 FETCH (FLAGS (\Seen \Recent))
S: a3 OK STORE completed
C: a4 STORE 1:2 FLAGS ()
S: * 1 FETCH (FLAGS (\Recent))
S: * 2 FETCH (FLAGS (\Recent))
S> a4 OK STORE completed
C: a5 STORE 1 +FLAGS.SILENT (\Draft)
S: a5 OK STORE completed
C: a6 STORE 7 +FLAGS (\Seen)
S: a6 BAD A message sequence number is beyond the mailbox
C: a7 UID STORE 2 +FLAGS (\Answered)
S: * 2 FETCH (UID 2 FLAGS (\Answered \Recent))
S: a7 OK STORE completed
C: a8 UID STORE 99 +FLAGS (\Answered)
S: a8 OK STORE completed
