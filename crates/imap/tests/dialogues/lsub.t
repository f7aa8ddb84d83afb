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
# A level is told once, however many names are below it, and not as \Noselect when it is subscribed
C: a6 SUBSCRIBE news.old
S: a6 OK SUBSCRIBE completed
C: a7 SUBSCRIBE news/go
S: a7 OK SUBSCRIBE completed
C: a8 LSUB "" n%
S: * LSUB (\Noselect) "/" news
S: * LSUB () "/" news.old
S: a8 OK LSUB completed
C: a9 SUBSCRIBE news
S: a9 OK SUBSCRIBE completed
C: aa LSUB "" n%
S: * LSUB () "/" news
S: * LSUB () "/" news.old
S: aa OK LSUB completed
C: ab LSUB "" news/%
S: * LSUB () "/" news/go
S: * LSUB (\Noselect) "/" news/rust
S: ab OK LSUB completed
