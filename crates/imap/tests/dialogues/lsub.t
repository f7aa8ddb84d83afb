# LSUB (RFC 3501 section 6.3.9)
@ A login
C: a1 LSUB "" *
S: * LSUB () "/" Archive
S: * LSUB () "/" Drafts
S: * LSUB () "/" INBOX
S: * LSUB () "/" Junk
S: * LSUB () "/" Sent
S: * LSUB () "/" Trash
S: a1 OK LSUB completed
C: a2 SUBSCRIBE news/rust/crates
S: a2 OK SUBSCRIBE completed
C: a3 LSUB "" news*
S: * LSUB () "/" news/rust/crates
S: a3 OK LSUB completed
# A level that only has subscribed names below
C: a4 LSUB news/ %
S: * LSUB (\Noselect) "/" news/rust
S: a4 OK LSUB completed
C: a5 LSUB "" n%
S: * LSUB (\Noselect) "/" news
S: a5 OK LSUB completed
