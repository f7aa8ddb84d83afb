//! CAPA (RFC 2449 section 5).

use crate::Config;
use crate::reply;
use waypost_auth::sasl::Mechanism;

/// What the answer depends on.
pub(crate) struct Offer {
    /// Passwords may be sent now: USER and the SASL mechanisms are offered.
    pub(crate) password: bool,
    /// The client has shown a certificate that is accepted: EXTERNAL is offered.
    pub(crate) certificate: bool,
    /// TLS can be started: STLS is offered.
    pub(crate) stls: bool,
}

impl Offer {
    /// The mechanisms of SASL that would work now.
    pub(crate) fn mechanisms(&self) -> impl Iterator<Item = Mechanism> {
        let by_password = Mechanism::BY_PASSWORD.into_iter().filter(|_| self.password);
        by_password.chain(self.certificate.then_some(Mechanism::External))
    }
}

/// What is always offered. EXPIRE NEVER: the service itself removes no mail (RFC 2449 section 6.7).
const ALWAYS: [&str; 8] = [
    "TOP",
    "UIDL",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "LOGIN-DELAY 0",
    "EXPIRE NEVER",
    "UTF8 USER",
];

/// Appends the answer to CAPA.
pub(crate) fn list(output: &mut Vec<u8>, config: &Config, offer: &Offer) {
    reply::ok(output, "capabilities follow");
    for capability in ALWAYS {
        reply::line(output, capability);
    }
    if offer.password {
        reply::line(output, "USER");
    }
    let mechanisms: Vec<_> = offer.mechanisms().map(Mechanism::name).collect();
    if !mechanisms.is_empty() {
        reply::line(output, format_args!("SASL {}", mechanisms.join(" ")));
    }
    if offer.stls {
        reply::line(output, "STLS");
    }
    reply::line(output, format_args!("IMPLEMENTATION Waypost-{}", config.version));
    reply::end(output);
}
