# STARTTLS (RFC 3501 section 6.2.1)
@ option plaintextmincipher 128
@ A
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE STARTTLS LOGINDISABLED] {*}
# What a man in the middle put behind STARTTLS is dropped.
C~ a1 STARTTLS\r\na2 NOOP\r\n
S: a1 OK Begin the TLS handshake now
STARTTLS
QUIET
C: a3 CAPABILITY
S: * CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE AUTH=PLAIN AUTH=LOGIN
S: a3 OK CAPABILITY completed
C: a4 STARTTLS
S: a4 BAD TLS is on already
C: a5 LOGIN alice secret
S: a5 OK {*}
C: a6 STARTTLS
S: a6 BAD You are logged in already
# A cipher that is too weak for the policy
@ B
S> * OK {*}
C: b1 STARTTLS
S: b1 OK {*}
STARTTLS 64
C: b2 CAPABILITY
S: * CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE LOGINDISABLED
S: b2 OK CAPABILITY completed
C: b3 LOGIN alice secret
S: b3 NO [PRIVACYREQUIRED] the encryption of this connection is too weak for a password; {*}
