//! An engine and the model side by side under random mutations.

use super::script::{ACCOUNTS, Dice, Step, account_name};
use super::{flags_of, snapshot};
use crate::model::ModelStore;
use crate::{Mailbox, Snapshot, Store};
use std::fmt::Write as _;
use waypost_types::Uid;

/// Runs `steps` random mutations on both stores; `check_every` steps the whole content is compared.
/// `between` runs after every step (a reopen, say) and may replace nothing that was acknowledged.
///
/// # Panics
/// When an answer or the content differs; the message holds the seed and the step.
pub fn compare<S: Store>(
    seed: u64,
    steps: u32,
    check_every: u32,
    mut engine: S,
    mut between: impl FnMut(S, u32) -> S,
) {
    let model = ModelStore::new();
    let mut dice = Dice::new(seed);
    for number in 0..steps {
        let step = Step::random(&mut dice, number);
        let expected = step.run(&model);
        let answer = step.run(&engine);
        assert_eq!(answer, expected, "seed {seed}, step {number}: {step:?}");
        engine = between(engine, number);
        if number % check_every == 0 || number + 1 == steps {
            assert_eq!(content(&engine), content(&model), "seed {seed}, after step {number}");
        }
    }
}

/// Everything a store holds, as text that is equal for equal content.
fn content(store: &dyn Store) -> String {
    let snap = snapshot(store);
    let mut text = String::new();
    for name in ACCOUNTS {
        let Some(account) = snap.account(&account_name(name)).expect("readable") else { continue };
        let subscriptions = snap.subscriptions(account.id).expect("readable");
        let usage = account.usage;
        let _ = writeln!(text, "account {name} holds {usage:?} subscribed {subscriptions:?}");
        let mailboxes = snap.mailboxes(account.id).expect("readable");
        assert_eq!(usage, mailboxes.iter().map(|mailbox| mailbox.counters.usage()).sum());
        for mailbox in mailboxes {
            describe_mailbox(&*snap, &mailbox, &mut text);
        }
    }
    text
}

fn describe_mailbox(snap: &dyn Snapshot, mailbox: &Mailbox, text: &mut String) {
    let Mailbox { name, uid_next, special_use, counters, .. } = mailbox;
    let live = snap.live(mailbox).expect("readable");
    let unseen = snap.first_unseen(mailbox).expect("readable");
    let _ = writeln!(text, " {name} {uid_next} {special_use:?} {counters:?} {unseen:?}");
    let mut rows = Vec::new();
    let last = live.last().unwrap_or(Uid(1));
    snap.rows(mailbox.id, Uid(1), last, &mut |uid, row| rows.push((uid, row))).expect("readable");
    rows.retain(|(uid, _)| live.contains(*uid));
    assert!(rows.iter().map(|(uid, _)| *uid).eq(live.iter()), "rows of {name}");
    let mut emails = snap.emails(mailbox.account);
    for (uid, ahead) in live.iter().zip(rows) {
        let flags = flags_of(snap, mailbox.id, uid);
        let row = snap.message(mailbox.id, uid).expect("readable").expect("a row");
        let form = snap.form(mailbox.account, row.email).expect("a form");
        assert_eq!(ahead.1, row, "row {uid} of {name}");
        let bytes = emails.form_bytes(row.email).expect("a form");
        assert_eq!(*bytes, form.encode(), "form {uid} of {name}");
        let email = snap.email(mailbox.account, row.email).expect("readable").expect("an email");
        assert_eq!(emails.row(row.email).expect("readable"), Some(email), "email {uid} of {name}");
        let copies = snap.copies(mailbox.account, row.email).expect("readable").len();
        let thread = snap.thread(mailbox.account, email.thread).expect("readable");
        let place = thread.iter().position(|e| *e == row.email);
        let _ = writeln!(
            text,
            "  {uid} {flags:?} {} {} {:?} copies {copies} place {place:?}",
            row.size, form.subject, row.internal_date
        );
    }
}
