//! Which servers can be used now. Each change is logged once, so an outage is two lines, however many
//! logins it meets.

use crate::config::LdapHost;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of the servers.
pub(crate) struct Health {
    /// Why each server cannot be used; `None` when it can, as far as is known.
    troubles: Mutex<Vec<Option<String>>>,
    names: Vec<String>,
}

impl Health {
    pub(crate) fn new(hosts: &[LdapHost]) -> Self {
        let names = hosts.iter().map(LdapHost::authority).collect();
        Self { troubles: Mutex::new(vec![None; hosts.len()]), names }
    }

    /// Those that can be used, the preferred one first.
    pub(crate) fn usable(&self) -> Vec<usize> {
        self.select(Option::is_none)
    }

    /// Those that cannot.
    pub(crate) fn lost(&self) -> Vec<usize> {
        self.select(Option::is_some)
    }

    fn select(&self, wanted: impl Fn(&Option<String>) -> bool) -> Vec<usize> {
        let troubles = self.troubles();
        troubles.iter().enumerate().filter(|(_, one)| wanted(one)).map(|(at, _)| at).collect()
    }

    /// Notes that a server cannot be used.
    pub(crate) fn lose(&self, host: usize, cause: &str) {
        let mut troubles = self.troubles();
        let Some(trouble) = troubles.get_mut(host) else { return };
        let news = trouble.replace(cause.to_owned()).is_none();
        let left = troubles.iter().filter(|trouble| trouble.is_none()).count();
        drop(troubles);
        if news {
            tracing::error!(host = self.name(host), cause, left, "directory server lost");
        }
    }

    /// Notes that a server answers.
    pub(crate) fn find(&self, host: usize) {
        let trouble = self.troubles().get_mut(host).and_then(Option::take);
        if trouble.is_some() {
            tracing::info!(host = self.name(host), "directory server is back");
        }
    }

    /// What is wrong with each server that cannot be used.
    pub(crate) fn causes(&self) -> String {
        let troubles = self.troubles();
        let pairs = self.names.iter().zip(troubles.iter());
        let told = pairs.filter_map(|(name, cause)| Some(format!("{name}: {}", cause.as_ref()?)));
        told.collect::<Vec<_>>().join("; ")
    }

    fn name(&self, host: usize) -> &str {
        self.names.get(host).map_or("", String::as_str)
    }

    fn troubles(&self) -> MutexGuard<'_, Vec<Option<String>>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_used_again_when_it_is_back() {
        let host = |name: &str| LdapHost { name: name.to_owned(), port: 389 };
        let health = Health::new(&[host("a"), host("b")]);
        assert_eq!(health.usable(), [0, 1]);
        health.lose(0, "refused");
        health.lose(0, "refused again");
        assert_eq!((health.usable(), health.lost()), (vec![1], vec![0]));
        assert_eq!(health.causes(), "a:389: refused again");
        health.find(0);
        assert_eq!(health.usable(), [0, 1]);
        assert_eq!(health.causes(), "");
    }
}
