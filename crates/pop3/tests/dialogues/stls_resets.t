# A user named before STLS is forgotten, and the bits of the cipher do not matter here.
S: +OK {*}
C: USER alice
S: +OK {*}
C: STLS
S: +OK begin TLS now
STARTTLS 128
C: PASS wonder land
S: -ERR say USER first
