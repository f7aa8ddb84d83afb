//! The users of a service process: who is listed, when they were here last, how they are sent away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::runtime::Handle;
use waypost_net::user_list::{ConnectedUser, Passage, UserList};
use waypost_options::{BASE_ENABLELASTACCESS, Config};
use waypost_store::{Access, AccessKind, AccessService, Store};
use waypost_supervisor::{UserDesk, UserRow};
use waypost_types::AccountName;

/// What is kept of users, by the settings.
#[derive(Default)]
pub(super) struct Users {
    pub(super) list: Arc<UserList>,
    /// Whether administrators see the list.
    shown: AtomicBool,
    /// Whether times of login and logout are kept.
    noted: AtomicBool,
}

impl Users {
    /// Takes in settings; `shown` says whether the service's users are listed.
    pub(super) fn reconfigure(&self, config: &Config, shown: bool) {
        self.shown.store(shown, Relaxed);
        self.noted.store(config.read(&BASE_ENABLELASTACCESS), Relaxed);
    }

    /// Has the store keep when users log in and out. Nobody waits for it.
    pub(super) fn note_in(self: &Arc<Self>, store: Arc<dyn Store>, service: AccessService) {
        let users = Arc::clone(self);
        self.list.observe(move |account, passage, at| {
            if users.noted.load(Relaxed) {
                let kind = match passage {
                    Passage::In => AccessKind::LogIn,
                    Passage::Out => AccessKind::LogOut,
                };
                let at = i64::try_from(at).unwrap_or(i64::MAX);
                store.note_access(vec![Access { account: account.clone(), service, kind, at }]);
            }
        });
    }

    /// What the watcher may ask. Sessions that are sent away get `grace` to say goodbye.
    pub(super) fn desk(self: &Arc<Self>, grace: Duration) -> UserDesk {
        let (users, list) = (Arc::clone(self), Arc::clone(&self.list));
        let runtime = Handle::current();
        let disconnect = move |account: &str| {
            let Ok(account) = AccountName::new(account) else { return 0 };
            let connections = list.disconnect(&account);
            let count = u64::try_from(connections.len()).unwrap_or(u64::MAX);
            let list = Arc::clone(&list);
            runtime.spawn(async move {
                tokio::time::sleep(grace).await;
                list.cut(&connections);
            });
            count
        };
        UserDesk { list: Box::new(move || users.rows()), disconnect: Box::new(disconnect) }
    }

    fn rows(&self) -> Vec<UserRow> {
        let users = if self.shown.load(Relaxed) { self.list.users() } else { Vec::new() };
        users.into_iter().map(row).collect()
    }
}

fn row(user: ConnectedUser) -> UserRow {
    let ConnectedUser { connection, account, mechanism, tls_bits, since, client, server } = user;
    let (account, mechanism) = (account.as_str().to_owned(), mechanism.to_owned());
    let own_family = |one: SocketAddr| SocketAddr::new(one.ip().to_canonical(), one.port());
    let (client, server) = (client.map(own_family), server.map(own_family));
    UserRow { connection, account, mechanism, tls_bits, since, client, server }
}
