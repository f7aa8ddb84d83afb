# Commands out of order, malformed and unknown.
S: 220 {*}
C: MAIL FROM:<a@b>
S: 503 5.5.1 say LHLO first
C: EHLO x
S: 500 5.5.1 {*}
C: LHLO
S: 501 5.5.4 {*}
C: LHLO x
S> 250 SIZE 20000
C: RCPT TO:<alice@example.com>
S: 503 5.5.1 say MAIL first
C: DATA
S: 503 5.5.1 say MAIL first
C: MAIL FROM:<a@b> SIZE=20001
S: 552 5.3.4 the message is too large
C: MAIL FROM:<a@b
S: 501 5.1.7 {*}
C: MAIL FROM:<>
S: 250 2.1.0 sender accepted
C: MAIL FROM:<>
S: 503 5.5.1 {*}
C: DATA
S: 503 5.5.1 no recipient was accepted
C: RCPT TO:<jürgen@example.com>
S: 553 5.6.7 {*}
C: RSET
S: 250 2.0.0 reset
C: VRFY alice
S: 252 2.5.2 {*}
C: NOOP
S: 250 2.0.0 here
C: WHAT
S: 500 5.5.2 unknown command
C~ \xff\xfe\r\n
S: 500 5.5.2 {*}
TIME +299s
QUIET
TIME +1s
S: 421 4.4.2 idle for 5 minutes; closing, connect again to go on
CLOSE
