//! The names of addresses, for filters that speak of names: by the system's hosts file and the DNS.
//!
//! A name counts only when it leads back to the address: whoever owns an address can have its reverse
//! zone say anything. How many look-ups run at once is bounded, and each answers in time; what is not known by
//! then is not known.

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use waypost_access::{Known, Lookup, NAMES_MAX, Names};

/// The longest time that the names of one address take, waiting for its turn included. A client sees no
/// greeting meanwhile; most give up after 30 seconds.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(8);
/// Addresses that are looked up at once in one process; each takes a few packets and a socket.
pub const LOOKUPS_AT_ONCE: usize = 128;
/// How long an answer is remembered at most, whatever its zone says: so late a change counts.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
/// How long "there is no such name" is remembered at most.
const ABSENCE_REMEMBERED: Duration = Duration::from_secs(60);

/// The name service of this host. Cheap to clone; all clones share one memory and one queue. Look-ups must be
/// polled within a tokio runtime.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
    turns: Arc<Semaphore>,
    patience: Duration,
}

impl Dns {
    /// Asks whom the system asks (`/etc/hosts`, `/etc/resolv.conf`; both are read now).
    ///
    /// # Errors
    /// When those files cannot be read or name no server.
    pub fn of_system() -> Result<Self, NetError> {
        Self::build(TokioResolver::builder_tokio()?)
    }

    /// Asks one server by UDP, without the hosts file, and waits so long at most.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn asking(server: SocketAddr, patience: Duration) -> Result<Self, NetError> {
        let mut connection = ConnectionConfig::udp();
        connection.port = server.port();
        let server = NameServerConfig::new(server.ip(), true, vec![connection]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        Ok(Self { patience, ..Self::build(builder)? })
    }

    fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<Self, NetError> {
        remember(builder.options_mut());
        let turns = Arc::new(Semaphore::new(LOOKUPS_AT_ONCE));
        Ok(Self { resolver: builder.build()?, turns, patience: LOOKUP_TIMEOUT })
    }

    async fn look_up(self, address: IpAddr) -> Known {
        let Ok(_turn) = self.turns.acquire().await else { return Known::Unknown };
        let names = match self.resolver.reverse_lookup(address).await {
            Ok(found) => names(found.answers().iter().map(|record| &record.data)),
            Err(error) => {
                note(address, &error);
                return Known::Unknown;
            }
        };
        self.confirm(address, names).await
    }

    /// Keeps the names that lead back to the address.
    async fn confirm(&self, address: IpAddr, names: Vec<Name>) -> Known {
        let (mut true_names, mut is_certain) = (Vec::new(), !names.is_empty());
        for name in names {
            match self.leads_to(&name, address).await {
                Ok(true) => true_names.push(name.to_ascii()),
                Ok(false) => {}
                Err(error) => {
                    note(address, &error);
                    is_certain = false;
                }
            }
        }
        // Without an answer to "where does it lead" nobody can be called a liar.
        if true_names.is_empty() && is_certain { Known::Spoofed } else { Known::names(true_names) }
    }

    async fn leads_to(&self, name: &Name, address: IpAddr) -> Result<bool, NetError> {
        let found = match address {
            IpAddr::V4(_) => self.resolver.ipv4_lookup(name.clone()).await,
            IpAddr::V6(_) => self.resolver.ipv6_lookup(name.clone()).await,
        };
        match found {
            Ok(found) => {
                Ok(found.answers().iter().any(|record| record.data.ip_addr() == Some(address)))
            }
            Err(error) if error.is_no_records_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Names for Dns {
    fn names_of(&self, address: IpAddr) -> Lookup {
        let (dns, patience) = (self.clone(), self.patience);
        Box::pin(async move {
            timeout(patience, dns.look_up(address)).await.unwrap_or_else(|_| {
                tracing::warn!(%address, "the name of a client was not found in time");
                Known::Unknown
            })
        })
    }
}

fn remember(options: &mut ResolverOpts) {
    options.positive_max_ttl = Some(REMEMBERED);
    options.negative_max_ttl = Some(ABSENCE_REMEMBERED);
}

/// The names in the answers to a reverse look-up, complete and in order: servers shuffle them, and which of
/// too many are looked at must not change from one connection to the next.
fn names<'a>(answers: impl Iterator<Item = &'a RData>) -> Vec<Name> {
    let mut names: Vec<Name> = answers
        .filter_map(|data| match data {
            RData::PTR(name) => Some(name.0.to_lowercase()),
            _ => None,
        })
        .filter(is_host)
        .collect();
    names.iter_mut().for_each(|name| name.set_fqdn(true));
    names.sort();
    names.dedup();
    names.truncate(NAMES_MAX);
    names
}

/// Whether it is written with the letters of host names, so that it can stand in a log and in a comparison.
fn is_host(name: &Name) -> bool {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_';
    !name.is_root() && name.iter().all(|label| label.iter().all(is_plain))
}

/// That a client has no name is usual; that the DNS does not work is not.
fn note(address: IpAddr, error: &NetError) {
    if error.is_no_records_found() {
        tracing::debug!(%address, "no name");
    } else {
        tracing::warn!(%address, %error, "cannot look up the name of a client");
    }
}
