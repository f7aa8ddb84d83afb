//! Opens what a cut left and says what is wrong with it.

use crate::content::{self, Content, difference};
use crate::place::engine_config;
use std::path::Path;
use waypost_powercut::dice::Dice;
use waypost_store::model::payload;
use waypost_store::{Content as Bytes, Deliver, Mutation, Outcome, Payload, Recipient};
use waypost_store_local::check::CheckOptions;
use waypost_store_local::engine::{Engine, Job, MutationId};
use waypost_types::{AccountName, FlagSet, MailboxName, QuotaLimits, Uid, UnixTime};

/// What a state may show.
pub(crate) struct Allowed<'a> {
    /// After everything that was acknowledged.
    pub(crate) before: &'a Content,
    /// After what was under way, too.
    pub(crate) after: &'a Content,
    /// Whether what was under way is one mutation; otherwise one for each account.
    pub(crate) single: bool,
    /// Whether changes may have been made a second time, later than the first.
    pub(crate) repeated: bool,
    /// What a finished backup shows, when it is to be looked at.
    pub(crate) backup: Option<&'a Content>,
}

/// Opens the store and compares it, then goes on working with it.
pub(crate) fn judge(folder: &Path, allowed: &Allowed<'_>, dice: &mut Dice) -> Result<(), String> {
    let store = folder.join("store");
    let found = {
        let mut engine = open(&store)?;
        let found = content(&engine)?;
        if allowed.repeated {
            let timeless = content::without_times;
            let (before, after) = (&timeless(allowed.before), &timeless(allowed.after));
            compare(&timeless(&found), &Allowed { before, after, ..*allowed })?;
        } else {
            compare(&found, allowed)?;
        }
        check(&engine)?;
        work_on(&mut engine, &found, dice)?;
        check(&engine)?;
        content(&engine)?
    };
    if dice.once_in(4) {
        let again = content(&open(&store)?)?;
        if again != found {
            return Err(format!("opened a second time: {}", difference(&again, &found)));
        }
    }
    if let Some(wanted) = allowed.backup {
        let copy = open(&folder.join("backup")).and_then(|engine| content(&engine));
        let found = copy.map_err(|why| format!("backup: {why}"))?;
        if found != *wanted {
            return Err(format!("the backup differs: {}", difference(&found, wanted)));
        }
    }
    Ok(())
}

fn open(store: &Path) -> Result<Engine, String> {
    Engine::open(engine_config(store)).map_err(|error| format!("it does not open: {error}"))
}

fn content(engine: &Engine) -> Result<Content, String> {
    let reader = engine.reader();
    let snapshot = reader.snapshot().map_err(|error| error.to_string())?;
    content::of(&*snapshot)
}

/// What `waypost check` says, but for the bytes, which were read already.
fn check(engine: &Engine) -> Result<(), String> {
    let options = CheckOptions { bytes: false, ..CheckOptions::default() };
    let report = engine.reader().check(&options).map_err(|error| error.to_string())?;
    let first = report.findings.first().map_or(String::new(), ToString::to_string);
    if report.is_clean() { Ok(()) } else { Err(format!("{} findings: {first}", report.found)) }
}

fn compare(found: &Content, allowed: &Allowed<'_>) -> Result<(), String> {
    let Allowed { before, after, single, .. } = allowed;
    if found == *before || found == *after {
        return Ok(());
    }
    let same = |name: &String| {
        let one = found.get(name);
        one == before.get(name) || one == after.get(name)
    };
    let wrong = found.keys().chain(before.keys()).find(|name| !same(name));
    match wrong {
        None if !single => Ok(()),
        None => Err("one mutation is there in part".to_owned()),
        Some(_) => Err(format!("acknowledged is missing: {}", difference(found, before))),
    }
}

/// Delivers to every account: the next UIDs are given, the bytes come back, what was there stays.
fn work_on(engine: &mut Engine, found: &Content, dice: &mut Dice) -> Result<(), String> {
    let names: Vec<AccountName> =
        found.keys().map(|name| AccountName::new(name).unwrap()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let next = names.iter().map(|name| inbox_next(engine, name)).collect::<Result<Vec<_>, _>>()?;
    let text = format!("Subject: after the cut\r\n\r\n{}\r\n", dice.roll()).into_bytes();
    let payload = if dice.once_in(3) { streamed(engine, &text)? } else { payload(text.clone()) };
    let recipient = |name: &AccountName| Recipient {
        account: name.clone(),
        folder: None,
        flags: FlagSet::default(),
        limits: QuotaLimits::default(),
    };
    let recipients = names.iter().map(recipient).collect();
    let deliver = Deliver { payload, recipients, internal_date: UnixTime::utc(1) };
    let id = MutationId(u128::from(dice.roll()) << 64);
    let jobs = vec![Job { id, mutation: Mutation::Deliver(deliver) }];
    let done = engine.commit(jobs, UnixTime::utc(2_000_000_000)).pop();
    let outcome = done.map(|done| done.outcome);
    let Some(Ok(Outcome::Delivered(results))) = outcome else {
        return Err(format!("a delivery afterwards: {outcome:?}"));
    };
    for ((name, result), next) in names.iter().zip(results).zip(next) {
        let delivered = result.map_err(|error| error.to_string())?;
        if delivered.uid != next {
            return Err(format!("{name}: UID {} instead of {next}", delivered.uid));
        }
        let reader = engine.reader();
        let snapshot = reader.snapshot().map_err(|error| error.to_string())?;
        let mailbox = snapshot.mailbox(delivered.account, delivered.mailbox);
        let mailbox = mailbox.map_err(|error| error.to_string())?.ok_or("no mailbox")?;
        if content::body(&*snapshot, &mailbox, delivered.uid)? != text {
            return Err(format!("{name}: other bytes than were delivered"));
        }
    }
    Ok(())
}

fn inbox_next(engine: &Engine, name: &AccountName) -> Result<Uid, String> {
    let reader = engine.reader();
    let snapshot = reader.snapshot().map_err(|error| error.to_string())?;
    let account = snapshot.account(name).map_err(|error| error.to_string())?.ok_or("no account")?;
    let inbox = snapshot.mailbox_named(account.id, &MailboxName::inbox());
    Ok(inbox.map_err(|error| error.to_string())?.ok_or("no inbox")?.uid_next)
}

fn streamed(engine: &mut Engine, text: &[u8]) -> Result<Payload, String> {
    let mut writer = engine.begin_upload(UnixTime::utc(0)).map_err(|error| error.to_string())?;
    writer.write(text).map_err(|error| error.to_string())?;
    let upload = writer.finish().map_err(|error| error.to_string())?;
    let parsed = payload(text.to_vec()).parsed;
    Ok(Payload { content: Bytes::Uploaded { upload, size: text.len() as u64 }, parsed })
}
