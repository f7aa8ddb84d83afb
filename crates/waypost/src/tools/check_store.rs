//! `waypost check`: whether the store is whole.

use super::imsconnutil::account;
use super::json::Object;
use crate::cli::CheckArguments;
use crate::failure::Failure;
use crate::output::tell;
use crate::{ownership, settings};
use std::collections::BTreeMap;
use std::path::Path;
use waypost_options::Config;
use waypost_store::StoreError;
use waypost_store_local::check::{CheckOptions, CheckReport, Finding, Remedy, Seen, check};
use waypost_supervisor::ToolRights;

/// From so many lost messages on it is told how many each mailbox has lost.
const COUNTED_FROM: usize = 20;

/// Checks the store, also while the server writes it. Findings are an answer, not a failure of the
/// tool: a script tells them from a store that could not be read by the exit status.
pub(crate) fn run(file: &Path, arguments: &CheckArguments) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::None)?;
    let account = arguments.user.as_deref().map(|user| account(&config, user)).transpose()?;
    let options = CheckOptions { bytes: !arguments.quick, account, ..CheckOptions::default() };
    let report = checked(&config, &options)?;
    show(&report, arguments.json);
    if report.is_clean() { Ok(()) } else { Err(Failure::new(summary(&report))) }
}

/// Checks the store of a configuration.
pub(super) fn checked(config: &Config, options: &CheckOptions) -> Result<CheckReport, Failure> {
    check(&settings::store_path(config), options).map_err(|error| match error {
        StoreError::NoSuchAccount => Failure::usage("the store holds nothing of that user"),
        other => Failure::unable(format!("the store cannot be checked: {other}")),
    })
}

/// Tells what was found.
pub(super) fn show(report: &CheckReport, json: bool) {
    if json {
        report.findings.iter().for_each(|finding| tell(as_json(finding)));
        tell(seen_as_json(report));
        return;
    }
    for finding in &report.findings {
        tell(format_args!("{finding}; {}", finding.remedy().text()));
    }
    for (whose, count) in lost(report) {
        tell(format_args!("only a backup has {count} of these, {whose}"));
    }
    let hidden = report.found - report.findings.len() as u64;
    if hidden > 0 {
        tell(format_args!("{hidden} more findings are not shown"));
    }
    let Seen { accounts, mailboxes, messages, emails, blobs, bytes } = report.seen;
    tell(format_args!(
        "{accounts} accounts, {mailboxes} mailboxes, {messages} messages, {emails} emails, {blobs} stored \
         messages, {bytes} bytes read: {}",
        if report.is_clean() { "no fault found".to_owned() } else { summary(report) }
    ));
}

/// How much is lost, by mailbox, when it is too much to be counted at a glance.
fn lost(report: &CheckReport) -> BTreeMap<String, usize> {
    let mut lost = BTreeMap::new();
    let is_lost = |finding: &&Finding| finding.remedy() == Remedy::Restore;
    for finding in report.findings.iter().filter(is_lost) {
        let whose = match (&finding.user, &finding.mailbox) {
            (Some(user), Some(mailbox)) => format!("user {user} mailbox {mailbox}"),
            (Some(user), None) => format!("user {user}"),
            (None, _) => "of nobody who is known".to_owned(),
        };
        *lost.entry(whose).or_default() += 1;
    }
    if lost.values().sum::<usize>() < COUNTED_FROM { BTreeMap::new() } else { lost }
}

/// How much was found.
pub(super) fn summary(report: &CheckReport) -> String {
    match report.found {
        1 => "1 fault found".to_owned(),
        found => format!("{found} faults found"),
    }
}

fn as_json(finding: &Finding) -> String {
    let place = finding.place;
    let mut line = Object::new();
    line.text("part", finding.part.name())
        .text("problem", finding.problem.name())
        .text("remedy", finding.remedy().name())
        .number("account", place.account.map(|id| u64::from(id.0)))
        .number("mailboxid", place.mailbox.map(|id| u64::from(id.0)))
        .number("uid", place.uid.map(|uid| u64::from(uid.0)))
        .number("email", place.email.map(|id| u64::from(id.0)))
        .number("blob", place.blob.map(|id| id.0))
        .number("segment", place.segment);
    if let Some(user) = &finding.user {
        line.text("user", user.as_str());
    }
    if let Some(mailbox) = &finding.mailbox {
        line.text("mailbox", mailbox.as_str());
    }
    line.text("detail", &finding.detail);
    line.end()
}

fn seen_as_json(report: &CheckReport) -> String {
    let Seen { accounts, mailboxes, messages, emails, blobs, bytes } = report.seen;
    let mut line = Object::new();
    line.number("found", Some(report.found))
        .number("accounts", Some(accounts))
        .number("mailboxes", Some(mailboxes))
        .number("messages", Some(messages))
        .number("emails", Some(emails))
        .number("blobs", Some(blobs))
        .number("bytes", Some(bytes));
    line.end()
}
