# EXAMINE (RFC 3501 section 6.3.2): nothing changes
@ mail simple.eml
@ A login
C: a1 EXAMINE INBOX
S: * FLAGS (\Answered \Deleted \Draft \Flagged \Seen)
S: * OK [PERMANENTFLAGS ()] No flag can be changed
S: * 1 EXISTS
S: * 1 RECENT
S: * OK [UNSEEN 1] The first message not seen
S> a1 OK [READ-ONLY] EXAMINE completed
C: a2 STORE 1 +FLAGS (\Seen)
S: a2 NO [READ-ONLY] The mailbox is open for reading only
C: a3 EXPUNGE
S: a3 NO [READ-ONLY] The mailbox is open for reading only
C: a4 UID EXPUNGE 1
S: a4 NO [READ-ONLY] The mailbox is open for reading only
C: a5 FETCH 1 BODY[TEXT]<0.5>
S: * 1 FETCH (BODY[TEXT]<0> {5}
S: Hello)
S: a5 OK FETCH completed
C: a6 FETCH 1 FLAGS
S: * 1 FETCH (FLAGS (\Recent))
S: a6 OK FETCH completed
# \Recent is left for a session that may take it.
@ B login
C: b1 SELECT INBOX
S> * 1 RECENT
S> b1 OK {*}
