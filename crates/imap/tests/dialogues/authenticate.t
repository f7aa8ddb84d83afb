# AUTHENTICATE PLAIN (RFC 3501 section 6.2.2, RFC 4616, RFC 4959)
@ A
S> * OK {*}
C: a1 AUTHENTICATE PLAIN
S: + 
C: *
S: a1 BAD AUTHENTICATE cancelled
C: a2 AUTHENTICATE PLAIN
S: + 
C: not base64!
S: a2 BAD The response is not valid base64
C: a3 AUTHENTICATE PLAIN AGFsaWNl
S: a3 BAD the response is not a PLAIN message
C: a4 AUTHENTICATE CRAM-MD5
S: a4 NO [CANNOT] This authentication mechanism is not offered
C: a5 AUTHENTICATE PLAIN
S: + 
C: AGFsaWNlAHdyb25n
S: a5 NO [AUTHENTICATIONFAILED] the user name or the password is wrong
C: a6 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==
S: a6 OK [CAPABILITY {*}] You are logged in
@ B
S> * OK {*}
C: b1 AUTHENTICATE PLAIN
S: + 
C: AGFsaWNlAHNlY3JldA==
S: b1 OK [CAPABILITY {*}] You are logged in
