//! Applying mutations to the model: check first, then change.

use super::state::{Email, MailboxState, Message, Owner, State};
use crate::{
    Append, ChangeKind, Content, Copied, Deliver, Delivered, EmailRow, FlagAction, LimitName,
    MessageRow, Mutation, Outcome, Payload, Recipient, StoreError, limits,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use waypost_types::{
    AccountId, AccountName, BlobId, EmailId, FlagSet, MailboxId, MailboxName, ModSeq, QuotaLimits,
    SpecialUse, SystemFlag, Uid, UidSet, UidValidity, UnixTime, Usage,
};

pub(super) fn apply(
    state: &mut State,
    mutation: Mutation,
    now: UnixTime,
) -> Result<Outcome, StoreError> {
    match mutation {
        Mutation::EnsureAccount(name) => Ok(Outcome::Account(ensure_account(state, &name))),
        Mutation::Deliver(deliver) => delivery(state, &deliver, now),
        Mutation::Append(append) => self::append(state, &append, now),
        Mutation::SetFlags { account, mailbox, uids, action, flags, unchanged_since } => {
            set_flags(state.owner(account)?, mailbox, &uids, (action, &flags), unchanged_since)
        }
        Mutation::Expunge { account, mailbox, uids, only_deleted } => {
            expunge(state.owner(account)?, mailbox, uids.as_ref(), only_deleted)
        }
        Mutation::Copy { account, from, uids, to, limits } => {
            copy(state.owner(account)?, from, &uids, to, now, Transfer::Copy(limits))
        }
        Mutation::Move { account, from, uids, to } => {
            copy(state.owner(account)?, from, &uids, to, now, Transfer::Move)
        }
        Mutation::CreateMailbox { account, name, special_use } => {
            create(state, account, &name, special_use).map(Outcome::Mailbox)
        }
        Mutation::RenameMailbox { account, mailbox, to } => {
            rename(state, account, mailbox, &to, now)
        }
        Mutation::DeleteMailbox { account, mailbox } => delete(state.owner(account)?, mailbox),
        Mutation::Subscribe { account, name, on } => subscribe(state.owner(account)?, name, on),
        Mutation::TakeRecent { account, mailbox, before } => {
            let mailbox = state.owner(account)?.mailbox(mailbox)?;
            mailbox.recent_from = mailbox.recent_from.max(before.min(mailbox.uid_next));
            Ok(Outcome::Done)
        }
        Mutation::Undelete { account, mailbox, uids } => {
            undelete(state.owner(account)?, mailbox, &uids, now)
        }
        Mutation::UndeleteMailbox { account, mailbox, name, .. } => {
            undelete_mailbox(state, account, mailbox, &name)
        }
    }
}

fn ensure_account(state: &mut State, name: &AccountName) -> AccountId {
    if let Some(id) = state.named(name) {
        return id;
    }
    let last = state.accounts.keys().next_back().map_or(0, |id| id.0);
    let id = AccountId(last + 1);
    let mut owner = Owner::new(id, name.clone());
    owner.advance();
    let uses = SpecialUse::ALL.into_iter().map(|special| (special.default_name(), Some(special)));
    for (name, special) in std::iter::once((MailboxName::inbox(), None)).chain(uses) {
        add_mailbox(
            &mut owner,
            (&mut state.next_mailbox, &mut state.next_validity),
            &name,
            special,
        );
        owner.subscriptions.insert(name);
    }
    state.accounts.insert(id, Arc::new(owner));
    id
}

fn add_mailbox(
    owner: &mut Owner,
    (next_mailbox, next_validity): (&mut u32, &mut u32),
    name: &MailboxName,
    special_use: Option<SpecialUse>,
) -> MailboxId {
    *next_mailbox += 1;
    *next_validity += 1;
    let id = MailboxId(*next_mailbox);
    let mailbox = MailboxState {
        id,
        name: name.clone(),
        uid_validity: UidValidity(*next_validity),
        uid_next: Uid(1),
        modseq: ModSeq(1),
        recent_from: Uid(1),
        special_use,
        messages: BTreeMap::new(),
        expunged: BTreeMap::new(),
        keywords: BTreeMap::new(),
    };
    owner.boxes.insert(id, mailbox);
    owner.record(id, ChangeKind::Created);
    id
}

fn delivery(state: &mut State, deliver: &Deliver, now: UnixTime) -> Result<Outcome, StoreError> {
    if deliver.recipients.len() > limits::RECIPIENTS {
        return Err(StoreError::Limit(LimitName::Recipients));
    }
    state.next_blob += 1;
    let blob = BlobId(state.next_blob);
    let mut made: BTreeMap<AccountId, EmailId> = BTreeMap::new();
    let mut file = |recipient: &Recipient| {
        let account = ensure_account(state, &recipient.account);
        let owner = state.owner(account)?;
        let wanted = recipient.folder.as_ref().and_then(|folder| owner.id_of(folder));
        let inbox = || owner.id_of(&MailboxName::inbox()).ok_or(StoreError::NoSuchMailbox);
        let mailbox = wanted.map_or_else(inbox, Ok)?;
        let added = Usage::of_message(deliver.payload.size());
        owner.check_quota(&recipient.limits, added)?;
        let email = match made.get(&account) {
            Some(email) => *email,
            None => store_email(owner, &deliver.payload, blob, deliver.internal_date)?,
        };
        made.insert(account, email);
        let uid = add(owner, mailbox, email, &recipient.flags, deliver.internal_date, now)?;
        let name = owner.mailbox(mailbox)?.name.clone();
        Ok(Delivered { account, mailbox, name, uid, email })
    };
    Ok(Outcome::Delivered(deliver.recipients.iter().map(&mut file).collect()))
}

fn append(state: &mut State, append: &Append, now: UnixTime) -> Result<Outcome, StoreError> {
    state.next_blob += 1;
    let blob = BlobId(state.next_blob);
    let owner = state.owner(append.account)?;
    owner.mailbox(append.mailbox)?;
    owner.check_quota(&append.limits, Usage::of_message(append.payload.size()))?;
    owner.mailbox(append.mailbox)?.know(&append.flags)?;
    let email = store_email(owner, &append.payload, blob, now)?;
    let uid = add(owner, append.mailbox, email, &append.flags, append.internal_date, now)?;
    let modseq = owner.account.modseq;
    let uid_validity = owner.mailbox(append.mailbox)?.uid_validity;
    Ok(Outcome::Appended { uid_validity, uid, modseq })
}

fn store_email(
    owner: &mut Owner,
    payload: &Payload,
    blob: BlobId,
    received: UnixTime,
) -> Result<EmailId, StoreError> {
    let Content::Inline(bytes) = &payload.content else {
        return Err(StoreError::Unavailable("the model takes no uploads".to_owned()));
    };
    let id = EmailId(owner.emails.keys().next_back().map_or(0, |id| id.0) + 1);
    let row = EmailRow {
        blob,
        thread: owner.thread_for(&payload.parsed, id),
        size: bytes.len() as u64,
        received: received.seconds,
        sent: payload.parsed.sent_date.map(|date| date.seconds),
    };
    let parsed = Arc::new((*payload.parsed).clone());
    owner.emails.insert(id, Email { row, bytes: bytes.clone(), parsed });
    Ok(id)
}

fn add(
    owner: &mut Owner,
    mailbox: MailboxId,
    email: EmailId,
    flags: &FlagSet,
    internal_date: UnixTime,
    now: UnixTime,
) -> Result<Uid, StoreError> {
    let known = owner.emails.get(&email);
    let size = known.map_or(0, |email| email.row.size);
    let sent = Some(known.and_then(|email| email.parsed.sent_date).unwrap_or(internal_date));
    owner.mailbox(mailbox)?.know(flags)?;
    let modseq = owner.advance();
    let row = MessageRow { email, internal_date, saved: now.seconds, size, sent };
    let uid = owner.mailbox(mailbox)?.push(Message { row, flags: flags.clone(), modseq });
    owner.record(mailbox, ChangeKind::Arrived(UidSet::from_iter([uid])));
    Ok(uid)
}

impl MailboxState {
    fn push(&mut self, message: Message) -> Uid {
        let uid = self.uid_next;
        self.messages.insert(uid, message);
        self.uid_next = Uid(uid.0 + 1);
        uid
    }
}

fn set_flags(
    owner: &mut Owner,
    mailbox: MailboxId,
    uids: &UidSet,
    (action, flags): (FlagAction, &FlagSet),
    unchanged_since: Option<ModSeq>,
) -> Result<Outcome, StoreError> {
    let next = owner.account.modseq.next();
    let state = owner.mailbox(mailbox)?;
    if action != FlagAction::Remove {
        state.know(flags)?;
    }
    let (mut changed, mut modified) = (UidSet::new(), UidSet::new());
    for uid in state.live(uids).iter() {
        let Some(message) = state.messages.get_mut(&uid) else { continue };
        if unchanged_since.is_some_and(|limit| message.modseq > limit) {
            modified.push(uid);
            continue;
        }
        let after = combined(&message.flags, action, flags);
        if after != message.flags {
            message.flags = after;
            message.modseq = next;
            changed.push(uid);
        }
    }
    if !changed.is_empty() {
        owner.advance();
        owner.record(mailbox, ChangeKind::Flags(changed.clone()));
    }
    Ok(Outcome::Flags { changed, modified, modseq: owner.account.modseq })
}

fn combined(old: &FlagSet, action: FlagAction, flags: &FlagSet) -> FlagSet {
    let mut new = match action {
        FlagAction::Replace => FlagSet::default(),
        FlagAction::Add | FlagAction::Remove => old.clone(),
    };
    if action == FlagAction::Remove {
        new.system.0 &= !flags.system.0;
        new.keywords.retain(|keyword| !flags.keywords.contains(keyword));
    } else {
        new.system.0 |= flags.system.0;
        flags.keywords.iter().for_each(|keyword| new.insert_keyword(keyword.clone()));
    }
    new
}

fn expunge(
    owner: &mut Owner,
    mailbox: MailboxId,
    uids: Option<&UidSet>,
    only_deleted: bool,
) -> Result<Outcome, StoreError> {
    let state = owner.mailbox(mailbox)?;
    let leaves = |(uid, message): &(&Uid, &Message)| {
        uids.is_none_or(|uids| uids.contains(**uid))
            && (!only_deleted || message.flags.system.contains(SystemFlag::Deleted))
    };
    let gone: UidSet = state.messages.iter().filter(leaves).map(|(uid, _)| *uid).collect();
    if !gone.is_empty() {
        state.take(&gone);
        owner.advance();
        owner.record(mailbox, ChangeKind::Expunged(gone.clone()));
    }
    Ok(Outcome::Expunged { uids: gone, modseq: owner.account.modseq })
}

impl MailboxState {
    /// Removes messages; their rows stay readable.
    fn take(&mut self, uids: &UidSet) -> Vec<Message> {
        let mut taken = Vec::new();
        for uid in uids.iter() {
            if let Some(message) = self.messages.remove(&uid) {
                self.expunged.insert(uid, message.row);
                taken.push(message);
            }
        }
        taken
    }
}

/// Whether messages stay where they were; only more of them can be too many.
enum Transfer {
    Copy(QuotaLimits),
    Move,
}

fn copy(
    owner: &mut Owner,
    from: MailboxId,
    uids: &UidSet,
    to: MailboxId,
    now: UnixTime,
    transfer: Transfer,
) -> Result<Outcome, StoreError> {
    let state = owner.mailbox(from)?;
    let source = state.live(uids);
    if source.len() > limits::COPY_MESSAGES {
        return Err(StoreError::Limit(LimitName::CopyMessages));
    }
    let find = |uid: Uid| state.messages.get(&uid).cloned();
    let messages: Vec<Message> = source.iter().filter_map(find).collect();
    let uid_validity = owner.mailbox(to)?.uid_validity;
    if source.is_empty() {
        let modseq = owner.account.modseq;
        return Ok(Outcome::Copied(Copied { uid_validity, source, target: UidSet::new(), modseq }));
    }
    if let Transfer::Copy(limits) = transfer {
        let size = |message: &Message| Usage::of_message(message.row.size);
        owner.check_quota(&limits, messages.iter().map(size).sum())?;
    }
    let modseq = owner.advance();
    if matches!(transfer, Transfer::Move) {
        owner.mailbox(from)?.take(&source);
        owner.record(from, ChangeKind::Expunged(source.clone()));
    }
    let mut target = UidSet::new();
    for mut message in messages {
        let state = owner.mailbox(to)?;
        state.know(&message.flags)?;
        message.modseq = modseq;
        message.row.saved = now.seconds;
        target.push(state.push(message));
    }
    owner.record(to, ChangeKind::Arrived(target.clone()));
    Ok(Outcome::Copied(Copied { uid_validity, source, target, modseq }))
}

fn create(
    state: &mut State,
    account: AccountId,
    name: &MailboxName,
    special_use: Option<SpecialUse>,
) -> Result<MailboxId, StoreError> {
    let (mut next_mailbox, mut next_validity) = (state.next_mailbox, state.next_validity);
    let owner = state.owner(account)?;
    if owner.id_of(name).is_some() {
        return Err(StoreError::MailboxExists);
    }
    let missing = missing_parents(owner, name);
    if owner.boxes.len() + missing.len() >= limits::MAILBOXES {
        return Err(StoreError::Limit(LimitName::Mailboxes));
    }
    owner.advance();
    for parent in missing.iter().rev() {
        add_mailbox(owner, (&mut next_mailbox, &mut next_validity), parent, None);
    }
    let id = add_mailbox(owner, (&mut next_mailbox, &mut next_validity), name, special_use);
    let modseq = owner.account.modseq;
    owner.boxes.values_mut().filter(|b| b.modseq.0 == 0).for_each(|b| b.modseq = modseq);
    (state.next_mailbox, state.next_validity) = (next_mailbox, next_validity);
    Ok(id)
}

/// Parents that do not exist, nearest first.
fn missing_parents(owner: &Owner, name: &MailboxName) -> Vec<MailboxName> {
    std::iter::successors(name.parent(), MailboxName::parent)
        .filter(|parent| owner.id_of(parent).is_none())
        .collect()
}

fn rename(
    state: &mut State,
    account: AccountId,
    mailbox: MailboxId,
    to: &MailboxName,
    now: UnixTime,
) -> Result<Outcome, StoreError> {
    let owner = state.owner(account)?;
    let from = owner.mailbox(mailbox)?.name.clone();
    if owner.id_of(to).is_some() {
        return Err(StoreError::MailboxExists);
    }
    if from.is_inbox() {
        let target = create(state, account, to, None)?;
        copy(
            state.owner(account)?,
            mailbox,
            &UidSet::range(1..=u32::MAX),
            target,
            now,
            Transfer::Move,
        )?;
        return Ok(Outcome::Mailbox(target));
    }
    if to.is_below(&from) {
        return Err(StoreError::NotPermitted("a mailbox cannot move below itself".to_owned()));
    }
    let moves = renames(owner, &from, to)?;
    if let Some(parent) = to.parent().filter(|parent| owner.id_of(parent).is_none()) {
        create(state, account, &parent, None)?;
    }
    let owner = state.owner(account)?;
    owner.advance();
    for (id, name) in moves {
        owner.mailbox(id)?.name = name;
        owner.record(id, ChangeKind::Renamed);
    }
    Ok(Outcome::Mailbox(mailbox))
}

/// The new name of the mailbox and of each child, checked.
fn renames(
    owner: &Owner,
    from: &MailboxName,
    to: &MailboxName,
) -> Result<Vec<(MailboxId, MailboxName)>, StoreError> {
    let mut moves = Vec::new();
    for mailbox in owner.boxes.values() {
        if let Some(name) = mailbox.name.moved(from, to) {
            let name = name.map_err(|_| StoreError::BadName)?;
            let taken = owner.id_of(&name).is_some();
            if taken {
                return Err(StoreError::MailboxExists);
            }
            moves.push((mailbox.id, name));
        }
    }
    Ok(moves)
}

fn delete(owner: &mut Owner, mailbox: MailboxId) -> Result<Outcome, StoreError> {
    if owner.mailbox(mailbox)?.name.is_inbox() {
        return Err(StoreError::NotPermitted("INBOX cannot be deleted".to_owned()));
    }
    owner.dead.extend(owner.boxes.remove(&mailbox).map(|state| (mailbox, state)));
    owner.advance();
    owner.record(mailbox, ChangeKind::Deleted);
    Ok(Outcome::Done)
}

fn undelete(
    owner: &mut Owner,
    mailbox: MailboxId,
    uids: &UidSet,
    now: UnixTime,
) -> Result<Outcome, StoreError> {
    let state = owner.mailbox(mailbox)?;
    let mut there: BTreeSet<EmailId> = state.messages.values().map(|m| m.row.email).collect();
    let gone = state.expunged.iter().filter(|(uid, _)| uids.contains(**uid));
    let gone = gone.filter(|(_, row)| there.insert(row.email));
    let rows: Vec<(Uid, MessageRow)> = gone.map(|(uid, row)| (*uid, *row)).collect();
    if rows.len() > limits::COPY_MESSAGES as usize {
        return Err(StoreError::Limit(LimitName::CopyMessages));
    }
    let uid_validity = state.uid_validity;
    let (mut source, mut target) = (UidSet::new(), UidSet::new());
    if !rows.is_empty() {
        let modseq = owner.advance();
        for (uid, row) in rows {
            let row = MessageRow { saved: now.seconds, ..row };
            let message = Message { row, flags: FlagSet::default(), modseq };
            source.push(uid);
            target.push(owner.mailbox(mailbox)?.push(message));
        }
        owner.record(mailbox, ChangeKind::Arrived(target.clone()));
    }
    let modseq = owner.account.modseq;
    Ok(Outcome::Copied(Copied { uid_validity, source, target, modseq }))
}

fn undelete_mailbox(
    state: &mut State,
    account: AccountId,
    mailbox: MailboxId,
    name: &MailboxName,
) -> Result<Outcome, StoreError> {
    let owner = state.owner(account)?;
    if !owner.dead.contains_key(&mailbox) {
        return Err(StoreError::NoSuchMailbox);
    }
    if owner.id_of(name).is_some() {
        return Err(StoreError::MailboxExists);
    }
    if let Some(parent) = name.parent()
        && owner.id_of(&parent).is_none()
    {
        create(state, account, &parent, None)?;
    }
    let owner = state.owner(account)?;
    let modseq = owner.advance();
    if let Some(mut back) = owner.dead.remove(&mailbox) {
        (back.name, back.modseq) = (name.clone(), modseq);
        owner.boxes.insert(mailbox, back);
    }
    owner.record(mailbox, ChangeKind::Created);
    Ok(Outcome::Mailbox(mailbox))
}

fn subscribe(owner: &mut Owner, name: MailboxName, on: bool) -> Result<Outcome, StoreError> {
    if on && owner.subscriptions.len() >= limits::SUBSCRIPTIONS {
        return Err(StoreError::Limit(LimitName::Subscriptions));
    }
    let changed =
        if on { owner.subscriptions.insert(name) } else { owner.subscriptions.remove(&name) };
    if changed {
        owner.advance();
    }
    Ok(Outcome::Done)
}
