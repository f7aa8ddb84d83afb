//! How long a certificate is still good, and when somebody must hear of it.

use super::CertificateFacts;
use time::OffsetDateTime;

/// Fewer days than these before its end a certificate is warned of. Renewal programs renew earlier, so a
/// warning means that the renewal does not work.
pub(crate) const EXPIRY_WARNING_DAYS: i64 = 30;
/// The seconds of a day; also the time between two warnings in the log.
const DAY: i64 = 86_400;

/// Where a moment lies in the validity of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    /// Before its beginning.
    NotYet,
    /// Far from its end; the days that are left.
    Good(i64),
    /// Near its end; the days that are left.
    Ending(i64),
    /// After its end.
    Expired,
}

impl Validity {
    /// The validity at a time in seconds since 1970.
    pub(crate) fn at(facts: &CertificateFacts, now: i64) -> Self {
        let left = facts.not_after.saturating_sub(now);
        match left.div_euclid(DAY) {
            _ if now < facts.not_before => Self::NotYet,
            _ if left < 0 => Self::Expired,
            days if days < EXPIRY_WARNING_DAYS => Self::Ending(days),
            days => Self::Good(days),
        }
    }
}

/// A time in seconds since 1970 as the day of UTC.
pub(crate) fn day(seconds: i64) -> String {
    let date = OffsetDateTime::from_unix_timestamp(seconds).map(OffsetDateTime::date);
    date.map_or_else(|_| "an unknown day".to_owned(), |date| date.to_string())
}

/// A number of days in words.
pub(crate) fn count(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// What must be said of the validity, if anything.
pub(crate) fn warning(facts: &CertificateFacts, now: i64) -> Option<String> {
    match Validity::at(facts, now) {
        Validity::Good(_) => None,
        Validity::NotYet => {
            Some(format!("the certificate is not valid before {}", day(facts.not_before)))
        }
        Validity::Ending(days) => {
            let (end, days) = (day(facts.not_after), count(days));
            Some(format!("the certificate expires on {end}, in {days}; renew it"))
        }
        Validity::Expired => {
            Some(format!("the certificate expired on {}; clients refuse it", day(facts.not_after)))
        }
    }
}

/// Says a warning once a day, and at once for a certificate that is new.
#[derive(Debug, Default)]
pub(crate) struct DailyWarning {
    certificate: Option<CertificateFacts>,
    next: i64,
}

impl DailyWarning {
    /// Watches another certificate, or none.
    pub(crate) fn watch(&mut self, certificate: Option<CertificateFacts>) {
        *self = Self { certificate, next: i64::MIN };
    }

    /// The warning that is due now.
    pub(crate) fn due(&mut self, now: i64) -> Option<String> {
        if now < self.next {
            return None;
        }
        self.next = now.saturating_add(DAY);
        self.certificate.as_ref().and_then(|facts| warning(facts, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::{SelfSigned, self_signed};

    const START: i64 = 1_800_000_000;

    fn certificate(days: i64) -> CertificateFacts {
        let made = self_signed(&["mail.example".to_owned()], START, days).unwrap();
        let SelfSigned { certificate, .. } = made;
        let identity = waypost_net::tls::TlsIdentity {
            certificate: certificate.into_bytes(),
            key: waypost_types::Secret::new(Vec::new()),
            passphrase: None,
        };
        CertificateFacts::of(&identity).unwrap()
    }

    #[test]
    fn days_are_counted_to_the_end() {
        let facts = certificate(90);
        let at = |day: i64| Validity::at(&facts, START + day * DAY);
        assert_eq!(Validity::at(&facts, facts.not_before - 1), Validity::NotYet);
        assert_eq!(at(0), Validity::Good(90));
        assert_eq!(at(60), Validity::Good(30));
        assert_eq!(at(61), Validity::Ending(29));
        assert_eq!(at(90), Validity::Ending(0));
        assert_eq!(Validity::at(&facts, facts.not_after + 1), Validity::Expired);
    }

    #[test]
    fn a_warning_comes_once_a_day_and_anew_with_another_certificate() {
        let mut warnings = DailyWarning::default();
        assert_eq!(warnings.due(START), None);
        warnings.watch(Some(certificate(10)));
        let first = warnings.due(START).unwrap();
        assert!(first.contains("expires on 2027-01-25, in 10 days"), "{first}");
        assert_eq!(warnings.due(START + DAY - 1), None);
        assert!(warnings.due(START + DAY).unwrap().contains("in 9 days"));
        assert!(warnings.due(START + 20 * DAY).unwrap().contains("expired on 2027-01-25"));
        warnings.watch(Some(certificate(10)));
        assert!(warnings.due(START - 2 * DAY).unwrap().contains("not valid before"));
        warnings.watch(Some(certificate(300)));
        assert_eq!(warnings.due(START), None);
    }
}
