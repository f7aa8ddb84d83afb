# Settings that change while clients are connected
@ A select INBOX
@ option idle_timeout 45
# The wait that has begun keeps its end; the next one is longer.
@ A
C: a1 NOOP
S: a1 OK NOOP completed
TIME +44m
QUIET
C: a2 NOOP
S: a2 OK NOOP completed
@ option idle_timeout 30
@ A
C: a3 NOOP
S: a3 OK NOOP completed
@ option max_message_bytes 10
@ A
C: a4 APPEND INBOX {11}
S: a4 NO [TOOBIG] {*}
@ option banner New
@ B
S> * OK {*} New
@ A
TIME +31m
S: * BYE Idle for 30 minutes; log in again to go on
CLOSE
# A longer time also counts for a wait that has begun, IDLE among them.
@ C select INBOX
C: c1 IDLE
S: + Waiting for changes
@ option idle_timeout 45
@ C
TIME +44m
QUIET
TIME +2m
S: * BYE Idle for 45 minutes; log in again to go on
CLOSE
