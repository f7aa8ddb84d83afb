//! FETCH of items that pages, rows and forms hold, page by page: a message is written at once and nothing
//! is kept for it, since this is what a client asks of a whole mailbox.

use super::item::FORM_SHARE;
use super::{Fetch, Open, STEP_MESSAGES, last_of_page};
use crate::flow::Env;
use crate::rows::Rows;
use crate::state::Selected;
use waypost_imap_wire::{FetchItem, FetchWriter, Writer};
use waypost_mime::FormHead;
use waypost_store::{Bits512, Emails, KeywordId, MessageRow, PAGE_UIDS, StatePage, StoreError};
use waypost_types::{AccountId, Keyword, Uid};

/// More items than this are told one by one, with a look at the output between them.
const ITEMS_MAX: usize = 10;

/// Whether all items are such.
pub(super) fn are_plain(items: &[FetchItem]) -> bool {
    items.len() <= ITEMS_MAX && items.iter().all(|item| needs_of(item).is_some())
}

/// What an item is written from; `None` for one that is not told here.
const fn needs_of(item: &FetchItem) -> Option<Needs> {
    Some(match item {
        FetchItem::Uid => Needs { state: false, row: false, form: false },
        FetchItem::Flags | FetchItem::ModSeq => Needs { state: true, row: false, form: false },
        FetchItem::InternalDate | FetchItem::Rfc822Size | FetchItem::EmailId => {
            Needs { state: false, row: true, form: false }
        }
        FetchItem::Body | FetchItem::BodyStructure | FetchItem::Envelope => {
            Needs { state: false, row: true, form: true }
        }
        _ => return None,
    })
}

/// What items are written from.
#[derive(Debug, Clone, Copy, Default)]
struct Needs {
    state: bool,
    row: bool,
    form: bool,
}

impl Needs {
    fn of(items: &[FetchItem]) -> Self {
        let add = |all: Self, one: Self| Self {
            state: all.state || one.state,
            row: all.row || one.row,
            form: all.form || one.form,
        };
        items.iter().filter_map(needs_of).fold(Self::default(), add)
    }
}

/// A page, and what the session knows of its messages.
struct Sheet<'p> {
    /// `None` when none of its messages is live.
    page: Option<&'p StatePage>,
    first: u32,
    shown: Bits512,
    /// Messages shown before this page.
    before: u32,
    recent: Bits512,
}

impl<'p> Sheet<'p> {
    fn new(number: u32, page: Option<&'p StatePage>, open: &Selected) -> Self {
        let first = number * PAGE_UIDS;
        let shown = open.view.shown();
        let before = first.checked_sub(1).map_or(0, |last| shown.count_up_to(Uid(last)));
        Self {
            page,
            first,
            shown: Bits512(shown.bits_from(first)),
            before,
            recent: Bits512(open.recent.bits_from(first)),
        }
    }

    /// The page, when the message at this position is live.
    fn live(&self, at: u32) -> Option<&'p StatePage> {
        self.page.filter(|page| page.live.contains(at))
    }
}

/// What is written of one message.
struct Told<'a> {
    at: u32,
    uid: Uid,
    sheet: &'a Sheet<'a>,
    row: Option<MessageRow>,
    head: Option<&'a FormHead<'a>>,
    account: AccountId,
    keywords: &'a [(KeywordId, Keyword)],
}

/// What telling a mailbox works with.
struct Telling<'a> {
    needs: Needs,
    rows: Rows<'a>,
    emails: Box<dyn Emails<'a> + 'a>,
    open: &'a Selected,
    context: &'a Open<'a>,
}

impl Fetch {
    /// Tells as many messages as fit; true when all are told.
    pub(super) fn tell_plain(
        &mut self,
        open: &Selected,
        context: &Open<'_>,
        env: &mut Env<'_>,
    ) -> Result<bool, StoreError> {
        let (snapshot, mailbox) = (context.snapshot, open.mailbox());
        let (needs, rows) = (Needs::of(&self.items), Rows::new(snapshot, mailbox));
        let emails = snapshot.emails(open.account());
        let mut telling = Telling { needs, rows, emails, open, context };
        for _ in 0..STEP_MESSAGES / PAGE_UIDS as usize {
            let Some(next) = self.next else { return Ok(true) };
            let number = StatePage::number_of(next);
            let page = snapshot.page(mailbox, number)?;
            if !self.skips_page(page.as_ref()) {
                let sheet = Sheet::new(number, page.as_ref(), open);
                if !self.tell_sheet(&sheet, &mut telling, env)? {
                    return Ok(false);
                }
            }
            self.next = self.after(last_of_page(next));
        }
        Ok(false)
    }

    /// Tells messages of a page from the next one on; false when the output is full before its end.
    fn tell_sheet(
        &mut self,
        sheet: &Sheet<'_>,
        telling: &mut Telling<'_>,
        env: &mut Env<'_>,
    ) -> Result<bool, StoreError> {
        let from = self.next.map_or(0, |next| next.0.saturating_sub(sheet.first));
        let wanted = Bits512(self.uids.bits_from(sheet.first)).and(&sheet.shown);
        for at in wanted.iter().filter(|at| *at >= from) {
            let uid = Uid(sheet.first + at);
            if env.is_full() || telling.context.is_spent() {
                self.next = Some(uid);
                return Ok(false);
            }
            match self.tell_one(at, uid, sheet, telling, env.out) {
                Ok(()) => {}
                Err(failure @ (StoreError::Corrupt(_) | StoreError::Io(_))) => {
                    self.leave_out(uid, telling.open, &failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(true)
    }

    /// Reads what a message's items need, and only then writes: a failure leaves out one message.
    fn tell_one(
        &mut self,
        at: u32,
        uid: Uid,
        sheet: &Sheet<'_>,
        telling: &mut Telling<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let Telling { needs, rows, emails, open, context } = telling;
        let live = sheet.live(at);
        let unchanged = |since| live.is_none_or(|page| page.modseq(at) <= since);
        if self.changed_since.is_some_and(unchanged) {
            return Ok(());
        }
        let row = if needs.row { rows.row(uid)? } else { None };
        if (needs.state && live.is_none()) || (needs.row && row.is_none()) {
            self.missed = true;
            return Ok(());
        }
        let (account, keywords) = (open.account(), context.keywords.as_ref());
        let told = Told { at, uid, sheet, row, head: None, account, keywords };
        let Some(row) = row.filter(|_| needs.form) else {
            told.write(&self.items, out);
            return Ok(());
        };
        let bytes = emails.form_bytes(row.email)?;
        context.look(bytes.len() as u64 / FORM_SHARE);
        if let Some(head) = FormHead::decode(&bytes) {
            Told { head: Some(&head), ..told }.write(&self.items, out);
            return Ok(());
        }
        let form = context.snapshot.form(account, row.email)?.encode();
        Told { head: FormHead::decode(&form).as_ref(), ..told }.write(&self.items, out);
        Ok(())
    }
}

impl Told<'_> {
    fn write(&self, items: &[FetchItem], out: &mut Vec<u8>) {
        let sequence = self.sheet.before + self.sheet.shown.rank(self.at) + 1;
        let mut writer = Writer::new(out);
        let mut fetch = writer.fetch(sequence);
        for item in items {
            self.write_item(item, &mut fetch);
        }
        fetch.end();
    }

    fn write_item(&self, item: &FetchItem, fetch: &mut FetchWriter<'_>) {
        match (item, self.sheet.page, &self.row, self.head) {
            (FetchItem::Uid, ..) => fetch.uid(self.uid),
            (FetchItem::Flags, Some(page), ..) => {
                let recent = self.sheet.recent.contains(self.at);
                fetch.flags(page.system_flags(self.at), recent, self.keyword_names(page));
            }
            (FetchItem::ModSeq, Some(page), ..) => fetch.mod_seq(page.modseq(self.at)),
            (FetchItem::InternalDate, _, Some(row), _) => fetch.internal_date(row.internal_date),
            (FetchItem::Rfc822Size, _, Some(row), _) => fetch.size(row.size),
            (FetchItem::EmailId, _, Some(row), _) => {
                fetch.email_id(&row.email.object_id(self.account));
            }
            (FetchItem::Envelope, .., Some(head)) => {
                fetch.ready_by("ENVELOPE", |out| head.put_envelope(out));
            }
            (FetchItem::Body, .., Some(head)) => fetch.ready("BODY", &head.body()),
            (FetchItem::BodyStructure, .., Some(head)) => {
                fetch.ready_by("BODYSTRUCTURE", |out| head.put_bodystructure(out));
            }
            // What is missing was sorted out before.
            _ => {}
        }
    }

    fn keyword_names<'k>(&'k self, page: &'k StatePage) -> impl Iterator<Item = &'k str> {
        let on = page.keywords.iter().filter(|(_, bits)| bits.contains(self.at));
        on.filter_map(|(id, _)| {
            let at = self.keywords.binary_search_by_key(id, |(id, _)| *id).ok()?;
            self.keywords.get(at).map(|(_, keyword)| keyword.as_str())
        })
    }
}
