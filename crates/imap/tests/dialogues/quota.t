# QUOTA (RFC 9208): GETQUOTA, GETQUOTAROOT, SETQUOTA, and what is refused over quota
@ mail simple.eml
@ mail report.eml
@ A login
# Without limits no resource is shown.
C: a1 GETQUOTAROOT INBOX
S: * QUOTAROOT INBOX ""
S: * QUOTA "" ()
S: a1 OK GETQUOTAROOT completed
@ option quota_bytes 4096
@ option quota_messages 4
@ A
C: a2 GETQUOTAROOT INBOX
S: * QUOTAROOT INBOX ""
S: * QUOTA "" (STORAGE 1 4 MESSAGE 2 4)
S: a2 OK GETQUOTAROOT completed
# The mailbox need not exist.
C: a3 GETQUOTAROOT "to be made"
S: * QUOTAROOT "to be made" ""
S: * QUOTA "" (STORAGE 1 4 MESSAGE 2 4)
S: a3 OK GETQUOTAROOT completed
C: a4 GETQUOTA ""
S: * QUOTA "" (STORAGE 1 4 MESSAGE 2 4)
S: a4 OK GETQUOTA completed
C: a5 GETQUOTA other
S: a5 NO [NONEXISTENT] No such quota root; {*}
C: a6 SETQUOTA "" (STORAGE 512)
S: a6 NO [NOPERM] Only the administrator sets quotas
C: a7 SETQUOTA "" ()
S: a7 NO [NOPERM] Only the administrator sets quotas
C: a8 SETQUOTA "" (STORAGE)
S: a8 BAD {*}
C: a9 SETQUOTA other (STORAGE 1)
S: a9 NO [NONEXISTENT] No such quota root; {*}
# A copy is all or nothing; a move adds nothing.
@ A select INBOX
C: b1 COPY 1:2 Archive
S: b1 OK [COPYUID {*}] COPY completed
C: b2 COPY 1 Archive
S: b2 NO [OVERQUOTA] Your mailboxes hold too many messages; delete some first
C: b3 APPEND Sent {6}
S: b3 NO [OVERQUOTA] Your mailboxes hold too many messages; delete some first
C: b4 MOVE 2 Archive
S: * OK [COPYUID {*}] Moved
S: * 2 EXPUNGE
S: b4 OK MOVE completed
C: b5 STORE 1 +FLAGS.SILENT (\Deleted)
S: b5 OK STORE completed
C: b6 CREATE new
S: b6 OK {*}
C: b7 STATUS INBOX (MESSAGES DELETED DELETED-STORAGE)
S: * STATUS INBOX (MESSAGES 1 DELETED 1 DELETED-STORAGE {*})
S: b7 OK STATUS completed
C: b8 STATUS Archive (DELETED DELETED-STORAGE)
S: * STATUS Archive (DELETED 0 DELETED-STORAGE 0)
S: b8 OK STATUS completed
C: b9 EXPUNGE
S: * 1 EXPUNGE
S: b9 OK EXPUNGE completed
# Room was made.
C~ c1 APPEND Sent {6+}\r\nhello!\r\n
S: c1 OK [APPENDUID {*} 1] APPEND completed
C: c2 GETQUOTA ""
S: * QUOTA "" (STORAGE 2 4 MESSAGE 4 4)
S: c2 OK GETQUOTA completed
# More bytes than the whole quota has: refused before they are sent.
@ option quota_messages -1
@ A
C: d1 APPEND Sent {4097}
S: d1 NO [OVERQUOTA] This is more than your whole quota allows
C: d2 APPEND Sent {4000}
S: d2 NO [OVERQUOTA] Your mailboxes are full; delete some messages first
C: d3 GETQUOTA ""
S: * QUOTA "" (STORAGE 2 4)
S: d3 OK GETQUOTA completed
# The limit is shown, also while nothing is refused for it.
@ option quota_bytes 1
@ option quota_enforced 0
@ A
C~ e1 APPEND Sent {6+}\r\nhello!\r\n
S: e1 OK [APPENDUID {*} 2] APPEND completed
C: e2 GETQUOTA ""
S: * QUOTA "" (STORAGE 2 1)
S: e2 OK GETQUOTA completed
