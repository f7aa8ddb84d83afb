//! What the login pipeline needs from the configuration.

use crate::failure::FailureKind;
use crate::login::Service;
use std::sync::Arc;
use std::time::Duration;
use waypost_certmap::CertMaps;
use waypost_directory::QuotaRules;
use waypost_ldap_filter::Template;
use waypost_types::AccountName;

/// Settings of the login pipeline.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// `base.defaultdomain`: the domain of a login name that has none.
    pub default_domain: String,
    /// `base.loginseparator`: every character of it separates uid and domain.
    pub login_separators: String,
    /// `auth.searchfordomain`: whether a name without a domain belongs to the default domain; otherwise it
    /// is looked for in all of them.
    pub search_for_domain: bool,
    /// `auth.searchfilter`: how a name finds its user where the domain has no filter of its own.
    pub search_filter: Template,
    /// `store.admins`: the store ids of those who may act as any user.
    pub store_admins: Vec<AccountName>,
    /// `base.hostname`: users whose `mailHost` is another host are refused.
    pub hostname: String,
    /// `imap.plaintextmincipher`.
    pub imap_passwords: PasswordLogin,
    /// `pop.plaintextmincipher`.
    pub pop_passwords: PasswordLogin,
    /// The server's part of quotas.
    pub quota: QuotaRules,
    /// `base.certmapfile`: how the owner of a certificate is found; `None` finds him by mail address.
    pub cert_maps: Option<Arc<CertMaps>>,
    /// `base.authcachettl`: how long a successful login is remembered; zero remembers none.
    pub remember_for: Duration,
    /// `base.authcachesize`: how many successful logins are remembered.
    pub remember_logins: usize,
}

impl AuthConfig {
    /// Whether an account may act as others.
    pub(crate) fn is_admin(&self, account: &AccountName) -> bool {
        self.store_admins.contains(account)
    }

    /// Why no password may be sent on a connection with this many bits of TLS key, if any.
    pub fn password_refusal(&self, service: Service, tls_bits: Option<u32>) -> Option<FailureKind> {
        let passwords = match service {
            Service::Imap => self.imap_passwords,
            Service::Pop3 => self.pop_passwords,
        };
        passwords.refusal(tls_bits)
    }
}

/// When a service takes passwords: what `plaintextmincipher` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordLogin {
    /// Always, also in the clear.
    Always,
    /// Over TLS whose cipher has a key of at least this many bits.
    Encrypted {
        /// The least length.
        bits: u32,
    },
    /// Not even over TLS.
    Never,
}

impl PasswordLogin {
    /// What a number of `plaintextmincipher` means: 0 is always, less never, more a length in bits.
    pub fn from_min_cipher(number: i64) -> Self {
        match number {
            0 => Self::Always,
            ..0 => Self::Never,
            bits => Self::Encrypted { bits: u32::try_from(bits).unwrap_or(u32::MAX) },
        }
    }

    fn refusal(self, tls_bits: Option<u32>) -> Option<FailureKind> {
        match (self, tls_bits) {
            (Self::Always, _) => None,
            (Self::Never, _) => Some(FailureKind::PasswordsRefused),
            (Self::Encrypted { .. }, None) => Some(FailureKind::PrivacyRequired),
            (Self::Encrypted { bits }, Some(has)) if has < bits => Some(FailureKind::WeakCipher),
            (Self::Encrypted { .. }, Some(_)) => None,
        }
    }
}
