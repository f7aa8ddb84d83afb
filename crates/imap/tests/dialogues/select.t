# SELECT (RFC 3501 section 6.3.1)
@ A login
C: a1 SELECT INBOX
S: * FLAGS (\Answered \Deleted \Draft \Flagged \Seen)
S: * OK [PERMANENTFLAGS (\Answered \Deleted \Draft \Flagged \Seen \*)] Flags that can be changed
S: * 0 EXISTS
S: * 0 RECENT
S: * OK [UIDVALIDITY {*}] UIDs are valid
S: * OK [UIDNEXT 1] The next UID
S: * OK [HIGHESTMODSEQ {*}] The highest modification sequence
S: * OK [MAILBOXID (M{*})] The mailbox's permanent number
S: a1 OK [READ-WRITE] SELECT completed
@ mail simple.eml
@ mail report.eml
@ A
C: a2 NOOP
S: * 2 EXISTS
S: * 2 RECENT
S: a2 OK NOOP completed
C: a3 STORE 1 +FLAGS (\Seen $Work)
S: * FLAGS (\Answered \Deleted \Draft \Flagged \Seen $Work)
S: * OK [PERMANENTFLAGS (\Answered \Deleted \Draft \Flagged \Seen $Work \*)] Flags that can be changed
S: * 1 FETCH (FLAGS (\Seen \Recent $Work))
S: a3 OK STORE completed
C: a4 SELECT inbox
S: * OK [CLOSED] The mailbox open before is closed
S: * FLAGS (\Answered \Deleted \Draft \Flagged \Seen $Work)
S: * OK [PERMANENTFLAGS (\Answered \Deleted \Draft \Flagged \Seen $Work \*)] Flags that can be changed
S: * 2 EXISTS
S: * 0 RECENT
S: * OK [UNSEEN 2] The first message not seen
S: * OK [UIDVALIDITY {*}] UIDs are valid
S: * OK [UIDNEXT 3] The next UID
S: * OK [HIGHESTMODSEQ {*}] The highest modification sequence
S: * OK [MAILBOXID (M{*})] The mailbox's permanent number
S: a4 OK [READ-WRITE] SELECT completed
# A failed SELECT leaves no mailbox open.
C: a5 SELECT Nowhere
S: * OK [CLOSED] The mailbox open before is closed
S: a5 NO [NONEXISTENT] No such mailbox
C: a6 FETCH 1 FLAGS
S: a6 BAD Open a mailbox first
