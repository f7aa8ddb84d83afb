# MOVE (RFC 6851): COPYUID comes before the expunges
@ mail simple.eml
@ mail report.eml
@ mail simple.eml
@ A select INBOX
C: a1 MOVE 1,3 Trash
S: * OK [COPYUID {*} 1,3 1:2] Moved
S: * 3 EXPUNGE
S: * 1 EXPUNGE
S: a1 OK MOVE completed
C: a2 UID MOVE 2 Trash
S: * OK [COPYUID {*} 2 3] Moved
S: * 1 EXPUNGE
S: a2 OK MOVE completed
C: a3 UID MOVE 2 Trash
S: a3 OK No message was named
C: a4 EXAMINE Trash
S> * 3 EXISTS
S> a4 OK [READ-ONLY] {*}
C: a5 MOVE 1 INBOX
S: a5 NO [READ-ONLY] The mailbox is open for reading only
