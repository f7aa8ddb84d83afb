# Malformed input: a tagged BAD where there is a tag; the connection goes on.
@ A login
C: a1 FROB
S: a1 BAD {*}
C: a2 FETCH
S: a2 BAD {*}
C~ \r\n
S: * BAD {*}
C~ \xff\xfe\x00garbage\r\n
S: * BAD {*}
C: a3 SELECT "unclosed
S: a3 BAD {*}
C: a4 SEARCH (((
S: a4 BAD {*}
C: a5 LOGIN {99999999}
S: a5 {*}
C: a6 STORE 1 +FLAGS (\Bogus)
S: a6 {*}
C: a7 UID NOOP
S: a7 BAD {*}
C: a8 SELECT a//b
S: a8 {*}
C: a9 IDLE
S: + Waiting for changes
C: NONSENSE
S: a9 BAD DONE was expected to end IDLE
C: a10 NOOP
S: a10 OK NOOP completed
@ B
S> * OK {*}
C: 1 x
S: 1 BAD {*}
C: 2 x
S: 2 BAD {*}
C: 3 x
S: 3 BAD {*}
C: 4 x
S: 4 BAD {*}
C: 5 x
S: 5 BAD {*}
C: 6 x
S: 6 BAD {*}
C: 7 x
S: 7 BAD {*}
C: 8 x
S: 8 BAD {*}
C: 9 x
S: 9 BAD {*}
C: 10 x
S: 10 BAD {*}
C: 11 x
S: 11 BAD {*}
C: 12 x
S: 12 BAD {*}
C: 13 x
S: 13 BAD {*}
C: 14 x
S: 14 BAD {*}
C: 15 x
S: 15 BAD {*}
C: 16 x
S: 16 BAD {*}
C: 17 x
S: 17 BAD {*}
C: 18 x
S: 18 BAD {*}
C: 19 x
S: 19 BAD {*}
C: 20 x
S: 20 BAD {*}
S: * BYE Too many commands could not be understood
CLOSE
