# STAT and LIST (RFC 1939 section 5): deleted messages are not counted, numbers stay.
S: +OK {*}
C: STAT
S: -ERR log in first
C: LIST
S: -ERR log in first
C: USER alice
S: +OK {*}
C: PASS wonder land
S: +OK {*}
C: STAT
S: +OK 3 87
C: LIST
S: +OK 3 messages
S: 1 37
S: 2 28
S: 3 22
S: .
C: LIST 2
S: +OK 2 28
C: LIST 4
S: -ERR no such message
C: LIST 0
S: -ERR no such message
C: LIST x
S: -ERR a message number is needed here
C: DELE 2
S: +OK message 2 deleted
C: STAT
S: +OK 2 59
C: STAT
S: +OK 2 59
C: LIST
S: +OK 2 messages
S: 1 37
S: 3 22
S: .
C: LIST 2
S: -ERR no such message
