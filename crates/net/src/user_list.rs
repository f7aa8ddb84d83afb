//! Who is logged in: the users of one service in this process, and how one of them is sent away.

use crate::driver::Control;
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use waypost_types::{AccountName, Moment};

/// A logged-in user's connection, as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedUser {
    /// Number of the connection in this process, as in logs.
    pub connection: u64,
    /// The account.
    pub account: AccountName,
    /// How the user has logged in: a SASL mechanism, or the command (`LOGIN`, `USER`).
    pub mechanism: &'static str,
    /// Key length of the TLS cipher in bits; 0 in the clear.
    pub tls_bits: u16,
    /// When the user has logged in, in seconds since 1970.
    pub since: u64,
    /// The client's address and port; `None` on a Unix socket.
    pub client: Option<SocketAddr>,
    /// The address and port that the client has reached.
    pub server: Option<SocketAddr>,
}

/// A login or the end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// A user has logged in.
    In,
    /// A user's connection has ended.
    Out,
}

/// Hears of every login and every end: whose, which, and when, in seconds since 1970.
type Observer = Box<dyn Fn(&AccountName, Passage, u64) + Send + Sync>;

/// The logged-in users of one service in this process.
#[derive(Default)]
pub struct UserList {
    entries: Mutex<Entries>,
    observer: OnceLock<Observer>,
}

/// By connection. Boxed: a table has more places than entries, and each idle connection has an entry.
type Entries = HashMap<u64, Box<Entry>>;

/// What the connection itself does not know.
struct Entry {
    account: AccountName,
    mechanism: &'static str,
    tls_bits: u16,
    since: u64,
    control: Arc<Control>,
}

impl Entry {
    fn user(&self) -> ConnectedUser {
        let Self { account, mechanism, tls_bits, since, control } = self;
        ConnectedUser {
            connection: control.connection,
            account: account.clone(),
            mechanism,
            tls_bits: *tls_bits,
            since: *since,
            client: control.client,
            server: control.server,
        }
    }
}

impl UserList {
    /// Has every login and every end told to `observer`; the first call counts. It must not block.
    pub fn observe(&self, observer: impl Fn(&AccountName, Passage, u64) + Send + Sync + 'static) {
        let _ = self.observer.set(Box::new(observer));
    }

    /// Everybody, in the order of their connections.
    pub fn users(&self) -> Vec<ConnectedUser> {
        let mut users: Vec<_> = self.lock().values().map(|entry| entry.user()).collect();
        users.sort_unstable_by_key(|user| user.connection);
        users
    }

    /// Asks the sessions of an account to say goodbye; answers with their connections. One that does not
    /// end by itself is ended by [`UserList::cut`].
    pub fn disconnect(&self, account: &AccountName) -> Vec<u64> {
        let entries = self.lock();
        let of_account = entries.values().filter(|entry| entry.account == *account);
        let told = of_account.inspect(|entry| entry.control.disconnect());
        told.map(|entry| entry.control.connection).collect()
    }

    /// Ends those of the connections that are still there.
    pub fn cut(&self, connections: &[u64]) {
        let entries = self.lock();
        let there = connections.iter().filter_map(|connection| entries.get(connection));
        there.for_each(|entry| entry.control.cut());
    }

    fn passed(&self, account: &AccountName, passage: Passage, at: u64) {
        if let Some(observer) = self.observer.get() {
            observer(account, passage, at);
        }
    }

    /// No code that runs under the lock can panic half-way through a change.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for UserList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.users()).finish()
    }
}

/// Where a session says who has logged in.
#[derive(Debug, Clone, Default)]
pub struct Arrival(pub(crate) Arc<Control>);

impl Arrival {
    /// Puts the user of this connection on the list, until what is answered is dropped.
    pub fn log_in(
        &self,
        account: AccountName,
        mechanism: &'static str,
        tls_bits: u16,
        now: Moment,
    ) -> Listed {
        let control = Arc::clone(&self.0);
        let since = seconds(now);
        control.list.passed(&account, Passage::In, since);
        let entry = Entry { account, mechanism, tls_bits, since, control: Arc::clone(&control) };
        control.list.lock().insert(control.connection, Box::new(entry));
        Listed(control)
    }
}

/// A place on the list.
#[derive(Debug)]
pub struct Listed(Arc<Control>);

impl Drop for Listed {
    fn drop(&mut self) {
        let list = &self.0.list;
        let left = list.lock().remove(&self.0.connection);
        if let Some(entry) = left {
            list.passed(&entry.account, Passage::Out, seconds(Moment::now()));
        }
    }
}

fn seconds(moment: Moment) -> u64 {
    u64::try_from(moment.wall.seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(list: &Arc<UserList>, connection: u64) -> Arrival {
        Arrival(Arc::new(Control::new(connection, Arc::clone(list), None, None)))
    }

    fn name(text: &str) -> AccountName {
        AccountName::new(text).unwrap()
    }

    #[test]
    fn users_are_listed_while_they_are_there() {
        let list: Arc<UserList> = Arc::default();
        let passages: Arc<Mutex<Vec<(String, Passage)>>> = Arc::default();
        let seen = Arc::clone(&passages);
        list.observe(move |account, passage, at| {
            assert!(at > 0);
            seen.lock().unwrap().push((account.as_str().to_owned(), passage));
        });
        let alice = arrival(&list, 2).log_in(name("alice"), "PLAIN", 128, Moment::now());
        let bob = arrival(&list, 1).log_in(name("bob"), "LOGIN", 0, Moment::now());
        let users = list.users();
        assert_eq!(users.iter().map(|u| u.connection).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((users[1].mechanism, users[1].tls_bits), ("PLAIN", 128));
        drop((alice, bob));
        assert!(list.users().is_empty());
        let told = passages.lock().unwrap();
        assert_eq!(told.len(), 4);
        assert_eq!(told[2], ("alice".to_owned(), Passage::Out));
    }

    #[test]
    fn an_account_is_sent_away_with_all_its_connections() {
        let list: Arc<UserList> = Arc::default();
        let arrivals = [arrival(&list, 1), arrival(&list, 2), arrival(&list, 3)];
        let names = ["alice", "bob", "alice"];
        let _listed = [0, 1, 2].map(|at| {
            let arrival: &Arrival = &arrivals[at];
            arrival.log_in(name(names[at]), "LOGIN", 0, Moment::now())
        });
        let mut told = list.disconnect(&name("alice"));
        told.sort_unstable();
        assert_eq!(told, [1, 3]);
        let asked = arrivals.map(|arrival| arrival.0.is_disconnected());
        assert_eq!(asked, [true, false, true]);
        assert!(list.disconnect(&name("carol")).is_empty());
    }
}
