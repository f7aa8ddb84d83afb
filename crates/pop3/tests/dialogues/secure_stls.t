# STLS where passwords need TLS (RFC 2595): offers change, plaintext slipped in is dropped.
S: +OK {*}
C: CAPA
S> UTF8 USER
S: STLS
S: IMPLEMENTATION Waypost-0.1.0
S: .
C: USER alice
S: -ERR [SYS/PERM] start TLS before you send a password
C: AUTH PLAIN AGFsaWNlAHdvbmRlciBsYW5k
S: -ERR [SYS/PERM] start TLS before you send a password
C: AUTH
S: +OK mechanisms follow
S: .
C: STLS now
S: -ERR no argument is allowed here
C~ STLS\r\nUSER alice\r\n
S: +OK begin TLS now
QUIET
STARTTLS
QUIET
C: PASS wonder land
S: -ERR say USER first
C: CAPA
S> UTF8 USER
S: USER
S: SASL PLAIN LOGIN
S: IMPLEMENTATION Waypost-0.1.0
S: .
C: STLS
S: -ERR TLS is active already
C: USER alice
S: +OK {*}
C: PASS wonder land
S: +OK 3 messages (87 octets)
C: STLS
S: -ERR you have logged in already
