//! Recipients that the directory accepted before.
//!
//! A relay sends mail for the same people again and again, and each look-up moves the session to a
//! thread that may block and back. What the directory said holds until its generation changes, which
//! is cheap to ask; of a directory without one nothing is remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use waypost_directory::{Directory, DirectoryError, Recipient, resolve_recipient};

/// Recipients remembered by a process: some MiB at most. When they are more, all are forgotten: that
/// costs one look-up each.
const RECIPIENTS: usize = 4_096;

/// What is remembered.
#[derive(Default)]
pub(crate) struct KnownRecipients {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    generation: u64,
    accepted: HashMap<String, Arc<Recipient>>,
}

impl KnownRecipients {
    /// The accepted recipient of an address, if the directory need not be asked. Does not block.
    pub(crate) fn find(&self, directory: &dyn Directory, address: &str) -> Option<Arc<Recipient>> {
        // A directory that cannot say its generation is asked, and says why itself.
        let generation = directory.generation().ok().flatten()?;
        self.at(generation).accepted.get(address).cloned()
    }

    /// Asks the directory and remembers whom it accepts; may block.
    pub(crate) fn resolve(
        &self,
        directory: &dyn Directory,
        address: &str,
    ) -> Result<Arc<Recipient>, DirectoryError> {
        // Read before the look-up: a change between the two makes what is found too old at once.
        let generation = directory.generation()?;
        let found = Arc::new(resolve_recipient(directory, address)?);
        if let (Some(generation), Recipient::Accept { .. }) = (generation, &*found) {
            let mut state = self.at(generation);
            if state.accepted.len() >= RECIPIENTS {
                state.accepted.clear();
            }
            state.accepted.insert(address.to_owned(), Arc::clone(&found));
        }
        Ok(found)
    }

    /// What holds under this generation.
    fn at(&self, generation: u64) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.generation != generation {
            *state = State { generation, ..State::default() };
        }
        state
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use waypost_directory::{Domain, InetStatus, MailStatus, PasswordVerdict, User, UserQuota};
    use waypost_types::{AccountName, Secret};

    /// Every user of example.com, counting how often it is asked for one.
    struct Asked {
        generation: Option<AtomicU64>,
        times: AtomicU64,
    }

    impl Asked {
        fn new(generation: Option<u64>) -> Self {
            Self { generation: generation.map(AtomicU64::new), times: AtomicU64::new(0) }
        }

        fn times(&self) -> u64 {
            self.times.load(SeqCst)
        }
    }

    impl Directory for Asked {
        fn user_by_login(&self, _: &str, _: &str) -> Result<Option<User>, DirectoryError> {
            Ok(None)
        }

        fn resolve_address(&self, local: &str, _: &str) -> Result<Option<User>, DirectoryError> {
            self.times.fetch_add(1, SeqCst);
            Ok((local != "nobody").then(|| User {
                uid: local.to_owned(),
                domain: "example.com".to_owned(),
                account: AccountName::new(local).unwrap(),
                entry: local.to_owned(),
                cn: None,
                mail: local.to_owned(),
                mail_alternate_addresses: Vec::new(),
                mail_equivalent_addresses: Vec::new(),
                mail_host: None,
                mail_message_store: None,
                quota: UserQuota::default(),
                mail_user_status: MailStatus::Active,
                inet_user_status: InetStatus::Active,
                mail_allowed_service_access: None,
            }))
        }

        fn domain(&self, name: &str) -> Result<Option<Domain>, DirectoryError> {
            Ok(Some(Domain {
                name: name.to_owned(),
                inet_domain_status: InetStatus::Active,
                mail_domain_status: MailStatus::Active,
                mail_domain_allowed_service_access: None,
                inet_domain_search_filter: None,
                domain_uid_separator: None,
            }))
        }

        fn verify_password(
            &self,
            _: &User,
            _: &Secret<String>,
        ) -> Result<PasswordVerdict, DirectoryError> {
            Ok(PasswordVerdict::Wrong)
        }

        fn verify_nobody(&self, _: &Secret<String>) -> Result<(), DirectoryError> {
            Ok(())
        }

        fn generation(&self) -> Result<Option<u64>, DirectoryError> {
            Ok(self.generation.as_ref().map(|generation| generation.load(SeqCst)))
        }
    }

    #[test]
    fn what_was_accepted_holds_until_the_directory_changes() {
        let (known, directory) = (KnownRecipients::default(), Asked::new(Some(7)));
        assert!(known.find(&directory, "ada@example.com").is_none());
        known.resolve(&directory, "ada@example.com").unwrap();
        let found = known.find(&directory, "ada@example.com").unwrap();
        assert!(matches!(&*found, Recipient::Accept { user, .. } if user.uid == "ada"));
        assert_eq!(directory.times(), 1);
        directory.generation.as_ref().unwrap().store(8, SeqCst);
        assert!(known.find(&directory, "ada@example.com").is_none(), "the directory has changed");
    }

    #[test]
    fn refusals_and_directories_without_a_generation_are_not_remembered() {
        let (known, directory) = (KnownRecipients::default(), Asked::new(Some(7)));
        let found = known.resolve(&directory, "nobody@example.com").unwrap();
        assert_eq!(*found, Recipient::UnknownUser);
        assert!(known.find(&directory, "nobody@example.com").is_none());
        let directory = Asked::new(None);
        known.resolve(&directory, "ada@example.com").unwrap();
        assert!(known.find(&directory, "ada@example.com").is_none());
    }

    #[test]
    fn no_more_than_the_limit_are_remembered() {
        let (known, directory) = (KnownRecipients::default(), Asked::new(Some(7)));
        for number in 0..=RECIPIENTS {
            known.resolve(&directory, &format!("u{number}@example.com")).unwrap();
        }
        assert_eq!(known.at(7).accepted.len(), 1);
    }
}
