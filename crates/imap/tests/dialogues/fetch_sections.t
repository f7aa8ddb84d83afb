# FETCH BODY[section] (RFC 3501 section 6.4.5)
@ mail report.eml
@ A select INBOX
C: a1 FETCH 1 BODY.PEEK[1]
S: * 1 FETCH (BODY[1] {24}
S: R3LDvMOfZSBhdXMgS8O2bG4=)
S: a1 OK FETCH completed
C: a2 FETCH 1 BODY.PEEK[1.MIME]
S: * 1 FETCH (BODY[1.MIME] {78}
S: Content-Type: text/plain; charset=utf-8
S: Content-Transfer-Encoding: base64
S: 
S: )
S: a2 OK FETCH completed
C: a3 FETCH 1 BODY.PEEK[2.HEADER]
S: * 1 FETCH (BODY[2.HEADER] {94}
S: From: dave@example.org
S: Subject: Inner
S: Content-Type: multipart/alternative; boundary="b2"
S: 
S: )
S: a3 OK FETCH completed
C: a4 FETCH 1 (BODY.PEEK[2.1] BODY.PEEK[2.2] BODY.PEEK[2.3])
S: * 1 FETCH (BODY[2.1] {11}
S: inner plain BODY[2.2] {12}
S: <p>inner</p> BODY[2.3] NIL)
S: a4 OK FETCH completed
C: a5 FETCH 1 BODY.PEEK[2.HEADER.FIELDS.NOT (From Content-Type)]
S: * 1 FETCH (BODY[2.HEADER.FIELDS.NOT (From Content-Type)] {*}
S: Subject: Inner
S: 
S: )
S: a5 OK FETCH completed
C: a6 FETCH 1 BODY.PEEK[2.MIME]<8.10>
S: * 1 FETCH (BODY[2.MIME]<8> {10}
S: Type: mess)
S: a6 OK FETCH completed
C: a7 FETCH 1 BODY.PEEK[]<100000.5>
S: * 1 FETCH (BODY[]<100000> {*}
S: )
S: a7 OK FETCH completed
C: a8 FETCH 1 BODY.PEEK[3]
S: * 1 FETCH (BODY[3] NIL)
S: a8 OK FETCH completed
C: a9 FETCH 1 BODY.PEEK[1.HEADER]
S: * 1 FETCH (BODY[1.HEADER] NIL)
S: a9 OK FETCH completed
C: a10 FETCH 1 (BODY[1]<0.4> FLAGS)
S: * 1 FETCH (BODY[1]<0> {4}
S: R3LD FLAGS (\Recent))
S: * 1 FETCH (FLAGS (\Seen \Recent))
S: a10 OK FETCH completed
C: a11 FETCH 1 BODYSTRUCTURE
S: * 1 FETCH (BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") NIL NIL "base64" 24 {*})("message" "rfc822" {*}"mixed" ("boundary" "b1") NIL NIL NIL))
S: a11 OK FETCH completed
