# AUTH PLAIN in one line.
S: +OK {*}
C: AUTH PLAIN AGFsaWNlAHdvbmRlciBsYW5k
S: +OK 3 messages (87 octets)
