# UTF8 before login (RFC 6856); names and passwords are UTF-8 with or without it.
S: +OK {*}
C: UTF8 x
S: -ERR no argument is allowed here
C: UTF8
S: +OK UTF-8 it is
C: USER jürgen
S: +OK {*}
C: PASS wonder land
S: +OK 0 messages (0 octets)
