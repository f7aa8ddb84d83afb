# USER and PASS (RFC 1939 section 7); the first login makes the account.
S: +OK {*}
C: PASS wonder land
S: -ERR say USER first
C: USER
S: -ERR USER needs a name
C: USER newcomer
S: +OK now the password
C: USER newcomer
S: +OK now the password
C: PASS wonder land
S: +OK 0 messages (0 octets)
C: USER alice
S: -ERR you have logged in already
C: LIST
S: +OK 0 messages
S: .
C: QUIT
S: +OK mail.example.com says goodbye
CLOSE
