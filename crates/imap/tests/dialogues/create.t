# CREATE (RFC 3501 section 6.3.3) with MAILBOXID (RFC 8474 section 4.2)
@ A login
C: a1 CREATE Projects/Bridge
S: a1 OK [MAILBOXID (M{*})] CREATE completed
C: a2 LIST "" Projects*
S: * LIST (\HasChildren) "/" Projects
S: * LIST (\HasNoChildren) "/" Projects/Bridge
S: a2 OK LIST completed
C: a3 CREATE Projects
S: a3 NO [ALREADYEXISTS] The name is taken
C: a4 CREATE inbox
S: a4 NO [ALREADYEXISTS] The name is taken
C: a5 CREATE Later/
S: a5 OK [MAILBOXID (M{*})] CREATE completed
C: a6 CREATE "Entw&APw-rfe"
S: a6 OK [MAILBOXID (M{*})] CREATE completed
C: a7 LIST "" Entw*
S: * LIST (\HasNoChildren) "/" Entw&APw-rfe
S: a7 OK LIST completed
C: a8 CREATE a//b
S: a8 NO [CANNOT] {*}
