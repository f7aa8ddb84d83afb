# UID commands (RFC 3501 section 6.4.8)
@ mail simple.eml
@ mail report.eml
@ mail simple.eml
@ A select INBOX
C: a1 STORE 1 +FLAGS.SILENT (\Deleted)
S: a1 OK STORE completed
C: a2 EXPUNGE
S: * 1 EXPUNGE
S: a2 OK EXPUNGE completed
C: a3 UID FETCH 1:2 FLAGS
S: * 1 FETCH (UID 2 FLAGS (\Recent))
S: a3 OK FETCH completed
C: a4 UID SEARCH 1:2
S: * SEARCH 2 3
S: a4 OK SEARCH completed
C: a5 UID SEARCH UID 2:3 FROM carol
S: * SEARCH 2
S: a5 OK SEARCH completed
C: a6 UID STORE 3 +FLAGS (\Flagged)
S: * 2 FETCH (UID 3 FLAGS (\Flagged \Recent))
S: a6 OK STORE completed
C: a7 UID FETCH 3 BODY[TEXT]<0.5>
S: * 2 FETCH (UID 3 BODY[TEXT]<0> {5}
S: Hello)
S: * 2 FETCH (UID 3 FLAGS (\Flagged \Seen \Recent))
S: a7 OK FETCH completed
