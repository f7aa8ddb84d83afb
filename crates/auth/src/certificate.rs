//! From a client's certificate to the user it belongs to.
//!
//! That the client holds the key was checked by TLS, and whether an authority stands behind the certificate by
//! whoever presents it here. What follows is who its owner is: by `certmap.conf`, or without one by the mail
//! address. Exactly one entry may fit; everything after that is as with a password.

use crate::failure::FailureKind;
use crate::login::{Identity, PresentedCertificate, for_log};
use crate::pipeline::{Decided, Found, Run};
use crate::trace::{Rule, Step};
use waypost_certmap::{ClientCertificate, by_mail};
use waypost_directory::{Found as Answer, User};
use waypost_ldap_filter::{Filter, SearchBase};

/// Where authorities of clients are.
const AUTHORITIES: &str = "base.sslclientcafile";
/// Where maps are.
const MAPS: &str = "base.certmapfile";
/// How many entries are named when several fit.
const NAMED_ENTRIES: usize = 5;

impl Run<'_> {
    /// The owner of a certificate, who must be one user and may enter by his own rules.
    pub(crate) fn by_certificate(&mut self, shown: &PresentedCertificate) -> Decided<Identity> {
        let certificate = self.trusted(shown)?;
        let (user, is_verified) = self.owner(&certificate)?;
        if is_verified {
            self.held(&user, &certificate)?;
        }
        let domain = self.domain(&user.domain).map_err(|mut failure| {
            if failure.kind == FailureKind::BadCredentials {
                failure.kind = FailureKind::CertificateUnknown;
            }
            failure
        })?;
        self.entry(Found { domain, user })
    }

    fn trusted(&mut self, shown: &PresentedCertificate) -> Decided<ClientCertificate> {
        let rule = Rule::Option(AUTHORITIES);
        let certificate = match ClientCertificate::read(&shown.der) {
            Ok(certificate) => certificate,
            Err(error) => {
                let step = Step::new("certificate", "", rule);
                return self.refuse(step, FailureKind::CertificateRefused, error.to_string());
            }
        };
        let step = Step::new("certificate", described(&certificate), rule);
        match &shown.fault {
            None => self.pass(step, "accepted", certificate),
            Some(fault) => self.refuse(step, FailureKind::CertificateRefused, fault),
        }
    }

    /// The owner, and whether his entry must hold the certificate.
    fn owner(&mut self, certificate: &ClientCertificate) -> Decided<(User, bool)> {
        let config = self.config;
        let issuer = certificate.issuer().to_string();
        let step = Step::new("issuer map", for_log(&issuer), Rule::Option(MAPS));
        let Some(maps) = &config.cert_maps else {
            return match by_mail(certificate) {
                Ok(filter) => {
                    self.pass(step, "no maps: the owner is found by mail address", ())?;
                    let owner = self.one(certificate, &SearchBase::Tree, &filter)?;
                    Ok((self.somebody(certificate, owner)?, false))
                }
                Err(error) => self.unknown(step, certificate, &error.to_string()),
            };
        };
        let (map, question) = maps.question(certificate);
        self.pass(step, format!("map {}, line {}", map.name, map.line), ())?;
        if let Some(filter) = &question.by_subject
            && let Some(owner) = self.one(certificate, &SearchBase::Tree, filter)?
        {
            return Ok((owner, question.verify_certificate));
        }
        let owner = match &question.by_components {
            Ok((base, filter)) => self.one(certificate, base, filter)?,
            Err(error) => {
                let step = Step::new("search", "by the certificate", Rule::Option(MAPS));
                return self.unknown(step, certificate, &error.to_string());
            }
        };
        Ok((self.somebody(certificate, owner)?, question.verify_certificate))
    }

    /// The one user whose entry fits; several entries are refused, and the log names them.
    fn one(
        &mut self,
        certificate: &ClientCertificate,
        base: &SearchBase,
        filter: &Filter,
    ) -> Decided<Option<User>> {
        let step = Step {
            filter: Some(filter.to_string()),
            ..Step::new("search", base.to_string(), Rule::Option(MAPS))
        };
        let found =
            self.asked(&step, |run| run.directory.find_one(base, filter, NAMED_ENTRIES + 1))?;
        match found {
            Answer::Nobody => self.pass(step, "no entry", None),
            Answer::User(user) => {
                let answer = format!("one entry: {}", user.entry);
                self.pass(step, answer, Some(*user))
            }
            Answer::NoUser(entry) => {
                let why = format!("{entry} is no user of a domain that is known");
                self.unknown(step, certificate, &why)
            }
            Answer::Several(entries) => {
                let count = match entries.len() {
                    ..=NAMED_ENTRIES => format!("{} entries", entries.len()),
                    _ => format!("more than {NAMED_ENTRIES} entries"),
                };
                let named: Vec<_> =
                    entries.iter().take(NAMED_ENTRIES).map(String::as_str).collect();
                let named = named.join("; ");
                let why = format!("not unique: {count} fit {filter}, {base}: {named}");
                self.unknown(step, certificate, &why)
            }
        }
    }

    fn somebody(&mut self, certificate: &ClientCertificate, owner: Option<User>) -> Decided<User> {
        let Some(owner) = owner else {
            let step = Step::new("owner", "", Rule::Option(MAPS));
            return self.unknown(step, certificate, "no entry fits");
        };
        Ok(owner)
    }

    /// `verifycert`: the certificate must be one of those that the entry holds. Taking it from there revokes it.
    fn held(&mut self, user: &User, certificate: &ClientCertificate) -> Decided<()> {
        let rule = Rule::of(&user.entry, "userCertificate");
        let step = Step::new("stored certificate", user.entry.as_str(), rule);
        let held =
            self.asked(&step, |run| run.directory.holds_certificate(user, certificate.der()))?;
        if held {
            return self.pass(step, "the entry holds it", ());
        }
        let why = format!("{} does not hold the certificate (verifycert)", user.entry);
        self.unknown(step, certificate, &why)
    }

    fn unknown<T>(&mut self, step: Step, certificate: &ClientCertificate, why: &str) -> Decided<T> {
        let reason = format!("certificate of {}: {why}", described(certificate));
        self.refuse(step, FailureKind::CertificateUnknown, reason)
    }
}

/// Whose it is and who says so, cut to what a log line can bear.
fn described(certificate: &ClientCertificate) -> String {
    let (subject, issuer) = (certificate.subject().to_string(), certificate.issuer().to_string());
    format!("{}, issued by {}", for_log(&subject), for_log(&issuer))
}
