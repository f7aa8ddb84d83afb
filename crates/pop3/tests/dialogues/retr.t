# RETR: dots after CRLF and after a bare LF are stuffed, the end is CRLF (RFC 1939 section 3).
S: +OK {*}
C: USER alice
S: +OK {*}
C: PASS wonder land
S: +OK {*}
C: RETR 1
S: +OK 37 octets
S: Subject: one
S: 
S: ..dot
S: second
S: third
S: .
C: RETR 2
S: +OK 28 octets
S~ Subject: two\n\nbare\n..\r\nno end\r\n.\r\n
C: RETR 3
S: +OK 22 octets
S~ Subject: dr\xc3\xa4i\r\n\r\n\xc3\xa4\r\n.\r\n
C: RETR 4
S: -ERR no such message
C: RETR
S: -ERR a message number is needed here
C: DELE 1
S: +OK message 1 deleted
C: RETR 1
S: -ERR no such message
