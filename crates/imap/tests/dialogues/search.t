# SEARCH (RFC 3501 section 6.4.4)
@ mail simple.eml
@ mail report.eml
@ mail simple.eml
@ A select INBOX
C: a1 STORE 2 +FLAGS.SILENT (\Seen \Flagged $Work)
S: a1 OK STORE completed
C: a2 SEARCH ALL
S: * SEARCH 1 2 3
S: a2 OK SEARCH completed
C: a3 SEARCH SEEN
S: * SEARCH 2
S: a3 OK SEARCH completed
C: a4 SEARCH UNSEEN NOT UID 1
S: * SEARCH 3
S: a4 OK SEARCH completed
C: a5 SEARCH KEYWORD $work
S: * SEARCH 2
S: a5 OK SEARCH completed
C: a6 SEARCH UNKEYWORD $Other 1:2
S: * SEARCH 1 2
S: a6 OK SEARCH completed
C: a8 SEARCH CHARSET UTF-8 SUBJECT {5+}
C: CAFÉ
S: * SEARCH 1 3
S: a8 OK SEARCH completed
C: a9 SEARCH CHARSET KOI8-R SUBJECT x
S: a9 NO [BADCHARSET (US-ASCII UTF-8)] {*}
C: a10 SEARCH FROM "bob builder"
S: * SEARCH 1 3
S: a10 OK SEARCH completed
C: a11 SEARCH TO alice@ CC carol
S: * SEARCH 1 3
S: a11 OK SEARCH completed
C: a12 SEARCH HEADER X-Mood cheer
S: * SEARCH 1 3
S: a12 OK SEARCH completed
C: a13 SEARCH HEADER X-Mood ""
S: * SEARCH 1 3
S: a13 OK SEARCH completed
C: a14 SEARCH BODY "at NOON"
S: * SEARCH 1 3
S: a14 OK SEARCH completed
# Base64 and charset are decoded.
C: a16 SEARCH BODY "aus K"
S: * SEARCH 2
S: a16 OK SEARCH completed
C: a17 SEARCH TEXT "x-outer"
S: * SEARCH 2
S: a17 OK SEARCH completed
C: a18 SEARCH TEXT report
S: * SEARCH 2
S: a18 OK SEARCH completed
C: a19 SEARCH BODY builder
S: * SEARCH
S: a19 OK SEARCH completed
C: a20 SEARCH LARGER 300
S: * SEARCH 2
S: a20 OK SEARCH completed
C: a21 SEARCH SMALLER 268 SMALLER 300
S: * SEARCH 1 3
S: a21 OK SEARCH completed
C: a22 SEARCH ON 25-Oct-2020
S: * SEARCH 1 2 3
S: a22 OK SEARCH completed
C: a23 SEARCH BEFORE 25-Oct-2020
S: * SEARCH
S: a23 OK SEARCH completed
C: a24 SEARCH SINCE 25-Oct-2020 SENTBEFORE 25-Oct-2020
S: * SEARCH 1 3
S: a24 OK SEARCH completed
C: a25 SEARCH SENTON 25-Oct-2020
S: * SEARCH 2
S: a25 OK SEARCH completed
C: a26 SEARCH SENTSINCE 24-Oct-2020 NOT (OR SEEN FLAGGED)
S: * SEARCH 1 3
S: a26 OK SEARCH completed
C: a27 UID SEARCH 2:* UNSEEN
S: * SEARCH 3
S: a27 OK SEARCH completed
C: a28 SEARCH 9
S: * SEARCH
S: a28 OK SEARCH completed
C: a29 SEARCH SUBJECT nothing
S: * SEARCH
S: a29 OK SEARCH completed
# Keys that a page answers beside keys that read messages.
C: a30 SEARCH OR SEEN FROM "bob builder"
S: * SEARCH 1 2 3
S: a30 OK SEARCH completed
C: a31 SEARCH NOT (SEEN FROM "bob builder")
S: * SEARCH 1 2 3
S: a31 OK SEARCH completed
C: a32 SEARCH NOT (UNSEEN FROM "bob builder")
S: * SEARCH 2
S: a32 OK SEARCH completed
C: a33 SEARCH OR (SEEN FROM "bob builder") (UNSEEN NOT FROM "bob builder")
S: * SEARCH
S: a33 OK SEARCH completed
C: a34 SEARCH OR (1 FROM "bob builder") (2 NOT FROM "bob builder")
S: * SEARCH 1 2
S: a34 OK SEARCH completed
C: a35 SEARCH UNSEEN NOT 1 FROM "bob builder"
S: * SEARCH 3
S: a35 OK SEARCH completed
C: a36 SEARCH UNSEEN FROM "bob builder" ALL ALL ALL ALL ALL ALL ALL ALL ALL ALL ALL ALL ALL ALL ALL ALL ALL ALL ALL ALL
S: * SEARCH 1 3
S: a36 OK SEARCH completed
# Every text costs a reading of the messages, so their number is limited.
C: z1 SEARCH BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x BODY x
S: z1 NO [LIMIT] Too many texts in one search
C: z2 SEARCH OR 1:2 UID 2:* 1,2 NOT 99:100
S> z2 OK SEARCH completed
