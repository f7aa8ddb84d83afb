# Commands sent ahead run one after another (RFC 3501 section 5.5).
@ mail simple.eml
@ A login
C~ a1 SELECT INBOX\r\na2 FETCH 1 UID\r\na3 STORE 1 +FLAGS.SILENT (\\Deleted)\r\na4 EXPUNGE\r\na5 NOOP\r\na6 LOGOUT\r\na7 NOOP\r\n
S> a1 OK {*}
S: * 1 FETCH (UID 1)
S: a2 OK FETCH completed
S: a3 OK STORE completed
S: * 1 EXPUNGE
S: a4 OK EXPUNGE completed
S: a5 OK NOOP completed
S: * BYE Logging out
S: a6 OK LOGOUT completed
CLOSE
# Byte by byte
@ B login
C~ b
C~ 1 NO
C~ OP\r
QUIET
C~ \nb2 NOOP\r\n
S: b1 OK NOOP completed
S: b2 OK NOOP completed
