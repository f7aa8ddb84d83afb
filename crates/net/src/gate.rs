//! The filter before the greeting: who may connect at all.
//!
//! A connection has its seat when it is judged, so as many wait for the name of their client as may be
//! connected; a listener accepts others meanwhile. Clients of a Unix socket have no address and are not judged:
//! the permissions of the socket say who they are.

use crate::driver::Accepted;
use std::sync::{Arc, PoisonError, RwLock};
use waypost_access::{Connection, Decision, End, Filters, Known, Names, NoNames, decide};

/// The filters of a service, which may change while it runs.
pub struct Gate {
    filters: RwLock<Arc<Filters>>,
    names: Arc<dyn Names>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new(Arc::new(NoNames))
    }
}

impl Gate {
    /// A gate that lets everybody in until it is told otherwise.
    pub fn new(names: Arc<dyn Names>) -> Self {
        Self { filters: RwLock::default(), names }
    }

    /// Judges by these filters from now on.
    pub fn judge_by(&self, filters: Filters) {
        *self.filters.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(filters);
    }

    fn filters(&self) -> Arc<Filters> {
        Arc::clone(&self.filters.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The case of a connection that is to be judged; `None` when it passes without.
    pub(crate) fn case(&self, service: &'static str, accepted: &Accepted) -> Option<Case> {
        let filters = self.filters();
        let client = accepted.peer().filter(|_| !filters.is_empty())?;
        let server = accepted.socket.local_addr().map(|server| server.ip());
        let (client, server) = (End::at(Some(client)), End::at(server));
        let connection = Connection { service, client, server };
        Some(Case { filters, names: Arc::clone(&self.names), connection })
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gate").field(&self.filters()).finish()
    }
}

/// A connection that waits for its judgement.
pub(crate) struct Case {
    filters: Arc<Filters>,
    names: Arc<dyn Names>,
    connection: Connection,
}

impl Case {
    /// Decides; names are looked up when a filter needs them. The names answer in a time of their own.
    pub(crate) async fn decide(&mut self) -> Decision {
        decide(&self.filters, &mut self.connection, &*self.names).await
    }

    /// The client's names, as far as a filter has asked for them.
    pub(crate) fn client_names(&self) -> Option<&Known> {
        self.connection.client.names()
    }
}
