# Silence ends the session, and the client is told why.
S: +OK {*}
C: USER alice
S: +OK {*}
C: PASS wonder land
S: +OK {*}
TIME +9m
WAKE
C: NOOP
S: +OK here
TIME +9m
C: NOOP
S: +OK here
TIME +10m
S: -ERR idle for 10 minutes; nothing was deleted, log in again to go on
CLOSE
