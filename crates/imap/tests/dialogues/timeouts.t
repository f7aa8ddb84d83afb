# Autologout (RFC 3501 section 5.4) and the end of the service
@ A
S> * OK {*}
C: a1 NOOP
S: a1 OK NOOP completed
TIME +59s
QUIET
TIME +2s
S: * BYE No login within 1 minute of connecting; connect again
CLOSE
@ B login
TIME +29m
C: b1 NOOP
S: b1 OK NOOP completed
TIME +29m
QUIET
TIME +2m
S: * BYE Idle for 30 minutes; log in again to go on
CLOSE
@ C select INBOX
C: c1 IDLE
S: + Waiting for changes
TIME +31m
S: * BYE Idle for 30 minutes; log in again to go on
CLOSE
@ D login
SHUTDOWN
S: * BYE [UNAVAILABLE] The service is stopping
CLOSE
@ E login
EOF
CLOSE
# The connection ends after too many failed logins.
@ F
S> * OK {*}
C: f1 LOGIN alice wrong
S: f1 NO {*}
C: f2 LOGIN alice wrong
S: f2 NO {*}
C: f3 LOGIN alice wrong
S: f3 NO {*}
C: f4 LOGIN alice wrong
S: f4 NO {*}
S: * BYE Too many failed logins
CLOSE
