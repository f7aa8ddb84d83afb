# Two sessions on one mailbox see each other's changes.
@ mail simple.eml
@ mail report.eml
@ mail simple.eml
@ A select INBOX
@ B select INBOX
C: b1 STORE 1 +FLAGS (\Flagged)
S: * 1 FETCH (FLAGS (\Flagged))
S: b1 OK STORE completed
C: b2 STORE 2 +FLAGS.SILENT (\Deleted)
S: b2 OK STORE completed
C: b3 EXPUNGE
S: * 2 EXPUNGE
S: b3 OK EXPUNGE completed
# During FETCH, STORE and SEARCH, A's sequence numbers hold; the flags of others are told.
@ A
C: a1 FETCH 3 UID
S: * 3 FETCH (UID 3)
S: * 1 FETCH (FLAGS (\Flagged \Recent))
S: a1 OK FETCH completed
# What was expunged can still be read, but for its flags.
C: a2 FETCH 2 RFC822.SIZE
S: * 2 FETCH (RFC822.SIZE {*})
S: a2 OK FETCH completed
C: a3 FETCH 1:3 FLAGS
S: * 1 FETCH (FLAGS (\Flagged \Recent))
S: * 3 FETCH (FLAGS (\Recent))
S: a3 NO [EXPUNGEISSUED] Some of the messages no longer exist
C: a4 STORE 2:3 +FLAGS (\Seen)
S: * 3 FETCH (FLAGS (\Seen \Recent))
S: a4 NO [EXPUNGEISSUED] Some of the messages no longer exist
C: a5 SEARCH ALL
S: * SEARCH 1 3
S: a5 OK SEARCH completed
C: a6 COPY 2 Archive
S: * 2 EXPUNGE
S: a6 NO [EXPUNGEISSUED] None of the messages exists any more
# A silent STORE does not hide what the other changed.
@ B
C: b4 STORE 2 +FLAGS (\Answered)
S: * 2 FETCH (FLAGS (\Answered \Seen))
S: b4 OK STORE completed
@ A
C: a7 STORE 1:2 +FLAGS.SILENT (\Draft)
S: * 2 FETCH (FLAGS (\Answered \Draft \Seen \Recent))
S: a7 OK STORE completed
# Arrivals go ahead of expunges that may not be told yet.
@ B
C: b5 NOOP
S: * 1 FETCH (FLAGS (\Draft \Flagged))
S: * 2 FETCH (FLAGS (\Answered \Draft \Seen))
S: b5 OK NOOP completed
C: b6 STORE 1 +FLAGS.SILENT (\Deleted)
S: b6 OK STORE completed
C: b7 EXPUNGE
S: * 1 EXPUNGE
S: b7 OK EXPUNGE completed
@ mail report.eml
@ A
C: a8 FETCH 2 UID
S: * 2 FETCH (UID 3)
S: * 3 EXISTS
S: * 3 RECENT
S: a8 OK FETCH completed
C: a9 NOOP
S: * 1 EXPUNGE
S: a9 OK NOOP completed
C: a10 FETCH 1:2 UID
S: * 1 FETCH (UID 3)
S: * 2 FETCH (UID 4)
S: a10 OK FETCH completed
# UID commands may tell expunges.
@ B
C: b8 UID STORE 3 +FLAGS.SILENT (\Deleted)
S: * 2 EXISTS
S: * 0 RECENT
S: b8 OK STORE completed
C: b9 EXPUNGE
S: * 1 EXPUNGE
S: b9 OK EXPUNGE completed
@ A
C: a11 UID FETCH 4 FLAGS
S: * 2 FETCH (UID 4 FLAGS (\Recent))
S: * 1 EXPUNGE
S: a11 OK FETCH completed
# A UID that has left is ignored without an error (RFC 3501 section 6.4.8).
@ mail simple.eml
@ A
C: a12 NOOP
S> a12 OK NOOP completed
@ B
C: b9a NOOP
S> b9a OK NOOP completed
C: b10 UID STORE 5 +FLAGS.SILENT (\Deleted)
S> b10 OK STORE completed
C: b11 EXPUNGE
S> b11 OK EXPUNGE completed
@ A
C: a13 UID FETCH 4:5 FLAGS
S: * 1 FETCH (UID 4 FLAGS (\Recent))
S: * 2 EXPUNGE
S: a13 OK FETCH completed
