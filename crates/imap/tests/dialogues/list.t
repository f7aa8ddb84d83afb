# LIST (RFC 3501 section 6.3.8) with children (RFC 3348)
@ A login
C: a1 LIST "" ""
S: * LIST (\Noselect) "/" ""
S: a1 OK LIST completed
C: a2 CREATE a/b/c
S: a2 OK {*}
C: a3 LIST "" %
S: * LIST (\HasNoChildren \Archive) "/" Archive
S: * LIST (\HasNoChildren \Drafts) "/" Drafts
S: * LIST (\HasNoChildren) "/" INBOX
S: * LIST (\HasNoChildren \Junk) "/" Junk
S: * LIST (\HasNoChildren \Sent) "/" Sent
S: * LIST (\HasNoChildren \Trash) "/" Trash
S: * LIST (\HasChildren) "/" a
S: a3 OK LIST completed
C: a4 LIST a/ %
S: * LIST (\HasChildren) "/" a/b
S: a4 OK LIST completed
C: a5 LIST "" a*c
S: * LIST (\HasNoChildren) "/" a/b/c
S: a5 OK LIST completed
C: a6 LIST "" inbox
S: * LIST (\HasNoChildren) "/" INBOX
S: a6 OK LIST completed
C: a7 LIST "" nothing
S: a7 OK LIST completed
C: a8 DELETE a
S: a8 OK DELETE completed
C: a9 LIST "" a%
S: * LIST (\Noselect \HasChildren) "/" a
S: a9 OK LIST completed
