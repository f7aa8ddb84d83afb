# QUIT before login.
S: +OK {*}
C: QUIT x
S: -ERR no argument is allowed here
C: quit
S: +OK mail.example.com says goodbye
CLOSE
