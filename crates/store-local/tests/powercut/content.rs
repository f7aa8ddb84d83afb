//! Everything a store shows of its accounts, as text that is equal for equal content.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use waypost_store::{Counters, Mailbox, MessageRow, PAGE_UIDS, Snapshot, StatePage, StoreError};
use waypost_types::{SystemFlag, Uid, UidValidity};

/// The content of a store: a text for each account.
pub(crate) type Content = BTreeMap<String, String>;

/// Begins a line that depends on the clock.
const TIMES: &str = "at ";

/// Reads everything, every byte of every message, and counts what the counters count.
pub(crate) fn of(snapshot: &dyn Snapshot) -> Result<Content, String> {
    let mut content = Content::new();
    for account in snapshot.accounts().map_err(text)? {
        let mut shown = format!("{} modseq {}\n", account.id, account.modseq);
        let subscribed = snapshot.subscriptions(account.id).map_err(text)?;
        let _ = writeln!(shown, "subscribed {subscribed:?}");
        for mailbox in snapshot.mailboxes(account.id).map_err(text)? {
            let what = format!("mailbox {} of {}", mailbox.name, account.name);
            add(snapshot, &mailbox, &mut shown).map_err(|why| format!("{what}: {why}"))?;
        }
        content.insert(account.name.to_string(), shown);
    }
    Ok(content)
}

fn text(error: StoreError) -> String {
    error.to_string()
}

fn add(snapshot: &dyn Snapshot, mailbox: &Mailbox, shown: &mut String) -> Result<(), String> {
    let Mailbox { uid_validity, .. } = mailbox;
    let timeless = Mailbox { uid_validity: UidValidity(0), ..mailbox.clone() };
    let _ = writeln!(shown, "{timeless:?}\n{TIMES}{uid_validity}");
    let live = snapshot.live(mailbox).map_err(text)?;
    let keywords = snapshot.keywords(mailbox.id).map_err(text)?;
    let mut counted = Counters::default();
    for uid in live.iter() {
        let page = snapshot.page(mailbox.id, StatePage::number_of(uid)).map_err(text)?;
        let state = page.and_then(|page| page.state(uid.0 % PAGE_UIDS));
        let state = state.ok_or_else(|| format!("UID {uid} is on no page"))?;
        let row = snapshot.message(mailbox.id, uid).map_err(text)?;
        let row = row.ok_or_else(|| format!("UID {uid} has no row"))?;
        counted.messages += 1;
        counted.unseen += u32::from(!state.system.contains(SystemFlag::Seen));
        counted.deleted += u32::from(state.system.contains(SystemFlag::Deleted));
        counted.bytes += row.size;
        let known = |id| keywords.iter().find(|(known, _)| known == id).map(|(_, word)| word);
        let words: Vec<_> = state.keywords.iter().map(known).collect();
        let _ = write!(shown, "{uid} {:?} {words:?} {} ", state.system, state.modseq);
        let MessageRow { email, internal_date, saved, size, sent } = row;
        let bytes = body(snapshot, mailbox, uid).map_err(|why| format!("UID {uid}: {why}"))?;
        if bytes.len() as u64 != row.size {
            return Err(format!("UID {uid} has {} bytes, not {}", bytes.len(), row.size));
        }
        let form = snapshot.form(mailbox.account, row.email).map_err(text)?;
        let crc = crc32fast::hash(&bytes);
        let _ =
            writeln!(shown, "{email} {internal_date:?} {sent:?} {size} {crc:08x} {}", form.subject);
        let _ = writeln!(shown, "{TIMES}{saved}");
    }
    if counted == mailbox.counters {
        return Ok(());
    }
    Err(format!("counters {:?}, counted {counted:?}", mailbox.counters))
}

/// Without what depends on when a change was made: the second try of one that may have failed is
/// made later.
pub(crate) fn without_times(content: &Content) -> Content {
    let timeless = |shown: &String| {
        let lines = shown.lines().filter(|line| !line.starts_with(TIMES));
        lines.collect::<Vec<_>>().join("\n")
    };
    content.iter().map(|(name, shown)| (name.clone(), timeless(shown))).collect()
}

/// The bytes of a message.
pub(crate) fn body(
    snapshot: &dyn Snapshot,
    mailbox: &Mailbox,
    uid: Uid,
) -> Result<Vec<u8>, String> {
    let row = snapshot.message(mailbox.id, uid).map_err(text)?.ok_or("no row")?;
    let body = snapshot.body(mailbox.account, row.email).map_err(text)?;
    let mut bytes = Vec::new();
    body.append_to(0..body.size(), &mut bytes).map_err(text)?;
    Ok(bytes)
}

/// What a mark of the recording holds: a word, then the content.
pub(crate) fn to_mark(word: &str, content: &Content) -> Vec<u8> {
    let mut mark = format!("{word}\n");
    for (account, shown) in content {
        let _ = write!(mark, "\x1e{account}\x1f{shown}");
    }
    mark.into_bytes()
}

/// The way back.
pub(crate) fn from_mark(mark: &[u8]) -> (String, Content) {
    let mark = String::from_utf8(mark.to_vec()).unwrap();
    let (word, rest) = mark.split_once('\n').unwrap();
    let accounts = rest.split('\x1e').filter_map(|one| one.split_once('\x1f'));
    (word.to_owned(), accounts.map(|(a, b)| (a.to_owned(), b.to_owned())).collect())
}

/// The first line that differs.
pub(crate) fn difference(found: &Content, wanted: &Content) -> String {
    let accounts = || found.keys().chain(wanted.keys());
    let differs = accounts().find(|name| found.get(*name) != wanted.get(*name));
    let Some(name) = differs else { return "none".to_owned() };
    let lines = |content: &Content| -> Vec<String> {
        content
            .get(name)
            .map(|shown| shown.lines().map(str::to_owned).collect())
            .unwrap_or_default()
    };
    let (found, wanted) = (lines(found), lines(wanted));
    let at = (0..).find(|at| found.get(*at) != wanted.get(*at)).unwrap_or(0);
    format!("account {name}: found {:?}, wanted {:?}", found.get(at), wanted.get(at))
}
