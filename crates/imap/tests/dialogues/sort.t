# SORT (RFC 5256 section 3), DISPLAYFROM and DISPLAYTO (RFC 5957), return options (RFC 5267 section 3)
@ A select INBOX
C~ m1 APPEND INBOX " 5-Jan-2023 10:00:00 +0000" {114+}\r\nDate: Mon, 2 Jan 2023 10:00:00 +0000\r\nFrom: Zoe <bob@x.example>\r\nTo: Alice <alice@x.example>\r\nSubject: beta\r\n\r\nx\r\n\r\n
S> m1 OK {*}
C~ m2 APPEND INBOX " 4-Jan-2023 10:00:00 +0000" {109+}\r\nDate: Mon, 2 Jan 2023 12:00:00 +0300\r\nFrom: alice@x.example\r\nTo: Zed <a@x.example>\r\nSubject: Re: Alpha\r\n\r\nx\r\n\r\n
S> m2 OK {*}
C~ m3 APPEND INBOX " 1-Jan-2023 10:00:00 +0000" {196+}\r\nFrom: =?utf-8?q?=C3=89mile?= <carl@x.example>\r\nSubject: [list] RE: ALPHA (fwd)\r\nX-Filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\nx\r\n\r\n
S> m3 OK {*}
C~ m4 APPEND INBOX " 3-Jan-2023 10:00:00 +0000" {85+}\r\nDate: Mon, 2 Jan 2023 10:00:00 +0000\r\nFrom: _x <_u@x.example>\r\nCc: c@x.example\r\n\r\nx\r\n\r\n
S> m4 OK {*}
C: a1 SORT (DATE) UTF-8 ALL
S: * SORT 3 2 1 4
S: a1 OK SORT completed
C: a2 SORT (REVERSE DATE) UTF-8 ALL
S: * SORT 1 4 2 3
S: a2 OK SORT completed
C: a3 SORT (ARRIVAL) UTF-8 ALL
S: * SORT 3 4 2 1
S: a3 OK SORT completed
C: a4 SORT (SUBJECT) UTF-8 ALL
S: * SORT 4 2 3 1
S: a4 OK SORT completed
C: a5 SORT (SUBJECT DATE) UTF-8 ALL
S: * SORT 4 3 2 1
S: a5 OK SORT completed
C: a6 SORT (REVERSE SUBJECT REVERSE DATE) UTF-8 ALL
S: * SORT 1 2 3 4
S: a6 OK SORT completed
C: a7 SORT (FROM) UTF-8 ALL
S: * SORT 2 1 3 4
S: a7 OK SORT completed
C: a8 SORT (TO) UTF-8 ALL
S: * SORT 3 4 2 1
S: a8 OK SORT completed
C: a9 SORT (CC) UTF-8 ALL
S: * SORT 1 2 3 4
S: a9 OK SORT completed
C: a10 SORT (REVERSE CC) UTF-8 ALL
S: * SORT 4 1 2 3
S: a10 OK SORT completed
C: a11 SORT (DISPLAYFROM) UTF-8 ALL
S: * SORT 2 3 1 4
S: a11 OK SORT completed
C: a12 SORT (DISPLAYTO) UTF-8 ALL
S: * SORT 3 4 1 2
S: a12 OK SORT completed
C: a13 SORT (REVERSE SIZE) UTF-8 ALL
S: * SORT 3 1 2 4
S: a13 OK SORT completed
C: a14 SORT (DATE REVERSE DATE) UTF-8 ALL
S: * SORT 3 2 1 4
S: a14 OK SORT completed
C: a15 SORT (REVERSE ARRIVAL) US-ASCII SUBJECT alpha
S: * SORT 2 3
S: a15 OK SORT completed
C: a16 SORT (DATE) UTF-8 TEXT "not in mailbox"
S: * SORT
S: a16 OK SORT completed
# Numbers are those of the moment the command came; UIDs stay.
C: a17 STORE 1 +FLAGS.SILENT (\Deleted)
S: a17 OK STORE completed
C: a18 EXPUNGE
S: * 1 EXPUNGE
S: a18 OK EXPUNGE completed
C: a19 SORT (DATE) UTF-8 ALL
S: * SORT 2 1 3
S: a19 OK SORT completed
C: a20 UID SORT (DATE) UTF-8 ALL
S: * SORT 3 2 4
S: a20 OK SORT completed
C: a21 UID SORT (DATE) UTF-8 2:*
S: * SORT 3 4
S: a21 OK SORT completed
C: a22 SORT RETURN () (DATE) UTF-8 ALL
S: * ESEARCH (TAG "a22") ALL 2,1,3
S: a22 OK SORT completed
C: a23 UID SORT RETURN (MIN MAX COUNT) (DATE) UTF-8 ALL
S: * ESEARCH (TAG "a23") UID MIN 3 MAX 4 COUNT 3
S: a23 OK SORT completed
C: a24 UID SORT RETURN (ALL COUNT) (SIZE) UTF-8 ALL
S: * ESEARCH (TAG "a24") UID COUNT 3 ALL 4,2:3
S: a24 OK SORT completed
C: a25 SORT RETURN (MIN MAX ALL COUNT) (DATE) UTF-8 DELETED
S: * ESEARCH (TAG "a25") COUNT 0
S: a25 OK SORT completed
# With MODSEQ the answer tells the highest of what was found (RFC 7162 section 7).
C: a26 STORE 2 +FLAGS.SILENT ($Last)
S: a26 OK STORE completed
C: a27 UID SORT (DATE) UTF-8 MODSEQ 1
S: * OK [HIGHESTMODSEQ {*}] {*}
S: * SORT 3 2 4 (MODSEQ {*})
S: a27 OK SORT completed
C: a28 UID SORT RETURN (MIN) (DATE) UTF-8 MODSEQ 1
S: * ESEARCH (TAG "a28") UID MIN 3 MODSEQ {*}
S: a28 OK SORT completed
C: a29 SORT (DATE) KOI8-R ALL
S: a29 NO [BADCHARSET (US-ASCII UTF-8)] {*}
C: a30 SORT (NAME) UTF-8 ALL
S: a30 BAD {*}
C: a31 SORT (DATE) UTF-8 TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x TEXT x ALL
S: a31 NO [LIMIT] {*}
# A message whose form cannot be read is sorted as one without a header, but for the date, which its row has.
@ damage 2
@ A
C: a32 UID SORT (SUBJECT) UTF-8 ALL
S: * SORT 2 4 3
S: a32 OK SORT completed
C: a33 UID SORT (REVERSE DATE FROM) UTF-8 ALL
S: * SORT 4 2 3
S: a33 OK SORT completed
@ B login
C: b1 SORT (DATE) UTF-8 ALL
S: b1 BAD Open a mailbox first
