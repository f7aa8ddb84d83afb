# Delivery with a reply per recipient (RFC 2033 section 4.2).
S: 220 mail.example.com LMTP Waypost ready
C: LHLO client.example.com
S: 250-mail.example.com
S: 250-PIPELINING
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-ENHANCEDSTATUSCODES
S: 250 SIZE 20000
C: MAIL FROM:<sender@example.net> SIZE=100 BODY=8BITMIME
S: 250 2.1.0 sender accepted
C: RCPT TO:<alice@example.com>
S: 250 2.1.5 recipient accepted
C: RCPT TO:<nobody@example.com>
S: 550 5.1.1 no such user here
C: RCPT TO:<alice@elsewhere.example>
S: 550 5.1.2 {*}
C: RCPT TO:<bob+Sent@example.com>
S: 250 2.1.5 recipient accepted
C: RCPT TO:<bob+nowhere@example.com>
S: 250 2.1.5 recipient accepted
C: DATA
S: 354 {*}
C: Subject: hello
C: 
C: ..dot
C: .
S: 250 2.0.0 delivered
S: 250 2.0.0 delivered
S: 250 2.0.0 delivered
C: QUIT
S: 221 2.0.0 goodbye
CLOSE
