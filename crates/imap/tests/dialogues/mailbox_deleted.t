# A mailbox deleted while it is open: the selection ends, the connection goes on.
@ A login
C: a1 CREATE Doomed
S: a1 OK {*}
C~ a2 APPEND Doomed {5+}\r\nhello\r\n
S: a2 OK {*}
@ A select Doomed
@ B login
C: b1 DELETE Doomed
S: b1 OK DELETE completed
@ A
C: a3 STORE 1 +FLAGS (\Seen)
S: * OK [CLOSED] The mailbox was deleted; no mailbox is selected now
S: a3 NO [NONEXISTENT] No such mailbox
C: a4 FETCH 1 FLAGS
S: a4 BAD Open a mailbox first
C: a5 SELECT INBOX
S> a5 OK {*}
# By the session itself
C: a6 CREATE Mine
S: a6 OK {*}
@ A select Mine
C: a7 DELETE Mine
S: * OK [CLOSED] The mailbox was deleted; no mailbox is selected now
S: a7 OK DELETE completed
# In IDLE
@ B
C: b2 CREATE Third
S: b2 OK {*}
@ A select Third
C: a8 IDLE
S: + Waiting for changes
@ B
C: b3 DELETE Third
S: b3 OK DELETE completed
@ A woken
S: * OK [CLOSED] The mailbox was deleted; no mailbox is selected now
C: DONE
S: a8 OK IDLE completed
