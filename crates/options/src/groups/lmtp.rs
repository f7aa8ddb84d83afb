//! Options of LMTP, the way in for mail.

use super::options;
use crate::filters::{ALLOWED_DETAILS, FILTERS, NOT_ALLOWED_DETAILS};
use crate::record::Applies::{Refresh, Restart};
use crate::record::{Kind, Unit};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use waypost_access::RuleList;

options! {
    group "lmtp";

    LMTP_ENABLE: bool = "enable", Kind::Switch { default: true }, Restart(&["lmtp"]),
        "whether mail is taken in by LMTP",
        "",
        "Mail in";
    LMTP_LISTENADDR: Option<IpAddr> = "listenaddr", Kind::Address { default: "127.0.0.1" },
        Restart(&["lmtp"]),
        "the address that LMTP listens on",
        "LMTP has no login: whoever reaches the port delivers mail. Empty means all addresses.",
        "Mail in";
    LMTP_PORT: u16 = "port", Kind::port(24), Restart(&["lmtp"]),
        "the port of LMTP",
        "",
        "Ports";
    LMTP_SOCKET: Option<PathBuf> = "socket", Kind::Path { default: "" }, Restart(&["lmtp"]),
        "the Unix socket where LMTP listens too",
        "Not set, there is none.",
        "Mail in";
    LMTP_MAXSESSIONS: usize = "maxsessions", Kind::integer(Unit::Connections, 200, 1, 10_000),
        Refresh("lmtp"),
        "how many connections LMTP holds",
        "",
        "Processes, connections and threads";
    LMTP_IDLETIMEOUT: Duration = "idletimeout", Kind::integer(Unit::Minutes, 5, 5, 1_440),
        Refresh("lmtp"),
        "how long a silent client keeps its connection",
        "RFC 5321 section 4.5.3.2.7 asks for at least 5 minutes. After a refresh, a connection that waits \
         for its client keeps the old time at most until its next command; a longer one counts at once.",
        "Dropping idle clients";
    LMTP_DOMAINALLOWED: RuleList = "domainallowed", Kind::Formal { grammar: FILTERS },
        Refresh("lmtp"),
        "filters that let clients in",
        ALLOWED_DETAILS,
        "Who may connect";
    LMTP_DOMAINNOTALLOWED: RuleList = "domainnotallowed", Kind::Formal { grammar: FILTERS },
        Refresh("lmtp"),
        "filters that shut clients out",
        NOT_ALLOWED_DETAILS,
        "Who may connect";
    LMTP_MAXMESSAGESIZE: u64 = "maxmessagesize",
        Kind::integer(Unit::Bytes, 256 << 20, 64 << 10, u32::MAX as i64), Refresh("lmtp"),
        "the largest message that is taken in",
        "",
        "Message size";
}
