# LOGOUT (RFC 3501 section 6.1.3)
@ A
S> * OK {*}
C: a1 LOGOUT
S: * BYE Logging out
S: a1 OK LOGOUT completed
CLOSE
@ B select INBOX
C: b1 LOGOUT
S: * BYE Logging out
S: b1 OK LOGOUT completed
CLOSE
