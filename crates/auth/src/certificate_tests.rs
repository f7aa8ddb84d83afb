//! Tests of logins by certificate, over an embedded directory.

use super::names::{embedded, set};
use super::*;
use crate::login::PresentedCertificate;
use crate::trace::Step;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use waypost_certmap::CertMaps;

/// A certificate of `cn`, `o=example.com`, with mail addresses.
fn certificate(cn: &str, mails: &[&str]) -> PresentedCertificate {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "example.com");
    params.distinguished_name.push(DnType::CommonName, cn);
    let mail = |mail: &&str| SanType::Rfc822Name((*mail).try_into().unwrap());
    params.subject_alt_names = mails.iter().map(mail).collect();
    let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
    PresentedCertificate { der, fault: None }
}

fn by(certificate: &PresentedCertificate, acting_as: Option<&str>) -> LoginAttempt {
    let peer = Some("192.0.2.1".parse().unwrap());
    let id = acting_as.map(str::to_owned);
    certificate.clone().into_attempt(Service::Imap, id, peer, Some(256))
}

fn maps(properties: &str) -> AuthConfig {
    let maps = CertMaps::read(&format!("certmap default default\n{properties}")).unwrap();
    AuthConfig { cert_maps: Some(Arc::new(maps)), ..config() }
}

fn over_embedded(directory: &Arc<EmbeddedDirectory>, config: AuthConfig) -> Authenticator {
    Authenticator::with_cores(Arc::clone(directory) as Arc<dyn Directory>, config, 2).unwrap()
}

/// Whom a login gives, or why it fails.
async fn who(auth: &Authenticator, attempt: LoginAttempt) -> Result<String, LoginFailure> {
    auth.login(attempt).await.map(|identity| identity.account.to_string())
}

async fn refusal(auth: &Authenticator, attempt: LoginAttempt) -> (FailureKind, String) {
    let LoginFailure { kind, reason } = who(auth, attempt).await.unwrap_err();
    (kind, reason)
}

#[tokio::test(start_paused = true)]
async fn without_maps_the_mail_address_is_the_owner() {
    let (directory, _folder) = embedded(&["alice", "bob"]);
    let auth = over_embedded(&directory, config());
    let alice = certificate("Alice", &["ALICE@example.com"]);
    assert_eq!(who(&auth, by(&alice, None)).await.unwrap(), "alice");
    let nobody = certificate("Alice", &["carol@example.com"]);
    let (kind, reason) = refusal(&auth, by(&nobody, None)).await;
    assert_eq!(kind, FailureKind::CertificateUnknown);
    assert!(reason.contains("CN=Alice,O=example.com, issued by CN=Alice"), "{reason}");
    assert!(reason.ends_with("no entry fits"), "{reason}");
    let both = certificate("Alice", &["alice@example.com", "bob@example.com"]);
    let (kind, reason) = refusal(&auth, by(&both, None)).await;
    assert_eq!(kind, FailureKind::CertificateUnknown);
    assert!(reason.contains("not unique: 2 entries"), "{reason}");
    assert!(reason.contains("alice@example.com; bob@example.com"), "{reason}");
    let none = certificate("alice", &[]);
    assert_eq!(refusal(&auth, by(&none, None)).await.0, FailureKind::CertificateUnknown);
}

#[tokio::test(start_paused = true)]
async fn maps_say_where_and_by_what() {
    let (directory, _folder) = embedded(&["alice", "bob"]);
    set(&directory, "alice", "cn", "Alice Liddell");
    let alice = certificate("Alice Liddell", &["alice@example.com"]);
    let with = |properties: &str| over_embedded(&directory, maps(properties));
    for good in [
        "default:DNComps\ndefault:FilterComps cn",
        "default:DNComps o\ndefault:FilterComps e",
        "default:DNComps o\ndefault:FilterComps e, cn",
    ] {
        assert_eq!(who(&with(good), by(&alice, None)).await.unwrap(), "alice", "{good}");
    }
    for bad in [
        "",
        "default:DNComps cn\ndefault:FilterComps e",
        "default:DNComps\ndefault:FilterComps cn=uid",
        "default:DNComps\ndefault:FilterComps ou",
        "default:DNComps o",
    ] {
        let (kind, _) = refusal(&with(bad), by(&alice, None)).await;
        assert_eq!(kind, FailureKind::CertificateUnknown, "{bad}");
    }
    // The name of the subject is looked for first, wherever it stands.
    set(&directory, "bob", "certSubjectDN", "CN=Alice Liddell, O=example.com");
    let first = with("default:DNComps o\ndefault:FilterComps e");
    assert_eq!(who(&first, by(&alice, None)).await.unwrap(), "bob");
    let never = with("default:DNComps o\ndefault:FilterComps e\ndefault:CmapLdapAttr");
    assert_eq!(who(&never, by(&alice, None)).await.unwrap(), "alice");
    set(&directory, "alice", "certSubjectDN", "CN=Alice Liddell,O=example.com");
    assert!(refusal(&first, by(&alice, None)).await.1.contains("not unique"));
}

#[tokio::test(start_paused = true)]
async fn verifycert_wants_the_very_certificate() {
    let (directory, _folder) = embedded(&["alice"]);
    let auth = over_embedded(
        &directory,
        maps("default:DNComps\ndefault:FilterComps e\ndefault:verifycert on"),
    );
    let [old, new] = [0, 1].map(|_| certificate("Alice", &["alice@example.com"]));
    let (kind, reason) = refusal(&auth, by(&new, None)).await;
    assert_eq!(kind, FailureKind::CertificateUnknown);
    assert!(reason.contains("does not hold the certificate"), "{reason}");
    set(&directory, "alice", "userCertificate", &STANDARD.encode(&new.der));
    assert_eq!(who(&auth, by(&new, None)).await.unwrap(), "alice");
    assert_eq!(refusal(&auth, by(&old, None)).await.0, FailureKind::CertificateUnknown);
    set(&directory, "alice", "userCertificate", &STANDARD.encode(&old.der));
    assert_eq!(refusal(&auth, by(&new, None)).await.0, FailureKind::CertificateUnknown, "revoked");
}

#[tokio::test(start_paused = true)]
async fn the_owner_enters_by_his_own_rules() {
    let (directory, _folder) = embedded(&["alice"]);
    let passwords = PasswordLogin::Never;
    let auth = over_embedded(&directory, AuthConfig { imap_passwords: passwords, ..config() });
    let alice = certificate("Alice", &["alice@example.com"]);
    assert_eq!(who(&auth, by(&alice, None)).await.unwrap(), "alice", "passwords do not matter");
    for (attribute, value, then, kind) in [
        ("mailUserStatus", "disabled", "active", FailureKind::Disabled),
        ("mailHost", "other.example", "mail.example.com", FailureKind::WrongHost),
        ("mailAllowedServiceAccess", "+pop:*", "+imap:*", FailureKind::Disabled),
        ("mailAllowedServiceAccess", "-imap:192.0.2.1", "-imap:192.0.2.9", FailureKind::Disabled),
    ] {
        set(&directory, "alice", attribute, value);
        assert_eq!(refusal(&auth, by(&alice, None)).await.0, kind, "{attribute}");
        set(&directory, "alice", attribute, then);
        assert_eq!(who(&auth, by(&alice, None)).await.unwrap(), "alice", "{attribute}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_administrators_act_as_others() {
    let (directory, _folder) = embedded(&["alice", "root", "bob"]);
    let store_admins = vec![AccountName::new("root").unwrap()];
    let auth = over_embedded(&directory, AuthConfig { store_admins, ..config() });
    let alice = certificate("Alice", &["alice@example.com"]);
    for own in ["", "alice", "Alice@example.com"] {
        assert_eq!(who(&auth, by(&alice, Some(own))).await.unwrap(), "alice", "{own:?}");
    }
    assert_eq!(refusal(&auth, by(&alice, Some("bob"))).await.0, FailureKind::NotAuthorized);
    let root = certificate("Root", &["root@example.com"]);
    let identity = auth.login(by(&root, Some("bob"))).await.unwrap();
    assert_eq!(identity.account.as_str(), "bob");
    assert_eq!(identity.acting.unwrap().as_str(), "root");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_trusted_is_refused_late_and_locks_nobody_out() {
    let (directory, _folder) = embedded(&["alice"]);
    let auth = over_embedded(&directory, config());
    let good = certificate("Alice", &["alice@example.com"]);
    let expired = PresentedCertificate { fault: Some("expired".to_owned()), ..good.clone() };
    for _ in 0..10 {
        assert_eq!(
            refusal(&auth, by(&expired, None)).await,
            (FailureKind::CertificateRefused, "expired".to_owned())
        );
    }
    let before = Instant::now();
    refusal(&auth, by(&expired, None)).await;
    assert_eq!(before.elapsed(), crate::LONGEST_DELAY);
    let before = Instant::now();
    assert_eq!(who(&auth, by(&good, None)).await.unwrap(), "alice");
    assert!(auth.login(attempt("alice", "wonder")).await.is_ok());
    assert_eq!(before.elapsed(), Duration::ZERO);
    let nonsense = PresentedCertificate { der: b"nonsense".to_vec(), fault: None };
    assert_eq!(refusal(&auth, by(&nonsense, None)).await.0, FailureKind::CertificateRefused);
}

#[test]
fn every_step_is_explained() {
    let (directory, _folder) = embedded(&["alice"]);
    let auth = over_embedded(&directory, maps("default:DNComps\ndefault:FilterComps e"));
    let alice = certificate("Alice", &["alice@example.com"]);
    let explained = auth.explain(&by(&alice, None), None);
    assert!(explained.outcome.is_ok());
    let told: Vec<_> =
        explained.steps.iter().map(|Step { name, answer, .. }| (*name, answer.as_str())).collect();
    assert_eq!(told[0], ("certificate", "accepted"));
    assert_eq!(told[1], ("issuer map", "map default, line 1"));
    assert_eq!(told[2], ("search", "no entry"));
    assert_eq!(told[3], ("search", "one entry: alice@example.com"));
    let filters: Vec<_> =
        explained.steps.iter().filter_map(|step| step.filter.as_deref()).collect();
    assert_eq!(filters[1], "(mail=alice@example.com)");
    assert!(told.iter().any(|(name, _)| *name == "service"), "{told:?}");
}
