//! Options of the figures for a monitoring system.

use super::options;
use crate::record::Applies::Refresh;
use crate::record::Kind;
use std::net::IpAddr;

options! {
    group "metrics";

    METRICS_ENABLE: bool = "enable", Kind::Switch { default: false }, Refresh("all"),
        "whether the counters are offered to a monitoring system",
        "They are answered to GET /metrics in the text format of Prometheus.",
        "Seeing what happens";
    METRICS_LISTENADDR: Option<IpAddr> = "listenaddr", Kind::Address { default: "127.0.0.1" }, Refresh("all"),
        "the address that the counters are offered on",
        "Whoever reaches it may read them; they name no user. Empty means all addresses.",
        "Seeing what happens";
    METRICS_PORT: u16 = "port", Kind::port(9930), Refresh("all"),
        "the port that the counters are offered on",
        "",
        "Ports";
}
