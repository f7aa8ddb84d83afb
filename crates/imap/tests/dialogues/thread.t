# THREAD (RFC 5256 section 3)
@ A select INBOX
C~ m1 APPEND INBOX {74+}\r\nDate: 1 Jan 2023 10:00:00 +0000\r\nSubject: Plan\r\nMessage-ID: <"a"@x>\r\n\r\nx\r\n\r\n
S> m1 OK {*}
C~ m2 APPEND INBOX {95+}\r\nDate: 2 Jan 2023 10:00:00 +0000\r\nSubject: Re: Plan\r\nMessage-ID: <b@x>\r\nReferences: <a@x>\r\n\r\nx\r\n\r\n
S> m2 OK {*}
C~ m3 APPEND INBOX {101+}\r\nDate: 4 Jan 2023 10:00:00 +0000\r\nSubject: Re: Plan\r\nMessage-ID: <c@x>\r\nReferences: <a@x> <b@x>\r\n\r\nx\r\n\r\n
S> m3 OK {*}
C~ m4 APPEND INBOX {118+}\r\nDate: 3 Jan 2023 10:00:00 +0000\r\nSubject: Re: Plan\r\nMessage-ID: <d@x>\r\nIn-Reply-To: Your message <b@x> of <z@x>\r\n\r\nx\r\n\r\n
S> m4 OK {*}
C~ m5 APPEND INBOX {95+}\r\nDate: 5 Jan 2023 10:00:00 +0000\r\nSubject: Other\r\nMessage-ID: <e@x>\r\nReferences: <gone@x>\r\n\r\nx\r\n\r\n
S> m5 OK {*}
C~ m6 APPEND INBOX {95+}\r\nDate: 6 Jan 2023 10:00:00 +0000\r\nSubject: Third\r\nMessage-ID: <f@x>\r\nReferences: <gone@x>\r\n\r\nx\r\n\r\n
S> m6 OK {*}
C~ m7 APPEND INBOX {58+}\r\nDate: 7 Jan 2023 10:00:00 +0000\r\nSubject: Re: other\r\n\r\nx\r\n\r\n
S> m7 OK {*}
C~ m8 APPEND INBOX {57+}\r\nDate: 8 Jan 2023 10:00:00 +0000\r\nMessage-ID: <h@x>\r\n\r\nx\r\n\r\n
S> m8 OK {*}
C~ m9 APPEND INBOX {57+}\r\nDate: 1 Jan 2023 10:00:00 +0000\r\nMessage-ID: <i@x>\r\n\r\nx\r\n\r\n
S> m9 OK {*}
C: a1 THREAD REFERENCES UTF-8 ALL
S: * THREAD (1 2 (4)(3))(9)((5)(6)(7))(8)
S: a1 OK THREAD completed
C: a2 THREAD ORDEREDSUBJECT UTF-8 ALL
S: * THREAD (1 (2)(4)(3))(9 8)(5 7)(6)
S: a2 OK THREAD completed
# Only messages that are searched are threaded.
C: a3 THREAD REFERENCES UTF-8 8
S: * THREAD (8)
S: a3 OK THREAD completed
C: a4 THREAD REFERENCES UTF-8 TEXT "gewp"
S: * THREAD
S: a4 OK THREAD completed
C: a5 STORE 1 +FLAGS.SILENT (\Deleted)
S: a5 OK STORE completed
C: a6 EXPUNGE
S: * 1 EXPUNGE
S: a6 OK EXPUNGE completed
C: a7 THREAD REFERENCES UTF-8 UNDELETED 1:3
S: * THREAD (1 (3)(2))
S: a7 OK THREAD completed
C: a8 UID THREAD REFERENCES UTF-8 1:3
S: * THREAD (2 (4)(3))
S: a8 OK THREAD completed
C: a9 UID THREAD ORDEREDSUBJECT UTF-8 1:3
S: * THREAD (2 (4)(3))
S: a9 OK THREAD completed
C: a10 THREAD JWZ UTF-8 ALL
S: a10 BAD unknown threading algorithm
C: a11 THREAD REFERENCES KOI8-R ALL
S: a11 NO [BADCHARSET (US-ASCII UTF-8)] {*}
# A message that cannot be read is threaded as one without a header; it arrived long after the others.
@ damage 3
@ A
C: a12 UID THREAD REFERENCES UTF-8 1:3
S: * THREAD (2 4)(3)
S: a12 OK THREAD completed
@ B login
C: b1 THREAD REFERENCES UTF-8 ALL
S: b1 BAD Open a mailbox first
