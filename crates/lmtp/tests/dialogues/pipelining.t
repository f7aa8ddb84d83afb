# A whole transaction in one packet (RFC 2920), and a second one behind it.
S: 220 {*}
C~ LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<alice@example.com>\r\nRCPT TO:<no@example.com>\r\nDATA\r\n
S> 250 SIZE 20000
S: 250 2.1.0 sender accepted
S: 250 2.1.5 recipient accepted
S: 550 5.1.1 no such user here
S: 354 {*}
C~ Subject: one\r\n\r\nbody\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n
S: 250 2.0.0 delivered
S: 250 2.1.0 sender accepted
S: 250 2.1.5 recipient accepted
S: 354 {*}
S: 250 2.0.0 delivered
S: 221 2.0.0 goodbye
CLOSE
