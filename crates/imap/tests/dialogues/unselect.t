# UNSELECT (RFC 3691): closes without expunging
@ mail simple.eml
@ A select INBOX
C: a1 STORE 1 +FLAGS.SILENT (\Deleted)
S: a1 OK STORE completed
C: a2 UNSELECT
S: a2 OK UNSELECT completed
C: a3 STATUS INBOX (MESSAGES)
S: * STATUS INBOX (MESSAGES 1)
S: a3 OK STATUS completed
C: a4 UNSELECT
S: a4 BAD Open a mailbox first
