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
C: b1 LIST (SPECIAL-USE) "" "*"
S: * LIST (\HasNoChildren \Archive) "/" Archive
S: * LIST (\HasNoChildren \Drafts) "/" Drafts
S: * LIST (\HasNoChildren \Junk) "/" Junk
S: * LIST (\HasNoChildren \Sent) "/" Sent
S: * LIST (\HasNoChildren \Trash) "/" Trash
S: b1 OK LIST completed
C: b2 CREATE deep/down/Out (USE (\Archive))
S: b2 NO [USEATTR] Another mailbox has this special use
C: b3 DELETE Archive
S: b3 OK DELETE completed
C: b4 CREATE deep/down/Out (USE (\Archive))
S: b4 OK {*}
C: b5 CREATE deep/down/Out/below
S: b5 OK {*}
C: b6 LIST (SPECIAL-USE) "" "deep*" RETURN (SPECIAL-USE)
S: * LIST (\HasChildren \Archive) "/" deep/down/Out
S: b6 OK LIST completed
C: b7 LIST "" "S*" RETURN (SPECIAL-USE)
S: * LIST (\HasNoChildren \Sent) "/" Sent
S: b7 OK LIST completed
C: b8 LIST (SUBSCRIBED) "" "*"
S: b8 BAD of the options of LIST only SPECIAL-USE is supported
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
