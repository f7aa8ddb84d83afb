# CAPA in both states (RFC 2449 section 5, RFC 2595: STLS before login only).
S: +OK mail.example.com POP service Waypost
C: CAPA
S: +OK capabilities follow
S: TOP
S: UIDL
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: LOGIN-DELAY 0
S: EXPIRE NEVER
S: UTF8 USER
S: USER
S: SASL PLAIN LOGIN
S: STLS
S: IMPLEMENTATION Waypost-0.1.0
S: .
C: CAPA now
S: -ERR no argument is allowed here
C: USER alice
S: +OK {*}
C: PASS wonder land
S: +OK 3 messages (87 octets)
C: capa
S: +OK capabilities follow
S> UTF8 USER
S: USER
S: SASL PLAIN LOGIN
S: IMPLEMENTATION Waypost-0.1.0
S: .
