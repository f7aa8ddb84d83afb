# RENAME (RFC 3501 section 6.3.5)
@ mail simple.eml
@ A login
C: a1 CREATE old/child
S: a1 OK {*}
C: a2 RENAME old new/name
S: a2 OK RENAME completed
C: a3 LIST "" new*
S: * LIST (\HasChildren) "/" new
S: * LIST (\HasChildren) "/" new/name
S: * LIST (\HasNoChildren) "/" new/name/child
S: a3 OK LIST completed
C: a4 LIST "" old*
S: a4 OK LIST completed
C: a5 RENAME missing other
S: a5 NO [NONEXISTENT] No such mailbox
C: a6 RENAME new INBOX
S: a6 NO [ALREADYEXISTS] The name is taken
# The messages of INBOX move, INBOX stays.
C: a7 RENAME INBOX Kept
S: a7 OK RENAME completed
C: a8 STATUS INBOX (MESSAGES)
S: * STATUS INBOX (MESSAGES 0)
S: a8 OK STATUS completed
C: a9 STATUS Kept (MESSAGES)
S: * STATUS Kept (MESSAGES 1)
S: a9 OK STATUS completed
