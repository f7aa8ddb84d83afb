# DELE and RSET (RFC 1939 section 5).
S: +OK {*}
C: USER alice
S: +OK {*}
C: PASS wonder land
S: +OK {*}
C: DELE 1
S: +OK message 1 deleted
C: DELE 1
S: -ERR no such message
C: DELE 3
S: +OK message 3 deleted
C: DELE 4
S: -ERR no such message
C: STAT
S: +OK 1 28
C: RSET
S: +OK 3 messages
C: STAT
S: +OK 3 87
C: DELE 1
S: +OK message 1 deleted
C: QUIT
S: +OK mail.example.com says goodbye
CLOSE
