# APPEND (RFC 3501 section 6.3.11) with APPENDUID (RFC 4315 section 3)
@ option max_message_bytes 1000
@ A login
C: a1 APPEND Sent (\Seen $Label) "17-Jul-1996 02:44:25 -0700" {18}
S: + Send the message
C~ Subject: x\r\n
QUIET
C~ \r\nhi\r\n
QUIET
C~ \r\n
S: a1 OK [APPENDUID {*} 1] APPEND completed
C: a2 SELECT Sent
S> * 1 EXISTS
S: * 1 RECENT
S> a2 OK {*}
C: a3 FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])
S: * 1 FETCH (FLAGS (\Seen \Recent $Label) INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] {18}
S: Subject: x
S: 
S: hi
S: )
S: a3 OK FETCH completed
# Into the open mailbox, without waiting for a continuation, in one piece with the next command.
C~ a4 APPEND Sent {6+}\r\nhello!\r\na5 NOOP\r\n
S: * 2 EXISTS
S: * 2 RECENT
S: a4 OK [APPENDUID {*} 2] APPEND completed
S: a5 OK NOOP completed
C: a6 APPEND Missing {5}
S: a6 NO [TRYCREATE] No such mailbox; create it first
C~ a7 APPEND Missing {5+}\r\nhello\r\n
S: a7 NO [TRYCREATE] No such mailbox; create it first
C: a8 APPEND Sent {1001}
S: a8 NO [TOOBIG] The message is too large
C: a9 APPEND Sent (\Seen {3}
S: a9 BAD {*}
C: a10 APPEND Sent {0}
S: a10 NO [CANNOT] A message of no bytes is not kept
C: a11 NOOP
S: a11 OK NOOP completed
@ B
S> * OK {*}
C: b1 APPEND INBOX {5}
S: b1 BAD Log in first
C: b2 NOOP
S: b2 OK NOOP completed
# A client that goes away in the middle of a message leaves nothing behind.
@ C login
C: c1 APPEND Sent {100}
S: + Send the message
C: only this much
EOF
CLOSE
@ A
C: a12 NOOP
S: a12 OK NOOP completed
