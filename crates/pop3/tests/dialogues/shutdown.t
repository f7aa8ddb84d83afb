# The service stops; nothing is deleted.
S: +OK {*}
C: USER alice
S: +OK {*}
C: PASS wonder land
S: +OK {*}
C: RETR 1
S> .
C: DELE 1
S: +OK {*}
SHUTDOWN
S: -ERR [SYS/TEMP] the service is stopping; try again later
CLOSE
