# SPECIAL-USE and CREATE-SPECIAL-USE (RFC 6154)
@ A login
C: a1 LIST "" "*"
S: * LIST (\HasNoChildren \Archive) "/" Archive
S: * LIST (\HasNoChildren \Drafts) "/" Drafts
S: * LIST (\HasNoChildren) "/" INBOX
S: * LIST (\HasNoChildren \Junk) "/" Junk
S: * LIST (\HasNoChildren \Sent) "/" Sent
S: * LIST (\HasNoChildren \Trash) "/" Trash
S: a1 OK LIST completed
C: a2 CREATE Bin (USE (\Trash))
S: a2 NO [USEATTR] Another mailbox has this special use
C: a3 DELETE Trash
S: a3 OK DELETE completed
C: a4 CREATE Bin (USE (\Trash))
S: a4 OK [MAILBOXID (M{*})] CREATE completed
C: a5 LIST "" Bin
S: * LIST (\HasNoChildren \Trash) "/" Bin
S: a5 OK LIST completed
C: a6 CREATE Both (USE (\Sent \Junk))
S: a6 NO [USEATTR] A mailbox has one special use at most
C: a7 CREATE Odd (USE (\Nonsense))
S: a7 {*}
