# UIDL (RFC 1939 section 7): validity and UID of the message.
S: +OK {*}
C: USER alice
S: +OK {*}
C: PASS wonder land
S: +OK {*}
C: UIDL
S: +OK 3 messages
S: 1 {*}.1
S: 2 {*}.2
S: 3 {*}.3
S: .
C: UIDL 2
S: +OK 2 {*}.2
C: DELE 1
S: +OK {*}
C: UIDL
S: +OK 2 messages
S: 2 {*}.2
S: 3 {*}.3
S: .
C: UIDL 1
S: -ERR no such message
C: UIDL 1 2
S: -ERR a message number is needed here
