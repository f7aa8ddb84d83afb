# CLOSE (RFC 3501 section 6.4.2): expunges without telling
@ mail simple.eml
@ mail report.eml
@ A select INBOX
C: a1 STORE 1 +FLAGS.SILENT (\Deleted)
S: a1 OK STORE completed
C: a2 CLOSE
S: a2 OK CLOSE completed
C: a3 CLOSE
S: a3 BAD Open a mailbox first
C: a4 STATUS INBOX (MESSAGES)
S: * STATUS INBOX (MESSAGES 1)
S: a4 OK STATUS completed
# After EXAMINE nothing is expunged.
@ A select INBOX
C: a5 STORE 1 +FLAGS.SILENT (\Deleted)
S: a5 OK STORE completed
C: a6 EXAMINE INBOX
S> a6 OK [READ-ONLY] {*}
C: a7 CLOSE
S: a7 OK CLOSE completed
C: a8 STATUS INBOX (MESSAGES)
S: * STATUS INBOX (MESSAGES 1)
S: a8 OK STATUS completed
