# FETCH (RFC 3501 section 6.4.5)
@ mail simple.eml
@ mail report.eml
@ A select INBOX
C: a1 FETCH 1 (FLAGS UID INTERNALDATE RFC822.SIZE)
S: * 1 FETCH (FLAGS (\Recent) UID 1 INTERNALDATE "25-Oct-2020 12:00:00 +0000" RFC822.SIZE 267)
S: a1 OK FETCH completed
C: a2 FETCH 1 ENVELOPE
S: * 1 FETCH (ENVELOPE ("Sat, 24 Oct 2020 18:30:00 +0200" "Plans for the =?utf-8?q?caf=C3=A9?=" (("Bob Builder" NIL "bob" "example.org")) (("Bob Builder" NIL "bob" "example.org")) (("Bob Builder" NIL "bob" "example.org")) (("Alice" NIL "alice" "example.com")) (("Carol" NIL "carol" "example.net")) NIL NIL "<one@example.org>"))
S: a2 OK FETCH completed
C: a3 FETCH 1 BODY
S: * 1 FETCH (BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 32 2))
S: a3 OK FETCH completed
C: a4 FETCH 2 BODYSTRUCTURE
S: * 2 FETCH (BODYSTRUCTURE (("text" "plain" {*}
S: a4 OK FETCH completed
C: a5 FETCH 1:2 FAST
S: * 1 FETCH (FLAGS (\Recent) INTERNALDATE {*} RFC822.SIZE 267)
S: * 2 FETCH (FLAGS (\Recent) INTERNALDATE {*} RFC822.SIZE {*})
S: a5 OK FETCH completed
# Fetching text sets \Seen, which is told.
C: a6 FETCH 1 RFC822.TEXT
S: * 1 FETCH (RFC822.TEXT {32}
S: Hello Alice,
S: see you at noon.
S: )
S: * 1 FETCH (FLAGS (\Seen \Recent))
S: a6 OK FETCH completed
C: a7 FETCH 2 BODY.PEEK[HEADER.FIELDS (Subject)]
S: * 2 FETCH (BODY[HEADER.FIELDS (Subject)] {*}
S: Subject: Report
S: 
S: )
S: a7 OK FETCH completed
C: a8 FETCH 2 FLAGS
S: * 2 FETCH (FLAGS (\Recent))
S: a8 OK FETCH completed
C: a9 FETCH 3 FLAGS
S: a9 BAD A message sequence number is beyond the mailbox
C: a10 FETCH * UID
S: * 2 FETCH (UID 2)
S: a10 OK FETCH completed
C: a11 UID FETCH 5:* FLAGS
S: * 2 FETCH (UID 2 FLAGS (\Recent))
S: a11 OK FETCH completed
C: a12 UID FETCH 7 FLAGS
S: a12 OK FETCH completed
C: a13 FETCH 1 RFC822.HEADER
S: * 1 FETCH (RFC822.HEADER {235}
S> X-Mood: cheerful
S: 
S: )
S: a13 OK FETCH completed
