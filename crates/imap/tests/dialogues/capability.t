# CAPABILITY (RFC 3501 section 6.1.1): it differs before login, with TLS, and after login.
@ A
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE STARTTLS AUTH=PLAIN AUTH=LOGIN] {*}
C: a1 CAPABILITY
S: * CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE STARTTLS AUTH=PLAIN AUTH=LOGIN
S: a1 OK CAPABILITY completed
C: a2 LOGIN alice secret
S: a2 OK [CAPABILITY {*}] You are logged in
C: a3 CAPABILITY
S: * CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE NAMESPACE CHILDREN UNSELECT UIDPLUS MOVE IDLE SPECIAL-USE CREATE-SPECIAL-USE OBJECTID CONDSTORE ESEARCH SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE
S: a3 OK CAPABILITY completed
@ option plaintextmincipher 128
@ B
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE STARTTLS LOGINDISABLED] {*}
C: b1 LOGIN alice secret
S: b1 NO [PRIVACYREQUIRED] start TLS before you send a password
C: b2 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==
S: b2 NO [PRIVACYREQUIRED] start TLS before you send a password
C: b3 AUTHENTICATE XOAUTH2
S: b3 NO [CANNOT] This authentication mechanism is not offered
@ C tls
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE AUTH=PLAIN AUTH=LOGIN] {*}
# -1 of an older edition of the described product: no passwords at all, also under TLS.
@ option plaintextmincipher -1
@ D
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE STARTTLS LOGINDISABLED] {*}
C: d1 LOGIN alice secret
S: d1 NO [CONTACTADMIN] this server takes no passwords, not even over TLS; {*}
@ E tls
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE LOGINDISABLED] {*}
C: e1 LOGIN alice secret
S: e1 NO [CONTACTADMIN] this server takes no passwords, not even over TLS; {*}
C: e2 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==
S: e2 NO [CONTACTADMIN] this server takes no passwords, not even over TLS; {*}
C: e3 AUTHENTICATE PLAIN
S: e3 NO [CONTACTADMIN] this server takes no passwords, not even over TLS; {*}
