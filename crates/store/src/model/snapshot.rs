//! Reading the model.

use super::state::{Email, MailboxState, Owner, State};
use crate::{
    Account, Body, Changes, EmailRow, Emails, KeywordId, LastAccess, Mailbox, MessageRow,
    PAGE_UIDS, SingleEmails, Snapshot, StatePage, StoreError, limits,
};
use bytes::Bytes;
use std::ops::{Bound, Range};
use std::sync::Arc;
use waypost_mime::Form;
use waypost_types::{
    AccountId, AccountName, EmailId, Keyword, MailboxId, MailboxName, ModSeq, SystemFlag, ThreadId,
    Uid, UidSet,
};

pub(super) struct ModelSnapshot(pub(super) Arc<State>);

impl ModelSnapshot {
    fn owner(&self, account: AccountId) -> Result<&Owner, StoreError> {
        self.0.accounts.get(&account).map(Arc::as_ref).ok_or(StoreError::NoSuchAccount)
    }

    fn state(&self, mailbox: MailboxId) -> Option<&MailboxState> {
        self.0.accounts.values().find_map(|owner| owner.boxes.get(&mailbox))
    }

    fn stored(&self, account: AccountId, email: EmailId) -> Result<&Email, StoreError> {
        let missing = || StoreError::Corrupt(format!("email {email} of account {account} missing"));
        self.owner(account)?.emails.get(&email).ok_or_else(missing)
    }
}

impl Snapshot for ModelSnapshot {
    fn account(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        Ok(self
            .0
            .accounts
            .values()
            .find(|o| o.account.name == *name)
            .map(|o| o.record_of_account()))
    }

    fn account_by_id(&self, account: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.0.accounts.get(&account).map(|owner| owner.record_of_account()))
    }

    fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        Ok(self.0.accounts.values().map(|owner| owner.record_of_account()).collect())
    }

    fn mailboxes(&self, account: AccountId) -> Result<Vec<Mailbox>, StoreError> {
        let mut list: Vec<Mailbox> =
            self.owner(account)?.boxes.values().map(|mailbox| mailbox.record(account)).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(list)
    }

    fn mailbox_named(
        &self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<Option<Mailbox>, StoreError> {
        let owner = self.owner(account)?;
        Ok(owner.id_of(name).and_then(|id| owner.boxes.get(&id)).map(|m| m.record(account)))
    }

    fn mailbox(
        &self,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Option<Mailbox>, StoreError> {
        Ok(self.owner(account)?.boxes.get(&mailbox).map(|m| m.record(account)))
    }

    fn subscriptions(&self, account: AccountId) -> Result<Vec<MailboxName>, StoreError> {
        Ok(self.owner(account)?.subscriptions.iter().cloned().collect())
    }

    fn keywords(&self, mailbox: MailboxId) -> Result<Arc<[(KeywordId, Keyword)]>, StoreError> {
        let table = self.state(mailbox).map(|state| &state.keywords);
        Ok(table.into_iter().flatten().map(|(id, keyword)| (*id, keyword.clone())).collect())
    }

    fn live(&self, mailbox: &Mailbox) -> Result<Arc<UidSet>, StoreError> {
        let state = self.state(mailbox.id).ok_or(StoreError::NoSuchMailbox)?;
        Ok(Arc::new(state.messages.keys().copied().collect()))
    }

    fn first_unseen(&self, mailbox: &Mailbox) -> Result<Option<Uid>, StoreError> {
        let state = self.state(mailbox.id).ok_or(StoreError::NoSuchMailbox)?;
        let unseen =
            state.messages.iter().find(|(_, m)| !m.flags.system.contains(SystemFlag::Seen));
        Ok(unseen.map(|(uid, _)| *uid))
    }

    fn page(&self, mailbox: MailboxId, number: u32) -> Result<Option<StatePage>, StoreError> {
        Ok(self.state(mailbox).and_then(|state| state.page(number)))
    }

    fn page_from(&self, mailbox: MailboxId, number: u32) -> Result<Option<StatePage>, StoreError> {
        let Some(state) = self.state(mailbox) else { return Ok(None) };
        let first = Uid(number.saturating_mul(PAGE_UIDS));
        let next = state.messages.range(first..).next();
        Ok(next.and_then(|(uid, _)| state.page(StatePage::number_of(*uid))))
    }

    fn message(&self, mailbox: MailboxId, uid: Uid) -> Result<Option<MessageRow>, StoreError> {
        let Some(state) = self.state(mailbox) else { return Ok(None) };
        let live = state.messages.get(&uid).map(|message| message.row);
        Ok(live.or_else(|| state.expunged.get(&uid).copied()))
    }

    fn rows(
        &self,
        mailbox: MailboxId,
        from: Uid,
        to: Uid,
        take: &mut dyn FnMut(Uid, MessageRow),
    ) -> Result<(), StoreError> {
        let Some(state) = self.state(mailbox) else { return Ok(()) };
        let mut rows = state.expunged.clone();
        rows.extend(state.messages.iter().map(|(uid, message)| (*uid, message.row)));
        let asked_for = rows.into_iter().filter(|(uid, _)| (from..=to).contains(uid));
        asked_for.for_each(|(uid, row)| take(uid, row));
        Ok(())
    }

    fn email(&self, account: AccountId, email: EmailId) -> Result<Option<EmailRow>, StoreError> {
        Ok(self.owner(account)?.emails.get(&email).map(|email| email.row))
    }

    fn form(&self, account: AccountId, email: EmailId) -> Result<Form, StoreError> {
        Ok(self.stored(account, email)?.parsed.form.clone())
    }

    fn emails(&self, account: AccountId) -> Box<dyn Emails<'_> + '_> {
        Box::new(SingleEmails::new(self, account))
    }

    fn body(&self, account: AccountId, email: EmailId) -> Result<Arc<dyn Body>, StoreError> {
        Ok(Arc::new(ModelBody(self.stored(account, email)?.bytes.clone())))
    }

    fn copies(
        &self,
        account: AccountId,
        email: EmailId,
    ) -> Result<Vec<(MailboxId, Uid)>, StoreError> {
        let in_box = |state: &MailboxState| {
            let is = |(uid, m): (&Uid, &super::state::Message)| {
                (m.row.email == email).then_some((state.id, *uid))
            };
            state.messages.iter().filter_map(is).collect::<Vec<_>>()
        };
        Ok(self.owner(account)?.boxes.values().flat_map(in_box).collect())
    }

    fn thread(&self, account: AccountId, thread: ThreadId) -> Result<Vec<EmailId>, StoreError> {
        let emails = &self.owner(account)?.emails;
        Ok(emails.iter().filter(|(_, e)| e.row.thread == thread).map(|(id, _)| *id).collect())
    }

    fn changes(&self, account: AccountId, since: ModSeq) -> Result<Changes, StoreError> {
        let owner = self.owner(account)?;
        let from = owner.log.partition_point(|change| change.modseq <= since);
        let reaches =
            from > 0 || owner.log.first().is_none_or(|first| first.modseq <= since.next());
        Ok(if reaches { Changes::Complete(owner.log[from..].to_vec()) } else { Changes::TooOld })
    }

    fn last_access(&self, account: &AccountName) -> Result<Option<LastAccess>, StoreError> {
        Ok(self.0.access.get(account).copied())
    }

    fn last_accesses(
        &self,
        after: Option<&AccountName>,
    ) -> Result<Vec<(AccountName, LastAccess)>, StoreError> {
        let from = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let rows = self.0.access.range::<AccountName, _>(from);
        Ok(rows.take(limits::ACCESS_PAGE).map(|(name, times)| (name.clone(), *times)).collect())
    }
}

struct ModelBody(Bytes);

impl Body for ModelBody {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn append_to(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let cut = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(self.0.len());
        let (start, end) = (cut(range.start), cut(range.end));
        out.extend_from_slice(self.0.get(start..end).unwrap_or_default());
        Ok(())
    }
}
