# AUTH PLAIN with and without an initial response (RFC 1734, RFC 5034).
S: +OK {*}
C: AUTH
S: +OK mechanisms follow
S: PLAIN
S: LOGIN
S: .
C: AUTH CRAM-MD5
S: -ERR this mechanism is not known here
C: AUTH PLAIN a b
S: -ERR AUTH takes a mechanism and at most one response
C: AUTH PLAIN =
S: -ERR the response is not a PLAIN message
C: AUTH PLAIN !!!!
S: -ERR the response is not valid base64
C: AUTH PLAIN
S~ + \r\n
C: *
S: -ERR cancelled
C: auth plain
S~ + \r\n
C: QUIT
S: -ERR the response is not a PLAIN message
C: AUTH PLAIN
S~ + \r\n
C: AGFsaWNlAHdvbmRlciBsYW5k
S: +OK 3 messages (87 octets)
C: AUTH
S: -ERR you have logged in already
