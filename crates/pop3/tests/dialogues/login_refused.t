# Failed logins carry a code (RFC 3206) and are counted; the name must be given again.
S: +OK {*}
C: USER office
S: +OK {*}
C: PASS wonder land
S: -ERR [AUTH] this account may not log in here; ask the administrator
C: PASS wonder land
S: -ERR say USER first
C: USER office
S: +OK {*}
C~ PASS tab\tin it\r\n
S: -ERR [AUTH] the user name or the password is wrong
C: AUTH PLAIN AG9mZmljZQB3b25kZXIgbGFuZA==
S: -ERR [AUTH] this account may not log in here; ask the administrator
CLOSE
