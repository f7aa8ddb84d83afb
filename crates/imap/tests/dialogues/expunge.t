# EXPUNGE (RFC 3501 section 6.4.3) and UID EXPUNGE (RFC 4315 section 2.1)
@ mail simple.eml
@ mail report.eml
@ mail simple.eml
@ mail report.eml
@ A select INBOX
C: a1 STORE 1:3 +FLAGS.SILENT (\Deleted)
S: a1 OK STORE completed
C: a2 UID EXPUNGE 2:4
S: * 3 EXPUNGE
S: * 2 EXPUNGE
S: a2 OK EXPUNGE completed
C: a3 EXPUNGE
S: * 1 EXPUNGE
S: a3 OK EXPUNGE completed
C: a4 EXPUNGE
S: a4 OK EXPUNGE completed
C: a5 FETCH 1 UID
S: * 1 FETCH (UID 4)
S: a5 OK FETCH completed
