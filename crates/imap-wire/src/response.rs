//! Responses: every reply line of the server is written here (RFC 3501 section 7).

use crate::command::{MailboxAttribute, StatusItem, Tag};
use crate::date::write_internal_date;
use crate::fetch::Section;
use crate::response_code::{ResponseCode, push_flag_list, push_words};
use crate::text::{
    push_encoded_name, push_human_text, push_literal_header, push_mailbox, push_nstring,
    push_number, push_string,
};
use crate::{sasl, text};
use std::ops::RangeInclusive;
use waypost_types::{FlagSet, MailboxName, ModSeq, SystemFlags, Uid, UnixTime};

/// The outcome of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// `OK`
    Ok,
    /// `NO`: the command was understood and cannot be done.
    No,
    /// `BAD`: the command was not understood.
    Bad,
}

impl Status {
    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
        }
    }
}

/// Which command a mailbox line answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// `LIST`
    List,
    /// `LSUB`
    Lsub,
}

/// One namespace (RFC 2342 section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceEntry {
    /// The prefix in UTF-8, with its trailing separator; empty for the root.
    pub prefix: String,
    /// The separator of levels.
    pub separator: char,
}

/// Appends responses to a buffer. Text is made safe here: no caller can break a line.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// How many bytes the buffer holds.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// The tagged completion of a command.
    pub fn tagged(&mut self, tag: &Tag, status: Status, code: Option<&ResponseCode>, text: &str) {
        self.out.extend_from_slice(tag.as_str().as_bytes());
        self.condition(status.name(), code, text);
    }

    /// An untagged `* OK`, `* NO` or `* BAD`.
    pub fn untagged(&mut self, status: Status, code: Option<&ResponseCode>, text: &str) {
        self.out.push(b'*');
        self.condition(status.name(), code, text);
    }

    /// `* PREAUTH`
    pub fn preauth(&mut self, code: Option<&ResponseCode>, text: &str) {
        self.out.push(b'*');
        self.condition("PREAUTH", code, text);
    }

    /// `* BYE`
    pub fn bye(&mut self, code: Option<&ResponseCode>, text: &str) {
        self.out.push(b'*');
        self.condition("BYE", code, text);
    }

    /// `+` with a text: go on.
    pub fn continuation(&mut self, text: &str) {
        self.out.extend_from_slice(b"+ ");
        push_human_text(self.out, text);
        self.end_line();
    }

    /// `+` with a challenge in base64; an empty challenge is `+` and a space.
    pub fn challenge(&mut self, data: &[u8]) {
        self.out.extend_from_slice(b"+ ");
        self.out.extend_from_slice(sasl::encode(data).as_bytes());
        self.end_line();
    }

    /// `* CAPABILITY`
    pub fn capability<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.words("CAPABILITY", names);
    }

    /// `* ENABLED`
    pub fn enabled<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.words("ENABLED", names);
    }

    /// `* n EXISTS`
    pub fn exists(&mut self, count: u32) {
        self.numbered(count, "EXISTS");
    }

    /// `* n RECENT`
    pub fn recent(&mut self, count: u32) {
        self.numbered(count, "RECENT");
    }

    /// `* n EXPUNGE`
    pub fn expunge(&mut self, sequence: u32) {
        self.numbered(sequence, "EXPUNGE");
    }

    /// `* FLAGS`
    pub fn flags(&mut self, flags: &FlagSet) {
        self.out.extend_from_slice(b"* FLAGS ");
        push_flag_list(self.out, flags, None);
        self.end_line();
    }

    /// `* LIST` or `* LSUB` for one mailbox.
    pub fn list(&mut self, kind: ListKind, attributes: &[MailboxAttribute], name: &MailboxName) {
        self.list_name(kind, attributes, name.as_str());
    }

    /// Like [`Writer::list`] for a name that is no mailbox, such as the root (an empty name) or a
    /// level that only has children.
    pub fn list_name(&mut self, kind: ListKind, attributes: &[MailboxAttribute], name: &str) {
        self.out.extend_from_slice(match kind {
            ListKind::List => b"* LIST ",
            ListKind::Lsub => b"* LSUB ",
        });
        push_words(self.out, attributes.iter().map(|attribute| attribute.name()));
        self.out.extend_from_slice(b" \"/\" ");
        push_encoded_name(self.out, name);
        self.end_line();
    }

    /// `* STATUS`; the value of MAILBOXID comes from `mailbox_id`, all others are numbers.
    pub fn status(&mut self, name: &MailboxName, items: &[(StatusItem, u64)], mailbox_id: &str) {
        self.out.extend_from_slice(b"* STATUS ");
        push_mailbox(self.out, name);
        for (index, (item, value)) in items.iter().enumerate() {
            self.out.extend_from_slice(if index == 0 { b" (" } else { b" " });
            self.out.extend_from_slice(item.name().as_bytes());
            self.out.push(b' ');
            match item {
                StatusItem::MailboxId => push_words(self.out, std::iter::once(mailbox_id)),
                _ => push_number(self.out, *value),
            }
        }
        self.out.extend_from_slice(if items.is_empty() { b" ()" } else { b")" });
        self.end_line();
    }

    /// `* QUOTAROOT` with the one root that a mailbox has (RFC 9208 section 4.2.2).
    pub fn quota_root(&mut self, mailbox: &MailboxName, root: &str) {
        self.out.extend_from_slice(b"* QUOTAROOT ");
        push_mailbox(self.out, mailbox);
        self.out.push(b' ');
        push_encoded_name(self.out, root);
        self.end_line();
    }

    /// `* QUOTA` with usage and limit of each resource (RFC 9208 section 4.2.1).
    pub fn quota(&mut self, root: &str, resources: &[(&str, u64, u64)]) {
        self.out.extend_from_slice(b"* QUOTA ");
        push_encoded_name(self.out, root);
        self.out.extend_from_slice(b" (");
        for (index, (name, usage, limit)) in resources.iter().enumerate() {
            if index > 0 {
                self.out.push(b' ');
            }
            self.out.extend_from_slice(name.as_bytes());
            for number in [usage, limit] {
                self.out.push(b' ');
                push_number(self.out, *number);
            }
        }
        self.out.push(b')');
        self.end_line();
    }

    /// A whole `* SEARCH` line.
    pub fn search(&mut self, numbers: impl IntoIterator<Item = u32>, mod_seq: Option<ModSeq>) {
        self.search_start();
        numbers.into_iter().for_each(|number| self.search_number(number));
        self.search_end(mod_seq);
    }

    /// Begins a `* SEARCH` line that several steps fill.
    pub fn search_start(&mut self) {
        self.out.extend_from_slice(b"* SEARCH");
    }

    /// One number of a `* SEARCH` line.
    pub fn search_number(&mut self, number: u32) {
        self.out.push(b' ');
        push_number(self.out, u64::from(number));
    }

    /// Ends a `* SEARCH` line, with the highest modification sequence of what was found when a
    /// MODSEQ key was used (RFC 7162 section 3.1.6).
    pub fn search_end(&mut self, mod_seq: Option<ModSeq>) {
        if let Some(mod_seq) = mod_seq {
            self.out.extend_from_slice(b" (MODSEQ ");
            push_number(self.out, mod_seq.0);
            self.out.push(b')');
        }
        self.end_line();
    }

    /// Begins a `* SORT` line that several steps fill with [`Writer::search_number`];
    /// [`Writer::search_end`] ends it (RFC 5256 section 4, RFC 7162 section 7).
    pub fn sort_start(&mut self) {
        self.out.extend_from_slice(b"* SORT");
    }

    /// Begins a `* THREAD` line that several steps fill (RFC 5256 section 4).
    pub fn thread_start(&mut self) {
        self.out.extend_from_slice(b"* THREAD");
    }

    /// The space before the first thread, and between a message and what follows it.
    pub fn thread_space(&mut self) {
        self.out.push(b' ');
    }

    /// Begins a thread or a branch of one.
    pub fn thread_open(&mut self) {
        self.out.push(b'(');
    }

    /// One message of a thread.
    pub fn thread_number(&mut self, number: u32) {
        push_number(self.out, u64::from(number));
    }

    /// Ends a thread or a branch of one.
    pub fn thread_close(&mut self) {
        self.out.push(b')');
    }

    /// Ends a `* THREAD` line.
    pub fn thread_end(&mut self) {
        self.end_line();
    }

    /// Begins an `* ESEARCH` line (RFC 4466 section 2.6.2): the command it answers, and whether its
    /// numbers are UIDs. Several steps may fill it.
    pub fn esearch_start(&mut self, tag: &Tag, uid: bool) {
        self.out.extend_from_slice(b"* ESEARCH (TAG ");
        push_string(self.out, tag.as_str().as_bytes());
        self.out.extend_from_slice(if uid { b") UID" } else { b")" });
    }

    /// `MIN`, `MAX`, `COUNT` (RFC 4731 section 3.1) or `MODSEQ` (section 3.2) with a number.
    pub fn esearch_item(&mut self, name: &str, number: u64) {
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b' ');
        push_number(self.out, number);
    }

    /// The name of `ALL`, before its ranges.
    pub fn esearch_all(&mut self) {
        self.out.extend_from_slice(b" ALL ");
    }

    /// One range of `ALL`; `first` says that it is the first.
    pub fn esearch_range(&mut self, range: RangeInclusive<u32>, first: bool) {
        if !first {
            self.out.push(b',');
        }
        push_number(self.out, u64::from(*range.start()));
        if range.start() != range.end() {
            self.out.push(b':');
            push_number(self.out, u64::from(*range.end()));
        }
    }

    /// Ends an `* ESEARCH` line.
    pub fn esearch_end(&mut self) {
        self.end_line();
    }

    /// `* ID` with pairs, or `* ID NIL`.
    pub fn id(&mut self, pairs: &[(&str, &str)]) {
        self.out.extend_from_slice(b"* ID ");
        for (index, (field, value)) in pairs.iter().enumerate() {
            self.out.push(if index == 0 { b'(' } else { b' ' });
            push_string(self.out, field.as_bytes());
            self.out.push(b' ');
            push_string(self.out, value.as_bytes());
        }
        self.out.extend_from_slice(if pairs.is_empty() { b"NIL" } else { b")" });
        self.end_line();
    }

    /// `* NAMESPACE`: personal, other users', shared (RFC 2342 section 5).
    pub fn namespace(&mut self, classes: [&[NamespaceEntry]; 3]) {
        self.out.extend_from_slice(b"* NAMESPACE");
        for entries in classes {
            self.out.push(b' ');
            self.namespace_class(entries);
        }
        self.end_line();
    }

    /// Begins a `* n FETCH` response; [`FetchWriter::end`] ends it.
    pub fn fetch(&mut self, sequence: u32) -> FetchWriter<'_> {
        self.out.extend_from_slice(b"* ");
        push_number(self.out, u64::from(sequence));
        self.out.extend_from_slice(b" FETCH (");
        FetchWriter { out: self.out, first: true }
    }

    /// Goes on with a FETCH response that has an item already, in a later step.
    pub fn fetch_resumed(&mut self) -> FetchWriter<'_> {
        FetchWriter { out: self.out, first: false }
    }

    fn namespace_class(&mut self, entries: &[NamespaceEntry]) {
        if entries.is_empty() {
            self.out.extend_from_slice(b"NIL");
            return;
        }
        self.out.push(b'(');
        for entry in entries {
            self.out.push(b'(');
            push_string(self.out, crate::mutf7::encode(&entry.prefix).as_bytes());
            self.out.push(b' ');
            let mut utf8 = [0; 4];
            push_string(self.out, entry.separator.encode_utf8(&mut utf8).as_bytes());
            self.out.push(b')');
        }
        self.out.push(b')');
    }

    fn condition(&mut self, word: &str, code: Option<&ResponseCode>, text: &str) {
        self.out.push(b' ');
        self.out.extend_from_slice(word.as_bytes());
        self.out.push(b' ');
        if let Some(code) = code {
            code.push(self.out);
            self.out.push(b' ');
        }
        push_human_text(self.out, text);
        self.end_line();
    }

    fn words<'n>(&mut self, name: &str, words: impl IntoIterator<Item = &'n str>) {
        self.out.extend_from_slice(b"* ");
        self.out.extend_from_slice(name.as_bytes());
        for word in words {
            self.out.push(b' ');
            self.out.extend_from_slice(word.as_bytes());
        }
        self.end_line();
    }

    fn numbered(&mut self, number: u32, name: &str) {
        self.out.extend_from_slice(b"* ");
        push_number(self.out, u64::from(number));
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.end_line();
    }

    fn end_line(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// Writes the items of one FETCH response; nothing is allocated per item.
#[derive(Debug)]
pub struct FetchWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl FetchWriter<'_> {
    /// `UID`
    pub fn uid(&mut self, uid: Uid) {
        self.number("UID", u64::from(uid.0));
    }

    /// `FLAGS`, `\Recent` after the system flags.
    pub fn flags<'k>(
        &mut self,
        system: SystemFlags,
        recent: bool,
        keywords: impl IntoIterator<Item = &'k str>,
    ) {
        self.item("FLAGS");
        let system = system.iter().map(|flag| flag.name());
        push_words(self.out, system.chain(recent.then_some("\\Recent")).chain(keywords));
    }

    /// `MODSEQ`
    pub fn mod_seq(&mut self, mod_seq: ModSeq) {
        self.item("MODSEQ");
        self.out.push(b'(');
        push_number(self.out, mod_seq.0);
        self.out.push(b')');
    }

    /// `INTERNALDATE`
    pub fn internal_date(&mut self, time: UnixTime) {
        self.item("INTERNALDATE");
        write_internal_date(self.out, time);
    }

    /// `RFC822.SIZE`, in bytes.
    pub fn size(&mut self, bytes: u64) {
        self.number("RFC822.SIZE", bytes);
    }

    /// `EMAILID`
    pub fn email_id(&mut self, id: &str) {
        self.item("EMAILID");
        push_words(self.out, std::iter::once(id));
    }

    /// `THREADID`, `NIL` when the server has no threads.
    pub fn thread_id(&mut self, id: Option<&str>) {
        self.item("THREADID");
        match id {
            Some(id) => push_words(self.out, std::iter::once(id)),
            None => self.out.extend_from_slice(b"NIL"),
        }
    }

    /// An item whose value is ready to send: ENVELOPE, BODY or BODYSTRUCTURE with its parentheses.
    pub fn ready(&mut self, name: &str, value: &[u8]) {
        self.ready_by(name, |out| out.extend_from_slice(value));
    }

    /// The same of a value that `put` appends.
    pub fn ready_by(&mut self, name: &str, put: impl FnOnce(&mut Vec<u8>)) {
        self.item(name);
        put(self.out);
    }

    /// An item whose value is a string or `NIL`: RFC822, RFC822.HEADER, RFC822.TEXT.
    pub fn string(&mut self, name: &str, value: Option<&[u8]>) {
        self.item(name);
        push_nstring(self.out, value);
    }

    /// `BODY[section]<origin>` with its bytes, `NIL` when the message has no such section.
    pub fn section(&mut self, section: &Section, origin: Option<u32>, value: Option<&[u8]>) {
        self.section_name(section, origin);
        push_nstring(self.out, value);
    }

    /// Announces a section of `size` bytes; the caller appends exactly these bytes to the buffer,
    /// in as many steps as it likes, then goes on with [`Writer::fetch_resumed`].
    pub fn section_literal(&mut self, section: &Section, origin: Option<u32>, size: u64) {
        self.section_name(section, origin);
        push_literal_header(self.out, size);
    }

    /// Like [`FetchWriter::section_literal`] for RFC822, RFC822.HEADER and RFC822.TEXT.
    pub fn string_literal(&mut self, name: &str, size: u64) {
        self.item(name);
        push_literal_header(self.out, size);
    }

    /// Ends the response.
    pub fn end(self) {
        self.out.extend_from_slice(b")\r\n");
    }

    fn section_name(&mut self, section: &Section, origin: Option<u32>) {
        self.separate();
        self.out.extend_from_slice(b"BODY[");
        section.push(self.out);
        self.out.push(b']');
        if let Some(origin) = origin {
            self.out.push(b'<');
            push_number(self.out, u64::from(origin));
            self.out.push(b'>');
        }
        self.out.push(b' ');
    }

    fn number(&mut self, name: &str, number: u64) {
        self.item(name);
        text::push_number(self.out, number);
    }

    fn item(&mut self, name: &str) {
        self.separate();
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b' ');
    }

    fn separate(&mut self) {
        if !self.first {
            self.out.push(b' ');
        }
        self.first = false;
    }
}
