# Unknown, malformed and misplaced commands; lines end at LF, CR before it or not.
S: +OK {*}
C: 
S: -ERR unknown command
C: EHLO x
S: -ERR unknown command
C: APOP alice c4c9334bac560ecc979e58001b3e22fb
S: -ERR unknown command
C: LANG
S: -ERR unknown command
C: NOOP
S: -ERR log in first
C~ \xff\xfe\x00\r\n
S: -ERR unknown command
C~ USER alice\nPASS wonder land\n
S: +OK {*}
S: +OK 3 messages (87 octets)
C: UTF8
S: -ERR you have logged in already
C: NOOP
S: +OK here
C: NOOP 1
S: -ERR no argument is allowed here
C: XYZZY
S: -ERR unknown command
