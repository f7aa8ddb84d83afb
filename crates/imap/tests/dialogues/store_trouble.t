# What the store refuses reaches the client as a code it understands (RFC 5530).
@ mail simple.eml
@ mail report.eml
@ A select INBOX
@ refuse space
@ A
C: a1 STORE 1 +FLAGS (\Seen)
S: a1 NO [UNAVAILABLE] The server has no space left; nothing was changed
C: a2 CREATE New
S: a2 NO [UNAVAILABLE] The server has no space left; nothing was changed
@ refuse limit
@ A
C: a3 STORE 1 +FLAGS ($X)
S: a3 NO [LIMIT] too many keywords in this mailbox
@ refuse unavailable
@ A
C: a4 EXPUNGE
S: a4 NO [UNAVAILABLE] The mail store does not answer; try again later
C: a5 CLOSE
S: a5 NO [UNAVAILABLE] The mail store does not answer; try again later
C: a6 COPY 1 Archive
S: a6 NO [UNAVAILABLE] The mail store does not answer; try again later
# Reads go on; only \Seen cannot be set.
C: a7 FETCH 1 BODY[TEXT]<0.5>
S: * 1 FETCH (BODY[TEXT]<0> {5}
S: Hello)
S: a7 NO [UNAVAILABLE] The mail store does not answer; try again later
C~ a8 APPEND INBOX {5+}\r\nhello\r\n
S: a8 NO [UNAVAILABLE] The mail store does not answer; try again later
@ refuse uploads
@ A
C~ a9 APPEND INBOX {10+}\r\nhello
S: a9 NO [UNAVAILABLE] The server has no space left; nothing was changed
C~ world\r\na10 NOOP\r\n
S: a10 OK NOOP completed
@ refuse nothing
@ A
C: a11 STORE 1 +FLAGS.SILENT (\Seen)
S: a11 OK STORE completed
# A damaged message is left out; all others are told.
@ damage 1
@ A
C: a12 FETCH 1:2 (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])
S: * 2 FETCH (UID 2 BODY[HEADER.FIELDS (SUBJECT)] {*}
S: Subject: Report
S: 
S: )
S: a12 NO [CORRUPTION] Some of the messages are damaged; the administrator can see which
C: a13 SEARCH SUBJECT p
S: * SEARCH 2
S: a13 OK SEARCH completed
# Changes that could not be told for a failing store are told later: sequence numbers stay right.
@ B select INBOX
C: b1 STORE 1 +FLAGS.SILENT (\Deleted)
S: b1 OK STORE completed
C: b2 EXPUNGE
S: * 1 EXPUNGE
S: b2 OK EXPUNGE completed
@ mail simple.eml
@ fail 2
@ A
C: a14 NOOP
S: a14 OK NOOP completed
C: a15 NOOP
S: * 1 EXPUNGE
S: * 2 EXISTS
S: * {*} RECENT
S: a15 OK NOOP completed
# IDLE goes on, so that the client's DONE still ends it.
C: a16 IDLE
S: + Waiting for changes
@ mail simple.eml
@ fail 1
@ A woken
QUIET
@ mail simple.eml
@ A woken
S: * 4 EXISTS
S: * {*} RECENT
C: DONE
S: a16 OK IDLE completed
