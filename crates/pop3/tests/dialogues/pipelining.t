# A whole session in one packet (RFC 2449 section 6.6), answered in order.
S: +OK {*}
C~ USER alice\r\nPASS wonder land\r\nSTAT\r\nLIST\r\nUIDL 1\r\nDELE 1\r\nSTAT\r\nRETR 1\r\nTOP 3 0\r\nRSET\r\nLIST 1\r\nQUIT\r\nNOOP\r\n
S: +OK now the password
S: +OK 3 messages (87 octets)
S: +OK 3 87
S: +OK 3 messages
S: 1 37
S: 2 28
S: 3 22
S: .
S: +OK 1 {*}.1
S: +OK message 1 deleted
S: +OK 2 50
S: -ERR no such message
S: +OK the top of the message follows
S~ Subject: dr\xc3\xa4i\r\n\r\n.\r\n
S: +OK 3 messages
S: +OK 1 37
S: +OK mail.example.com says goodbye
CLOSE
