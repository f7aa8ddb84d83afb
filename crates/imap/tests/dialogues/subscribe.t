# SUBSCRIBE and UNSUBSCRIBE (RFC 3501 sections 6.3.6, 6.3.7)
@ A login
C: a1 SUBSCRIBE Nowhere
S: a1 OK SUBSCRIBE completed
C: a2 LSUB "" No*
S: * LSUB () "/" Nowhere
S: a2 OK LSUB completed
C: a3 UNSUBSCRIBE Nowhere
S: a3 OK UNSUBSCRIBE completed
C: a4 LSUB "" No*
S: a4 OK LSUB completed
C: a5 UNSUBSCRIBE Nowhere
S: a5 OK UNSUBSCRIBE completed
