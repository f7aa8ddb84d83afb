# Before login a connection lives a minute, however busy it is.
S: +OK {*}
TIME +50s
C: CAPA
S> .
TIME +9s
C: USER alice
S: +OK {*}
TIME +1s
CLOSE
