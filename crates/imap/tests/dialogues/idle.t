# IDLE (RFC 2177)
@ A select INBOX
C: a1 IDLE
S: + Waiting for changes
@ mail simple.eml
@ A woken
S: * 1 EXISTS
S: * 1 RECENT
@ B select INBOX
C: b1 STORE 1 +FLAGS (\Deleted)
S: * 1 FETCH (FLAGS (\Deleted))
S: b1 OK STORE completed
@ A woken
S: * 1 FETCH (FLAGS (\Deleted \Recent))
@ B
C: b2 EXPUNGE
S: * 1 EXPUNGE
S: b2 OK EXPUNGE completed
@ A woken
S: * 1 EXPUNGE
# A wake-up without news says nothing.
WAKE
QUIET
C: DONE
S: a1 OK IDLE completed
# Changes before IDLE are told at once.
@ mail report.eml
@ A
C: a2 IDLE
S: + Waiting for changes
S: * 1 EXISTS
S: * 1 RECENT
C: done
S: a2 OK IDLE completed
# A wake-up outside IDLE waits for the next command.
@ mail report.eml
@ A woken
QUIET
C: a3 NOOP
S: * 2 EXISTS
S: * 2 RECENT
S: a3 OK NOOP completed
# Without a mailbox there is nothing to tell.
@ C login
C: c1 IDLE
S: + Waiting for changes
WAKE
QUIET
C: DONE
S: c1 OK IDLE completed
# Commands sent ahead wait.
C~ c2 IDLE\r\nDONE\r\nc3 NOOP\r\n
S: + Waiting for changes
S: c2 OK IDLE completed
S: c3 OK NOOP completed
