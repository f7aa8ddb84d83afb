# CONDSTORE (RFC 7162)
@ mail simple.eml
@ mail report.eml
@ A select INBOX
# Before it is enabled, no modification sequence is told.
C: a1 STORE 1 +FLAGS (\Seen)
S: * 1 FETCH (FLAGS (\Seen \Recent))
S: a1 OK STORE completed
# The first enabling command tells HIGHESTMODSEQ.
C: a2 FETCH 1:2 (MODSEQ)
S: * OK [HIGHESTMODSEQ {*}] CONDSTORE is enabled
S: * 1 FETCH (MODSEQ ({*}))
S: * 2 FETCH (MODSEQ ({*}))
S: a2 OK FETCH completed
# From now on it is told with every change, also with .SILENT.
C: a3 STORE 2 +FLAGS.SILENT (\Flagged)
S: * 2 FETCH (UID 2 MODSEQ ({*}))
S: a3 OK STORE completed
C: a4 STORE 2 +FLAGS (\Answered)
S: * 2 FETCH (UID 2 FLAGS (\Answered \Flagged \Recent) MODSEQ ({*}))
S: a4 OK STORE completed
C: a5 STORE 1:2 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\Deleted)
S: a5 OK [MODIFIED 1:2] Some messages were changed since
C: a6 UID STORE 1:2 (UNCHANGEDSINCE 1) FLAGS (\Deleted)
S: a6 OK [MODIFIED 1:2] Some messages were changed since
C: a7 STORE 1 (UNCHANGEDSINCE 99999999) +FLAGS.SILENT (\Deleted)
S: * 1 FETCH (UID 1 MODSEQ ({*}))
S: a7 OK STORE completed
# What passes the test is told also when nothing changes (RFC 7162 section 3.1.3).
C: b7 STORE 1 (UNCHANGEDSINCE 99999999) +FLAGS.SILENT (\Deleted)
S: * 1 FETCH (UID 1 MODSEQ ({*}))
S: b7 OK STORE completed
C: a8 FETCH 1:2 (FLAGS) (CHANGEDSINCE 99999999)
S: a8 OK FETCH completed
C: a9 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)
S: * 1 FETCH (MODSEQ ({*}) UID 1 FLAGS (\Deleted \Seen \Recent))
S: * 2 FETCH (MODSEQ ({*}) UID 2 FLAGS (\Answered \Flagged \Recent))
S: a9 OK FETCH completed
C: a10 SEARCH MODSEQ 1
S: * SEARCH 1 2 (MODSEQ {*})
S: a10 OK SEARCH completed
C: a11 SEARCH MODSEQ 99999999
S: * SEARCH
S: a11 OK SEARCH completed
C: a12 SEARCH MODSEQ "/flags/\\draft" all 1 SEEN
S: * SEARCH 1 (MODSEQ {*})
S: a12 OK SEARCH completed
C: a13 STATUS INBOX (HIGHESTMODSEQ)
S: * STATUS INBOX (HIGHESTMODSEQ {*})
S: a13 OK STATUS completed
# Flags never come without it (section 3.1).
C: a15 FETCH 1 (FLAGS)
S: * 1 FETCH (MODSEQ ({*}) FLAGS (\Deleted \Seen \Recent))
S: a15 OK FETCH completed
C: a16 FETCH 1 (UID)
S: * 1 FETCH (UID 1)
S: a16 OK FETCH completed
@ B login
C: b1 SELECT INBOX (CONDSTORE)
S> * OK [HIGHESTMODSEQ {*}] {*}
S> b1 OK [READ-WRITE] SELECT completed
@ A
C: a14 STORE 2 -FLAGS.SILENT (\Flagged)
S: * 2 FETCH (UID 2 MODSEQ ({*}))
S: a14 OK STORE completed
@ B
C: b2 NOOP
S: * 2 FETCH (UID 2 FLAGS (\Answered) MODSEQ ({*}))
S: b2 OK NOOP completed
