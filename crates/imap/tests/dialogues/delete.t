# DELETE (RFC 3501 section 6.3.4): children stay
@ A login
C: a1 CREATE one/two
S: a1 OK {*}
C: a2 DELETE one
S: a2 OK DELETE completed
C: a3 LIST "" one*
S: * LIST (\Noselect \HasChildren) "/" one
S: * LIST (\HasNoChildren) "/" one/two
S: a3 OK LIST completed
C: a4 SELECT one
S: a4 NO [NONEXISTENT] No such mailbox
C: a5 DELETE one
S: a5 NO [NONEXISTENT] No such mailbox
C: a6 DELETE INBOX
S: a6 NO [CANNOT] This operation is not possible
C: a7 DELETE one/two
S: a7 OK DELETE completed
C: a8 LIST "" one*
S: a8 OK LIST completed
