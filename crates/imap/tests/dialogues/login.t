# LOGIN (RFC 3501 section 6.2.3)
@ A
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE STARTTLS AUTH=PLAIN AUTH=LOGIN] Waypost IMAP4rev1 service ready
C: a1 LOGIN alice wrong
S: a1 NO [AUTHENTICATIONFAILED] the user name or the password is wrong
C: a2 LOGIN nobody secret
S: a2 NO [AUTHENTICATIONFAILED] the user name or the password is wrong
C: a3 SELECT INBOX
S: a3 BAD Log in first
C: a4 LOGIN {5}
S: + Go ahead
C: alice {6+}
C: secret
S: a4 OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE NAMESPACE CHILDREN UNSELECT UIDPLUS MOVE IDLE SPECIAL-USE CREATE-SPECIAL-USE OBJECTID CONDSTORE QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE] You are logged in
C: a5 LOGIN alice secret
S: a5 BAD You are logged in already
C: a6 AUTHENTICATE PLAIN
S: a6 BAD You are logged in already
