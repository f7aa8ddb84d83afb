# Before login a connection lives a minute, however busy it is.
S: +OK {*}
TIME +50s
C: CAPA
S> .
TIME +9s
C: USER alice
S: +OK {*}
TIME +1s
S: -ERR no login within 1 minute of connecting; connect again
CLOSE
