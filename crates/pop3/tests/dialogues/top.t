# TOP (RFC 1939 section 7).
S: +OK {*}
C: USER alice
S: +OK {*}
C: PASS wonder land
S: +OK {*}
C: TOP 1 0
S: +OK the top of the message follows
S: Subject: one
S: 
S: .
C: TOP 1 2
S: +OK the top of the message follows
S: Subject: one
S: 
S: ..dot
S: second
S: .
C: TOP 1 99999999999999
S: +OK the top of the message follows
S> third
S: .
C: TOP 2 1
S: +OK the top of the message follows
S~ Subject: two\n\nbare\n\r\n.\r\n
C: TOP 1
S: -ERR TOP needs a message number and a number of lines
C: TOP 1 -1
S: -ERR TOP needs a message number and a number of lines
C: TOP 9 1
S: -ERR no such message
