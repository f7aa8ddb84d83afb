# Addresses in UTF-8 (RFC 6531) and quoted local parts.
S: 220 {*}
C: LHLO x
S> 250 SIZE 20000
C: MAIL FROM:<jürgen@müller.example> SMTPUTF8
S: 250 2.1.0 sender accepted
C: RCPT TO:<jürgen@example.com>
S: 550 5.1.1 no such user here
C: RCPT TO:<"alice"@example.com>
S: 250 2.1.5 recipient accepted
C: RSET
S: 250 2.0.0 reset
C: QUIT
S: 221 2.0.0 goodbye
CLOSE
