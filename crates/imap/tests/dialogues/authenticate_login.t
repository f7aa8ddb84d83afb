# AUTHENTICATE LOGIN for old clients: name, then password, each in base64
@ A
S> * OK {*}
C: a1 AUTHENTICATE LOGIN
S: + VXNlcm5hbWU6
C: *
S: a1 BAD AUTHENTICATE cancelled
C: a2 AUTHENTICATE LOGIN
S: + VXNlcm5hbWU6
C: YWxpY2U=
S: + UGFzc3dvcmQ6
C: *
S: a2 BAD AUTHENTICATE cancelled
C: a3 AUTHENTICATE LOGIN
S: + VXNlcm5hbWU6
C: alice!
S: a3 BAD The response is not valid base64
C: a4 AUTHENTICATE LOGIN
S: + VXNlcm5hbWU6
C: 
S: a4 BAD a user name and a password are needed
C: a5 AUTHENTICATE LOGIN
S: + VXNlcm5hbWU6
C: YWxpY2U=
S: + UGFzc3dvcmQ6
C: d3Jvbmc=
S: a5 NO [AUTHENTICATIONFAILED] the user name or the password is wrong
C: a6 AUTHENTICATE LOGIN YWxpY2U=
S: + UGFzc3dvcmQ6
C: c2VjcmV0
S: a6 OK [CAPABILITY {*}] You are logged in
@ B
S> * OK {*}
C: b1 AUTHENTICATE login
S: + VXNlcm5hbWU6
C: YWxpY2U=
S: + UGFzc3dvcmQ6
C: c2VjcmV0
S: b1 OK [CAPABILITY {*}] You are logged in
