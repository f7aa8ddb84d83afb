//! One message of a FETCH: its items in the client's order.

use super::Open;
use super::section::{Content, content_of};
use crate::announce::keyword_names;
use crate::flow::Env;
use crate::state::Selected;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use waypost_imap_wire::{FetchItem, FetchWriter, Partial, Section, SectionText, Writer};
use waypost_mime::Form;
use waypost_store::{Body, MessageRow, MessageState, StoreError};
use waypost_types::{AccountId, SystemFlag, Uid};

/// Chosen header fields above this many bytes are sent range by range.
const BYTES_AT_ONCE: usize = 512;

/// Messages up to this size are held while they are sent: as much as a step gives out.
const HELD_BYTES: u64 = 64 << 10;

/// A form is read that many times quicker than a header is looked through.
pub(super) const FORM_SHARE: u64 = 4;

/// A message and what its items need of it.
pub(super) struct Message {
    pub(super) uid: Uid,
    sequence: u32,
    state: Option<MessageState>,
    row: Option<MessageRow>,
    form: Option<Form>,
    body: Option<Arc<dyn Body>>,
    thread: Option<String>,
    /// The next item to write.
    at: usize,
    begun: bool,
}

/// What was written of a message.
pub(super) enum Written {
    /// Everything.
    All,
    /// A section is announced; its bytes follow.
    Announced(Arc<dyn Body>, Range<u64>),
    /// The step has done its share; the other items follow.
    Paused,
}

/// Whether an item tells what only a live message has.
pub(super) const fn needs_state(item: &FetchItem) -> bool {
    matches!(item, FetchItem::Flags | FetchItem::ModSeq)
}

/// Whether an item needs more than the state page.
pub(super) const fn needs_row(item: &FetchItem) -> bool {
    !matches!(item, FetchItem::Flags | FetchItem::ModSeq | FetchItem::Uid)
}

impl Message {
    pub(super) fn new(uid: Uid, sequence: u32, state: Option<MessageState>) -> Self {
        Self {
            uid,
            sequence,
            state,
            row: None,
            form: None,
            body: None,
            thread: None,
            at: 0,
            begun: false,
        }
    }

    /// Reads what the items need, before the response begins: a failure then leaves out one message
    /// and no response is cut short. False when the message has left.
    pub(super) fn read(
        &mut self,
        items: &[FetchItem],
        open: &Selected,
        context: &Open<'_>,
    ) -> Result<bool, StoreError> {
        if !items.iter().any(needs_row) {
            return Ok(true);
        }
        let (snapshot, account) = (context.snapshot, open.account());
        let Some(row) = snapshot.message(open.mailbox(), self.uid)? else { return Ok(false) };
        if items.iter().any(needs_form) {
            let form = snapshot.form(account, row.email)?;
            context.look(form.weight() / FORM_SHARE);
            self.form = Some(form);
        }
        if items.iter().any(|item| section_of(item).is_some()) {
            self.body = Some(sound(snapshot.body(account, row.email)?)?);
        }
        if items.contains(&FetchItem::ThreadId) {
            let email = snapshot.email(account, row.email)?;
            self.thread = email.map(|email| email.thread.object_id(account));
        }
        self.row = Some(row);
        Ok(true)
    }

    /// Whether a part of the response is written.
    pub(super) const fn is_begun(&self) -> bool {
        self.begun
    }

    /// Whether the message is live and not `\Seen`.
    pub(super) fn is_unseen(&self) -> bool {
        self.state.as_ref().is_some_and(|state| !state.system.contains(SystemFlag::Seen))
    }

    /// Writes items up to the end or the next section that is sent range by range.
    pub(super) fn write_next(
        &mut self,
        items: &[FetchItem],
        account: AccountId,
        recent: bool,
        context: &Open<'_>,
        env: &mut Env<'_>,
    ) -> Result<Written, StoreError> {
        while let Some(item) = items.get(self.at) {
            if self.begun && (env.is_full() || context.is_spent()) {
                return Ok(Written::Paused);
            }
            let content = self.content(item, context)?;
            self.at += 1;
            let mut writer = Writer::new(env.out);
            let mut fetch = match std::mem::replace(&mut self.begun, true) {
                true => writer.fetch_resumed(),
                false => writer.fetch(self.sequence),
            };
            let Some(content) = content else {
                self.write_item(&mut fetch, item, account, recent, context);
                continue;
            };
            match write_section(&mut fetch, item, content) {
                Some(Follows::Range(range)) => {
                    if let Some(body) = &self.body {
                        return Ok(Written::Announced(Arc::clone(body), range));
                    }
                }
                Some(Follows::Bytes(bytes)) => {
                    let range = 0..bytes.len() as u64;
                    return Ok(Written::Announced(Arc::new(Held(bytes)), range));
                }
                None => {}
            }
        }
        Writer::new(env.out).fetch_resumed().end();
        Ok(Written::All)
    }

    fn content(&self, item: &FetchItem, context: &Open<'_>) -> Result<Option<Content>, StoreError> {
        match (section_of(item), &self.body) {
            (Some((section, partial)), Some(body)) => {
                let form = self.form.as_ref();
                content_of(&section, partial, form, body.as_ref(), &context.looked).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// An item that is no section. What it needs was read before; rows and states that are missing
    /// were sorted out when the message was found.
    fn write_item(
        &self,
        fetch: &mut FetchWriter<'_>,
        item: &FetchItem,
        account: AccountId,
        recent: bool,
        context: &Open<'_>,
    ) {
        match (item, &self.state, &self.row, &self.form) {
            (FetchItem::Uid, ..) => fetch.uid(self.uid),
            (FetchItem::ThreadId, ..) => fetch.thread_id(self.thread.as_deref()),
            (FetchItem::Flags, Some(state), ..) => {
                fetch.flags(state.system, recent, keyword_names(state, &context.keywords));
            }
            (FetchItem::ModSeq, Some(state), ..) => fetch.mod_seq(state.modseq),
            (FetchItem::InternalDate, _, Some(row), _) => fetch.internal_date(row.internal_date),
            (FetchItem::Rfc822Size, _, Some(row), _) => fetch.size(row.size),
            (FetchItem::EmailId, _, Some(row), _) => fetch.email_id(&row.email.object_id(account)),
            (FetchItem::Envelope, .., Some(form)) => fetch.ready("ENVELOPE", form.envelope()),
            (FetchItem::Body, .., Some(form)) => fetch.ready("BODY", &form.body()),
            (FetchItem::BodyStructure, .., Some(form)) => {
                fetch.ready("BODYSTRUCTURE", &form.bodystructure());
            }
            _ => {}
        }
    }
}

const fn needs_form(item: &FetchItem) -> bool {
    match item {
        FetchItem::Body
        | FetchItem::BodyStructure
        | FetchItem::Envelope
        | FetchItem::Rfc822Header
        | FetchItem::Rfc822Text => true,
        FetchItem::BodySection { section, .. } => !is_whole(section),
        _ => false,
    }
}

const fn is_whole(section: &Section) -> bool {
    section.part.is_empty() && matches!(section.text, SectionText::All)
}

/// The section that an item names; those of RFC822 and its like are sections of the message.
fn section_of(item: &FetchItem) -> Option<(Cow<'_, Section>, Option<Partial>)> {
    let whole = |text| Some((Cow::Owned(Section { part: Vec::new(), text }), None));
    match item {
        FetchItem::BodySection { section, partial, .. } => Some((Cow::Borrowed(section), *partial)),
        FetchItem::Rfc822 => whole(SectionText::All),
        FetchItem::Rfc822Header => whole(SectionText::Header),
        FetchItem::Rfc822Text => whole(SectionText::Text),
        _ => None,
    }
}

/// What must follow a section that is announced.
enum Follows {
    /// Bytes of the message.
    Range(Range<u64>),
    /// Bytes put together for this response.
    Bytes(Vec<u8>),
}

/// Bytes that are sent range by range as those of a message are.
struct Held(Vec<u8>);

impl Body for Held {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn append_to(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.0.len());
        out.extend_from_slice(self.0.get(place(range.start)..place(range.end)).unwrap_or_default());
        Ok(())
    }
}

/// A message that is not too large to be held is read and its checksum compared before anything of
/// it is announced, also when only a part is asked for: damage then costs this message alone, and no
/// damaged byte is shown.
fn sound(body: Arc<dyn Body>) -> Result<Arc<dyn Body>, StoreError> {
    if body.size() > HELD_BYTES {
        return Ok(body);
    }
    let mut bytes = Vec::new();
    body.append_to(0..body.size(), &mut bytes)?;
    Ok(Arc::new(Held(bytes)))
}

/// Writes a section, or announces it and returns what must follow.
fn write_section(
    fetch: &mut FetchWriter<'_>,
    item: &FetchItem,
    content: Content,
) -> Option<Follows> {
    let FetchItem::BodySection { section, partial, .. } = item else {
        return write_old_section(fetch, old_name(item), content).map(Follows::Range);
    };
    let origin = partial.map(|partial| partial.start);
    match content {
        Content::Absent => fetch.section(section, origin, None),
        Content::Bytes(bytes) if bytes.len() > BYTES_AT_ONCE => {
            fetch.section_literal(section, origin, bytes.len() as u64);
            return Some(Follows::Bytes(bytes));
        }
        Content::Bytes(bytes) => fetch.section(section, origin, Some(&bytes)),
        Content::Range(range) => {
            fetch.section_literal(section, origin, range.end - range.start);
            return Some(Follows::Range(range));
        }
    }
    None
}

fn write_old_section(
    fetch: &mut FetchWriter<'_>,
    name: &str,
    content: Content,
) -> Option<Range<u64>> {
    match content {
        Content::Absent => fetch.string(name, None),
        Content::Bytes(bytes) => fetch.string(name, Some(&bytes)),
        Content::Range(range) => {
            fetch.string_literal(name, range.end - range.start);
            return Some(range);
        }
    }
    None
}

const fn old_name(item: &FetchItem) -> &'static str {
    match item {
        FetchItem::Rfc822Header => "RFC822.HEADER",
        FetchItem::Rfc822Text => "RFC822.TEXT",
        _ => "RFC822",
    }
}
