//! The engine's inner side: settings, connections and the searches that everything is made of.

use crate::config::{LdapConfig, Security};
use crate::connection::{Answer, Request, SUCCESS, Search, Settings};
use crate::domains::Known;
use crate::entry::Entry;
use crate::filters;
use crate::health::Health;
use crate::pool::Pool;
use crate::tls;
use ldap3::{LdapResult, Scope};
use std::sync::Arc;
use waypost_directory::DirectoryError;
use waypost_ldap_filter::Filter;

/// `sizeLimitExceeded`: there are more, and these are enough.
const SIZE_LIMIT_EXCEEDED: u32 = 4;
/// `noSuchObject`
const NO_SUCH_OBJECT: u32 = 32;

/// Everything but the threads.
pub(crate) struct Engine {
    pub(crate) config: LdapConfig,
    pub(crate) known: Known,
    /// Connections that are bound as the configured identity.
    pub(crate) searches: Arc<Pool>,
    /// Connections that check passwords and nothing else; whom they were bound as last is of no account.
    pub(crate) binds: Pool,
}

impl Engine {
    pub(crate) fn new(config: LdapConfig) -> Result<Self, DirectoryError> {
        let tls = match config.security {
            Security::None => None,
            Security::StartTls | Security::Ldaps => {
                let settings = tls::settings(config.ca_file.as_deref());
                Some(settings.map_err(|cause| DirectoryError::Unavailable { cause })?)
            }
        };
        let LdapConfig { security, connect_timeout, operation_timeout, .. } = config;
        let settings = Arc::new(Settings { security, tls, connect_timeout, operation_timeout });
        let hosts: Arc<[_]> = config.hosts.clone().into();
        let health = Arc::new(Health::new(&hosts));
        let pool = |identity| {
            let (hosts, settings) = (Arc::clone(&hosts), Arc::clone(&settings));
            Pool::new(hosts, settings, Arc::clone(&health), identity, config.connections)
        };
        let searches = Arc::new(pool(config.identity.clone()));
        let binds = pool(None);
        Ok(Self { known: Known::default(), searches, binds, config })
    }

    pub(crate) fn default_domain(&self) -> String {
        self.config.default_domain.to_lowercase()
    }

    /// The entries below `base` that match; none when there is no base.
    pub(crate) async fn search(
        &self,
        base: &str,
        scope: Scope,
        filter: Filter,
        attributes: &[&'static str],
        limit: i32,
    ) -> Result<Vec<Entry>, DirectoryError> {
        let (base, attributes) = (base.to_owned(), attributes.to_vec());
        let search = Search { base, scope, filter, attributes, limit };
        self.searches.ask(&Request::Search(search)).await.and_then(found)
    }

    /// One entry by its name.
    pub(crate) async fn read(
        &self,
        dn: &str,
        attributes: &[&'static str],
    ) -> Result<Option<Entry>, DirectoryError> {
        let filter = filters::present("objectClass");
        let found = self.search(dn, Scope::Base, filter, attributes, 1).await?;
        Ok(found.into_iter().next())
    }
}

/// The entries of an answer.
pub(crate) fn found(Answer { result, entries }: Answer) -> Result<Vec<Entry>, DirectoryError> {
    match result.rc {
        SUCCESS | SIZE_LIMIT_EXCEEDED => {
            let real = entries.into_iter().filter(|entry| !entry.is_ref());
            Ok(real.map(Entry::new).collect())
        }
        NO_SUCH_OBJECT => Ok(Vec::new()),
        _ => Err(refused(&result)),
    }
}

/// Whatever else a server answers, the user is not known to be absent: that is for another time.
fn refused(result: &LdapResult) -> DirectoryError {
    DirectoryError::Unavailable { cause: format!("search: {result}") }
}
