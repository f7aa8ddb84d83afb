//! Options of the POP3 service.

use super::options;
use crate::conn_limits::ConnLimits;
use crate::filters::{ALLOWED_DETAILS, FILTERS, NOT_ALLOWED_DETAILS};
use crate::record::Applies::{Refresh, Restart};
use crate::record::{Kind, Unit};
use std::time::Duration;
use waypost_access::RuleList;

options! {
    group "pop";

    POP_ENABLE: bool = "enable" | "service.pop.enable", Kind::Switch { default: true }, Restart(&["pop"]),
        "whether POP3 is offered at all",
        "",
        "Starting and stopping services";
    POP_PORT: u16 = "port" | "service.pop.port", Kind::port(110), Restart(&["pop"]),
        "the port of POP3, with STLS when there is a certificate",
        "",
        "Ports";
    POP_ENABLESSLPORT: bool = "enablesslport" | "service.pop.enablesslport", Kind::Switch { default: false }, Restart(&["pop"]),
        "whether POP3 also listens on the SSL port",
        "Needs pop.sslusessl and a certificate (base.sslcertfile, base.sslkeyfile).",
        "Encryption";
    POP_SSLPORT: u16 = "sslport" | "service.pop.sslport", Kind::port(995), Restart(&["pop"]),
        "the port where POP3 begins with TLS",
        "",
        "Ports";
    POP_SSLUSESSL: bool = "sslusessl" | "service.pop.sslusessl", Kind::Switch { default: true }, Refresh("pop"),
        "whether POP3 may use TLS",
        "With a certificate, STLS is offered on pop.port. An SSL port (pop.enablesslport) needs it.",
        "Encryption";
    POP_NUMPROCESSES: usize = "numprocesses" | "service.pop.numprocesses", Kind::integer(Unit::Count, 1, 1, 64), Restart(&["pop"]),
        "how many POP3 processes run",
        "One process uses all cores of a small host; more of them share a port and keep the others' \
         sessions alive when one ends.",
        "Processes, connections and threads";
    POP_MAXSESSIONS: usize = "maxsessions" | "service.pop.maxsessions", Kind::integer(Unit::Connections, 600, 1, 100_000),
        Refresh("pop"),
        "how many connections one POP3 process holds",
        "",
        "Processes, connections and threads";
    POP_CONNLIMITS: ConnLimits = "connlimits" | "service.pop.connlimits", Kind::Formal { grammar: ConnLimits::GRAMMAR },
        Refresh("pop"),
        "how many connections a client's address may have",
        "`*:20` allows 20 to every address, `192.0.2.0/24:200` more to a network behind one gateway; of several \
         the smallest range counts, over all processes. An IPv6 address stands for its /64. The next connection is \
         told why and closed. Not set, there is no limit.",
        "Processes, connections and threads";
    POP_MAXTHREADS: usize = "maxthreads" | "service.pop.maxthreads", Kind::integer(Unit::Count, 250, 1, 1_000), Restart(&["pop"]),
        "how many command steps one POP3 process executes at once",
        "Connections that wait for their client need none.",
        "Processes, connections and threads";
    POP_IDLETIMEOUT: Duration = "idletimeout" | "service.pop.idletimeout", Kind::integer(Unit::Minutes, 10, 10, 10_080),
        Refresh("pop"),
        "how long a silent client keeps its connection",
        "RFC 1939 section 3 allows no less than 10 minutes. After a refresh, a connection that waits for its \
         client keeps the old time at most until its next command; a longer one counts at once. A \
         client that does not log in is told so and closed after 60 seconds.",
        "Dropping idle clients";
    POP_BANNER: String = "banner" | "service.pop.banner", Kind::Text { default: "%h %p service (%P %V)" }, Refresh("pop"),
        "the text of the greeting",
        "%h is the host, %p the protocol, %P the product, %v and %V its version in short and in full.",
        "Greeting";
    POP_PLAINTEXTMINCIPHER: i64 = "plaintextmincipher" | "service.pop.plaintextmincipher", Kind::integer(Unit::Bits, 0, 0, 256),
        Refresh("pop"),
        "the TLS key length that a login by password needs",
        "0 accepts passwords without TLS; 128 asks for TLS with at least 128 bits.",
        "Login";
    POP_DOMAINALLOWED: RuleList = "domainallowed" | "service.pop.domainallowed", Kind::Formal { grammar: FILTERS },
        Refresh("pop"),
        "filters that let clients in",
        ALLOWED_DETAILS,
        "Who may connect";
    POP_DOMAINNOTALLOWED: RuleList = "domainnotallowed" | "service.pop.domainnotallowed", Kind::Formal { grammar: FILTERS },
        Refresh("pop"),
        "filters that shut clients out",
        NOT_ALLOWED_DETAILS,
        "Who may connect";
}
