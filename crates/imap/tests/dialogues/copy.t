# COPY (RFC 3501 section 6.4.7) with COPYUID (RFC 4315 section 3)
@ mail simple.eml
@ mail report.eml
@ A select INBOX
C: a1 STORE 2 +FLAGS.SILENT (\Flagged $Work)
S: a1 OK STORE completed
C: a2 COPY 1:2 Archive
S: a2 OK [COPYUID {*} 1:2 1:2] COPY completed
C: a3 UID COPY 2 Archive
S: a3 OK [COPYUID {*} 2 3] COPY completed
C: a4 COPY 1 Missing
S: a4 NO [TRYCREATE] No such mailbox; create it first
C: a5 COPY 9 Archive
S: a5 BAD A message sequence number is beyond the mailbox
C: a6 UID COPY 9 Archive
S: a6 OK No message was named
# Onto itself
C: a7 COPY 1 INBOX
S: * 3 EXISTS
S: * 3 RECENT
S: a7 OK [COPYUID {*} 1 3] COPY completed
C: a8 SELECT Archive
S> a8 OK {*}
C: a9 FETCH 1:3 FLAGS
S: * 1 FETCH (FLAGS (\Recent))
S: * 2 FETCH (FLAGS (\Flagged \Recent $Work))
S: * 3 FETCH (FLAGS (\Flagged \Recent $Work))
S: a9 OK FETCH completed
