# AUTHENTICATE EXTERNAL (RFC 4422 appendix A): the certificate that TLS has brought says who it is.
@ A certificate
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE AUTH=PLAIN AUTH=LOGIN AUTH=EXTERNAL] {*}
C: a1 AUTHENTICATE EXTERNAL =
S: a1 OK [CAPABILITY {*}] You are logged in
C: a2 CAPABILITY
S: * CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE NAMESPACE {*}
S: a2 OK CAPABILITY completed
# Without an initial response, with the own name.
@ B certificate
S> * OK {*}
C: b1 authenticate external
S: +{*}
C: *
S: b1 BAD AUTHENTICATE cancelled
C: b2 AUTHENTICATE EXTERNAL
S: +{*}
C: YWxpY2VAZXhhbXBsZS5jb20=
S: b2 OK {*}
# To act as another is for store administrators.
@ C certificate
S> * OK {*}
C: c1 AUTHENTICATE EXTERNAL Ym9i
S: c1 NO [AUTHORIZATIONFAILED] {*}
C: c2 AUTHENTICATE EXTERNAL YQBi
S: c2 BAD the response has a character that is not allowed
# A password works as well.
C: c3 LOGIN alice secret
S: c3 OK {*}
# Without a certificate EXTERNAL is not offered.
@ D tls
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE AUTH=PLAIN AUTH=LOGIN] {*}
C: d1 AUTHENTICATE EXTERNAL =
S: d1 NO [CANNOT] EXTERNAL needs TLS to which your client shows a certificate
@ E
S> * OK {*}
C: e1 AUTHENTICATE EXTERNAL =
S: e1 NO [CANNOT] EXTERNAL needs TLS to which your client shows a certificate
# One that is not accepted: a password still works.
@ F certificate expired
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE AUTH=PLAIN AUTH=LOGIN] {*}
C: f1 AUTHENTICATE EXTERNAL =
S: f1 NO [AUTHENTICATIONFAILED] your certificate is not accepted; {*}
C: f2 LOGIN alice secret
S: f2 OK {*}
# With -1 only certificates enter.
@ option plaintextmincipher -1
@ G certificate
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE LOGINDISABLED AUTH=EXTERNAL] {*}
C: g1 LOGIN alice secret
S: g1 NO [CONTACTADMIN] this server takes no passwords, {*}
C: g2 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==
S: g2 NO [CONTACTADMIN] {*}
C: g3 AUTHENTICATE EXTERNAL =
S: g3 OK {*}
# Accepted when TLS began, and no longer when it is used.
@ H certificate
S> * OK {*}
@ distrust
@ H
C: h1 AUTHENTICATE EXTERNAL =
S: h1 NO [AUTHENTICATIONFAILED] your certificate is not accepted; {*}
