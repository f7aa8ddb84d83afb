# Silence ends the session without a word (RFC 1939 section 3).
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
CLOSE
