//! The service that makes IMAP sessions.

use crate::config::{Config, SharedConfig};
use crate::session::ImapSession;
use crate::workspace::Workspace;
use std::sync::Arc;
use waypost_auth::Authenticator;
use waypost_net::session::{ConnectionFacts, Refusal, Service};
use waypost_store::Store;

/// Makes IMAP sessions over one store.
#[derive(Clone)]
pub struct ImapService {
    store: Arc<dyn Store>,
    auth: Arc<Authenticator>,
    config: Arc<SharedConfig>,
    workspace: Arc<Workspace>,
}

impl ImapService {
    /// A service over these parts. The configuration stays with the caller too, to be replaced.
    pub fn new(store: Arc<dyn Store>, auth: Arc<Authenticator>, config: Arc<SharedConfig>) -> Self {
        Self { store, auth, config, workspace: Arc::default() }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    pub(crate) fn auth(&self) -> &Arc<Authenticator> {
        &self.auth
    }

    pub(crate) fn workspace(&self) -> &Arc<Workspace> {
        &self.workspace
    }

    /// The settings as they are now.
    pub(crate) fn current_config(&self) -> Arc<Config> {
        self.config.current()
    }
}

impl Service for ImapService {
    type Session = ImapSession;

    fn name(&self) -> &'static str {
        "imap"
    }

    fn session(&self, facts: ConnectionFacts) -> ImapSession {
        ImapSession::new(self.clone(), self.current_config(), facts)
    }

    fn too_many(&self, why: Refusal) -> &'static [u8] {
        match why {
            Refusal::Full => b"* BYE [UNAVAILABLE] Too many connections; try again later\r\n",
            Refusal::Crowded => {
                b"* BYE [UNAVAILABLE] Too many connections from your address; close some\r\n"
            }
            Refusal::Filtered => {
                b"* BYE [CONTACTADMIN] Your address may not use this service; ask the administrator\r\n"
            }
        }
    }
}
