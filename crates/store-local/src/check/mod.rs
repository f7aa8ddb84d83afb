//! Checking a store: every table against every other, and the segments against the rows.
//!
//! A check only reads, beside a running `stored` too. It looks at the store in steps, each in a read
//! transaction of its own, so that it keeps no old pages of a busy store alive for long; what one
//! step compares is one consistent state. Only two sums go over several steps, the references of
//! blobs and the bytes of files: what does not agree there is counted again before it is reported.
//!
//! Before all that the pages of the metadata are examined as a plain file (`structure`). When they do not
//! hang together, nothing is looked up in them: that is all that is reported then.

mod accounts;
mod blobs;
mod bytes;
mod emails;
mod finding;
mod mailbox;
mod queue;
mod references;
mod saved;
mod scan;

pub(crate) use blobs::{Damaged, UNREADABLE};
pub(crate) use bytes::{Fault, examine_blob, owners_of};
pub use finding::{Finding, Part, Place, Problem, Remedy};

use crate::codec::Take;
use crate::codec::rows;
use crate::env::{self, Meta};
use crate::proto::Suspect;
use crate::reader::Reader;
use crate::structure::{self, PageFault, Structure};
use references::References;
use scan::Scan;
use std::path::Path;
use waypost_store::StoreError;
use waypost_types::{AccountId, AccountName};

/// What is checked.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// Read every message and compare its checksum; else only the fronts of the records.
    pub bytes: bool,
    /// Only this account and its messages: what belongs to all is left out.
    pub account: Option<AccountName>,
    /// Findings that are kept; more are only counted.
    pub findings_max: usize,
}

impl CheckOptions {
    /// Findings kept when nothing else is asked for: some hundred bytes each.
    pub const FINDINGS_MAX: usize = 10_000;
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { bytes: true, account: None, findings_max: Self::FINDINGS_MAX }
    }
}

/// What a check saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// What is wrong, in the order it was found.
    pub findings: Vec<Finding>,
    /// How much is wrong, what was not kept included.
    pub found: u64,
    /// How much was looked at.
    pub seen: Seen,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub const fn is_clean(&self) -> bool {
        self.found == 0
    }
}

/// How much a check looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Accounts.
    pub accounts: u64,
    /// Mailboxes.
    pub mailboxes: u64,
    /// Live messages.
    pub messages: u64,
    /// Emails.
    pub emails: u64,
    /// Stored messages.
    pub blobs: u64,
    /// Bytes of messages that were read and had the right checksum.
    pub bytes: u64,
}

/// Checks the store in a partition, which another process may be writing.
///
/// # Errors
/// When the store cannot be read at all; damage is no error but a finding.
pub fn check(partition: &Path, options: &CheckOptions) -> Result<CheckReport, StoreError> {
    crate::engine::refuse_lost(partition)?;
    // Before anything is opened: damaged pages may end the process that does.
    let structure = structure::examine(partition)?;
    if !structure.is_whole() {
        return Ok(of_structure(&structure, options));
    }
    let meta = Meta::open_reader(partition)?;
    check_tables(&meta, options)
}

/// Whether the pages of the metadata in a partition hang together, so that they can be opened and read.
///
/// # Errors
/// When there are none, or they cannot be opened as a file.
pub fn is_readable(partition: &Path) -> Result<bool, StoreError> {
    structure::examine(partition).map(|structure| structure.is_whole())
}

/// The findings about pages. Nothing can be trusted to lead to the names of whom they concern.
fn of_structure(structure: &Structure, options: &CheckOptions) -> CheckReport {
    let finding = |fault: &PageFault| {
        let area = fault.area();
        let place = Place { account: area.account(), mailbox: area.mailbox(), ..Place::STORE };
        let (part, problem, detail) = (Part::Structure, Problem::Damaged, fault.to_string());
        Finding { part, problem, place, user: None, mailbox: None, detail }
    };
    let findings = structure.faults.iter().take(options.findings_max).map(finding).collect();
    CheckReport { findings, found: structure.faults.len() as u64, seen: Seen::default() }
}

impl Reader {
    /// Checks the store that this reads, as [`check`] does.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub fn check(&self, options: &CheckOptions) -> Result<CheckReport, StoreError> {
        run(self.meta(), options)
    }
}

impl Reader {
    /// Checks the account in which damage was met; the whole store when nobody knows it. The pages of the
    /// metadata must be whole.
    pub(crate) fn check_suspect(
        &self,
        suspect: &Suspect,
        options: &CheckOptions,
    ) -> Result<CheckReport, StoreError> {
        let mut scan = Scan::new(self.meta(), options)?;
        let mailboxes = &scan.overview.mailboxes;
        let of_mailbox = suspect.mailbox.and_then(|mailbox| {
            let at = mailboxes.binary_search_by_key(&mailbox, |known| known.id).ok()?;
            mailboxes.get(at).map(|known| known.account)
        });
        match suspect.account.or(of_mailbox) {
            Some(account) => account_alone(&mut scan, account, options)?,
            None => everything(&mut scan, options)?,
        }
        scan.report()
    }
}

/// Checks open metadata: their pages, then what is in them.
pub(crate) fn run(meta: &Meta, options: &CheckOptions) -> Result<CheckReport, StoreError> {
    let structure = structure::examine_open(meta)?;
    if !structure.is_whole() {
        return Ok(of_structure(&structure, options));
    }
    check_tables(meta, options)
}

fn check_tables(meta: &Meta, options: &CheckOptions) -> Result<CheckReport, StoreError> {
    let mut scan = Scan::new(meta, options)?;
    match &options.account {
        Some(name) => match scan.find_account(name)? {
            Some(account) => account_alone(&mut scan, account, options)?,
            None => return Err(StoreError::NoSuchAccount),
        },
        None => everything(&mut scan, options)?,
    }
    scan.report()
}

fn everything(scan: &mut Scan<'_>, options: &CheckOptions) -> Result<(), StoreError> {
    queue::state(scan)?;
    let mut references = References::default();
    blobs::expect(scan, &mut references)?;
    for account in scan.overview.accounts.clone() {
        accounts::check(scan, account)?;
    }
    accounts::strays(scan)?;
    for mailbox in scan.overview.mailboxes.clone() {
        mailbox::check(scan, mailbox)?;
    }
    mailbox::strays(scan)?;
    emails::check(scan, None, &mut |blob| references.count(blob))?;
    emails::strays(scan, None)?;
    let damaged = blobs::check(scan, &mut references, options.bytes)?;
    blobs::segments(scan)?;
    saved::check(scan, options.bytes)?;
    bytes::name_owners(scan, &damaged, None)?;
    queue::purge(scan, None)?;
    queue::outcomes(scan)?;
    queue::access(scan)
}

fn account_alone(
    scan: &mut Scan<'_>,
    account: AccountId,
    options: &CheckOptions,
) -> Result<(), StoreError> {
    accounts::check(scan, account)?;
    let mailboxes = scan.overview.mailboxes.clone();
    for mailbox in mailboxes.into_iter().filter(|mailbox| mailbox.account == account) {
        mailbox::check(scan, mailbox)?;
    }
    let mut own = std::collections::BTreeSet::new();
    emails::check(scan, Some(account), &mut |blob| {
        own.insert(blob);
    })?;
    emails::strays(scan, Some(account))?;
    let damaged = blobs::check_some(scan, &own, options.bytes)?;
    bytes::name_owners(scan, &damaged, Some(account))?;
    queue::purge(scan, Some(account))
}

/// The accounts by name, as far as the records can be read.
fn named(scan: &Scan<'_>, account: AccountId) -> Result<Option<AccountName>, StoreError> {
    scan.at(|at| {
        if let Some(record) = at.account(account)? {
            return Ok(Some(record.name));
        }
        for entry in env::all(&at.tables.account_names, at.txn)? {
            let (key, value) = entry?;
            if rows::decode_number(value) == Some(u64::from(account.0)) {
                let name = std::str::from_utf8(key).ok();
                return Ok(name.and_then(|name| AccountName::new(name).ok()));
            }
        }
        Ok(None)
    })
}

/// The number at the front of a key.
fn front(key: &[u8]) -> Option<u32> {
    Take(key).u32()
}

#[cfg(test)]
pub(crate) mod tests;
