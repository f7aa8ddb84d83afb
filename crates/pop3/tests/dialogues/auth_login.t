# AUTH LOGIN for old clients: name, then password, each in base64.
S: +OK {*}
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C: *
S: -ERR cancelled
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C: YWxpY2U=
S: + UGFzc3dvcmQ6
C: *
S: -ERR cancelled
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C: alice!
S: -ERR the response is not valid base64
C: AUTH LOGIN =
S: -ERR a user name and a password are needed
C: auth login YWxpY2U=
S: + UGFzc3dvcmQ6
C: d29uZGVyIGxhbmQ=
S: +OK 3 messages (87 octets)
