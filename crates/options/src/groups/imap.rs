//! Options of the IMAP service.

use super::options;
use crate::conn_limits::ConnLimits;
use crate::filters::{ALLOWED_DETAILS, FILTERS, NOT_ALLOWED_DETAILS};
use crate::record::Applies::{Refresh, Restart};
use crate::record::{Kind, Unit};
use std::time::Duration;
use waypost_access::RuleList;

options! {
    group "imap";

    IMAP_ENABLE: bool = "enable" | "service.imap.enable", Kind::Switch { default: true }, Restart(&["imap"]),
        "whether IMAP is offered at all",
        "",
        "Starting and stopping services";
    IMAP_PORT: u16 = "port" | "service.imap.port", Kind::port(143), Restart(&["imap"]),
        "the port of IMAP, with STARTTLS when there is a certificate",
        "",
        "Ports";
    IMAP_ENABLESSLPORT: bool = "enablesslport" | "service.imap.enablesslport", Kind::Switch { default: false }, Restart(&["imap"]),
        "whether IMAP also listens on the SSL port",
        "Needs imap.sslusessl and a certificate (base.sslcertfile, base.sslkeyfile).",
        "Encryption";
    IMAP_SSLPORT: u16 = "sslport" | "service.imap.sslport", Kind::port(993), Restart(&["imap"]),
        "the port where IMAP begins with TLS",
        "",
        "Ports";
    IMAP_SSLUSESSL: bool = "sslusessl" | "service.imap.sslusessl", Kind::Switch { default: true }, Refresh("imap"),
        "whether IMAP may use TLS",
        "With a certificate, STARTTLS is offered on imap.port. An SSL port (imap.enablesslport) needs it.",
        "Encryption";
    IMAP_NUMPROCESSES: usize = "numprocesses" | "service.imap.numprocesses", Kind::integer(Unit::Count, 1, 1, 64), Restart(&["imap"]),
        "how many IMAP processes run",
        "One process uses all cores of a small host; more of them share a port and keep the others' \
         sessions alive when one ends.",
        "Processes, connections and threads";
    IMAP_MAXSESSIONS: usize = "maxsessions" | "service.imap.maxsessions", Kind::integer(Unit::Connections, 4_000, 1, 100_000),
        Refresh("imap"),
        "how many connections one IMAP process holds",
        "",
        "Processes, connections and threads";
    IMAP_CONNLIMITS: ConnLimits = "connlimits" | "service.imap.connlimits", Kind::Formal { grammar: ConnLimits::GRAMMAR },
        Refresh("imap"),
        "how many connections a client's address may have",
        "`*:20` allows 20 to every address, `192.0.2.0/24:200` more to a network behind one gateway; of several \
         the smallest range counts, over all processes. An IPv6 address stands for its /64. The next connection is \
         told why and closed. Not set, there is no limit.",
        "Processes, connections and threads";
    IMAP_ENABLEUSERLIST: bool = "enableuserlist" | "local.imap.enableuserlist", Kind::Switch { default: true }, Refresh("imap"),
        "whether `imsconnutil -c` shows who is connected",
        "",
        "Seeing what happens";
    IMAP_MAXTHREADS: usize = "maxthreads" | "service.imap.maxthreads", Kind::integer(Unit::Count, 250, 1, 1_000), Restart(&["imap"]),
        "how many command steps one IMAP process executes at once",
        "Connections that wait for their client need none.",
        "Processes, connections and threads";
    IMAP_IDLETIMEOUT: Duration = "idletimeout" | "service.imap.idletimeout", Kind::integer(Unit::Minutes, 30, 30, 10_080),
        Refresh("imap"),
        "how long a silent client keeps its connection",
        "RFC 3501 section 5.4 allows no less than 30 minutes. After a refresh, a connection that waits for \
         its client, also in IDLE, keeps the old time at most until its next command; a longer one \
         counts at once. A client that does not log in is told so and closed after 60 seconds.",
        "Dropping idle clients";
    IMAP_BANNER: String = "banner" | "service.imap.banner", Kind::Text { default: "%h %p service (%P %V)" }, Refresh("imap"),
        "the text of the greeting",
        "%h is the host, %p the protocol, %P the product, %v and %V its version in short and in full.",
        "Greeting";
    IMAP_PLAINTEXTMINCIPHER: i64 = "plaintextmincipher" | "service.imap.plaintextmincipher", Kind::integer(Unit::Bits, 0, -1, 256),
        Refresh("imap"),
        "the TLS key length that a login by password needs",
        "0 accepts passwords without TLS; 128 asks for TLS with at least 128 bits; -1 accepts no passwords, \
         not even over TLS.",
        "Login";
    IMAP_DOMAINALLOWED: RuleList = "domainallowed" | "service.imap.domainallowed", Kind::Formal { grammar: FILTERS },
        Refresh("imap"),
        "filters that let clients in",
        ALLOWED_DETAILS,
        "Who may connect";
    IMAP_DOMAINNOTALLOWED: RuleList = "domainnotallowed" | "service.imap.domainnotallowed", Kind::Formal { grammar: FILTERS },
        Refresh("imap"),
        "filters that shut clients out",
        NOT_ALLOWED_DETAILS,
        "Who may connect";
    IMAP_MAXMESSAGESIZE: u64 = "maxmessagesize",
        Kind::integer(Unit::Bytes, 256 << 20, 64 << 10, u32::MAX as i64), Refresh("imap"),
        "the largest message that a client may append",
        "",
        "Message size";
}
