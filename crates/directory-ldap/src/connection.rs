//! One connection to one server: opened, encrypted, bound, and asked with a time limit.

use crate::config::{BindIdentity, LdapHost, Security};
use crate::policy;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, ResultEntry, Scope, SearchOptions,
};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use waypost_ldap_filter::Filter;

/// The result code of success (RFC 4511 section 4.1.9).
pub(crate) const SUCCESS: u32 = 0;
/// `busy` and `unavailable`: the server answers, and another may answer better.
const UNWILLING: [u32; 2] = [51, 52];

/// What every connection needs.
pub(crate) struct Settings {
    pub(crate) security: Security,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) connect_timeout: Duration,
    pub(crate) operation_timeout: Duration,
}

/// What a server is asked.
pub(crate) enum Request {
    /// Entries.
    Search(Search),
    /// Whether a name and a password belong together.
    Bind(BindIdentity),
}

/// A search.
pub(crate) struct Search {
    pub(crate) base: String,
    pub(crate) scope: Scope,
    pub(crate) filter: Filter,
    pub(crate) attributes: Vec<&'static str>,
    /// The most entries that are of interest.
    pub(crate) limit: i32,
}

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) result: LdapResult,
    pub(crate) entries: Vec<ResultEntry>,
}

/// Why there is no answer.
pub(crate) enum Trouble {
    /// The connection broke or never was.
    Broken(String),
    /// The server took too long.
    Silent(String),
}

impl Trouble {
    pub(crate) fn cause(&self) -> &str {
        match self {
            Self::Broken(cause) | Self::Silent(cause) => cause,
        }
    }
}

/// An open connection; closed when dropped.
pub(crate) struct Connection {
    ldap: Ldap,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Connects and, with an identity, binds.
    pub(crate) async fn open(
        host: &LdapHost,
        settings: &Settings,
        identity: Option<&BindIdentity>,
    ) -> Result<Self, Trouble> {
        let limit = settings.connect_timeout;
        let opened = timeout(limit, Self::connect(host, settings, identity)).await;
        opened.unwrap_or_else(|_| Err(silent("connecting", limit)))
    }

    async fn connect(
        host: &LdapHost,
        settings: &Settings,
        identity: Option<&BindIdentity>,
    ) -> Result<Self, Trouble> {
        let scheme = if settings.security == Security::Ldaps { "ldaps" } else { "ldap" };
        let mut options =
            LdapConnSettings::new().set_starttls(settings.security == Security::StartTls);
        if let Some(tls) = &settings.tls {
            options = options.set_config(Arc::clone(tls));
        }
        let url = format!("{scheme}://{}", host.authority());
        let (driver, ldap) = LdapConnAsync::with_settings(options, &url).await.map_err(broken)?;
        // How the connection ends is told by what was asked on it.
        let driver = tokio::spawn(async move { drop(driver.drive().await) }).abort_handle();
        let mut connection = Self { ldap, driver };
        if let Some(identity) = identity {
            connection.enter(identity).await?;
        }
        Ok(connection)
    }

    async fn enter(&mut self, identity: &BindIdentity) -> Result<(), Trouble> {
        let BindIdentity { dn, password } = identity;
        let result = self.ldap.simple_bind(dn, password.expose()).await.map_err(broken)?;
        if result.rc == SUCCESS {
            return Ok(());
        }
        Err(Trouble::Broken(format!("cannot bind as {dn:?}: {result}")))
    }

    /// Asks and waits for the answer. After a trouble the connection is of no use.
    pub(crate) async fn ask(
        &mut self,
        request: &Request,
        limit: Duration,
    ) -> Result<Answer, Trouble> {
        let answer = match request {
            Request::Search(search) => timeout(limit, self.search(search, limit)).await,
            Request::Bind(identity) => timeout(limit, self.bind(identity)).await,
        };
        let answer = answer.map_err(|_| silent("an answer", limit))?.map_err(broken)?;
        if UNWILLING.contains(&answer.result.rc) {
            return Err(Trouble::Broken(answer.result.to_string()));
        }
        Ok(answer)
    }

    async fn search(&mut self, search: &Search, limit: Duration) -> Result<Answer, LdapError> {
        let seconds = i32::try_from(limit.as_secs().max(1)).unwrap_or(i32::MAX);
        let options = SearchOptions::new().sizelimit(search.limit).timelimit(seconds);
        let Search { base, scope, filter, attributes, .. } = search;
        let found = self.ldap.with_search_options(options);
        let found = found.search(base, *scope, &filter.to_string(), attributes.as_slice()).await?;
        Ok(Answer { result: found.1, entries: found.0 })
    }

    async fn bind(&mut self, identity: &BindIdentity) -> Result<Answer, LdapError> {
        let BindIdentity { dn, password } = identity;
        let ldap = self.ldap.with_controls(policy::request());
        let result = ldap.simple_bind(dn, password.expose().as_str()).await?;
        Ok(Answer { result, entries: Vec::new() })
    }
}

fn broken(error: LdapError) -> Trouble {
    Trouble::Broken(error.to_string())
}

fn silent(what: &str, limit: Duration) -> Trouble {
    Trouble::Silent(format!("{what} took longer than {} s", limit.as_secs_f32()))
}
