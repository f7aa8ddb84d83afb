//! Every response of the server with examples of its RFC.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use waypost_imap_wire::{
    ListKind, MailboxAttribute, NamespaceEntry, ResponseCode, Section, SectionText, Status,
    StatusItem, Tag, Writer,
};
use waypost_types::{
    FlagSet, Keyword, MailboxName, ModSeq, SpecialUse, SystemFlag, SystemFlags, Uid, UidSet,
    UidValidity, UnixTime,
};

fn written(write: impl FnOnce(&mut Writer<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out));
    let text = String::from_utf8(out).unwrap();
    text.strip_suffix("\r\n").unwrap().to_owned()
}

fn coded(code: ResponseCode) -> String {
    let line = written(|w| w.untagged(Status::Ok, Some(&code), "x"));
    line.strip_prefix("* OK [").unwrap().strip_suffix("] x").unwrap().to_owned()
}

fn uids(numbers: &[u32]) -> UidSet {
    numbers.iter().copied().map(Uid).collect()
}

fn flags() -> FlagSet {
    let mut flags = FlagSet::system(&[SystemFlag::Seen, SystemFlag::Deleted]);
    flags.insert_keyword(Keyword::new("$Junk").unwrap());
    flags
}

#[test]
fn conditions() {
    let tag = Tag::new(b"a1").unwrap();
    assert_eq!(written(|w| w.tagged(&tag, Status::Ok, None, "done")), "a1 OK done");
    let code = ResponseCode::Alert;
    assert_eq!(written(|w| w.tagged(&tag, Status::No, Some(&code), "[x]")), "a1 NO [ALERT] (x]");
    assert_eq!(written(|w| w.untagged(Status::Bad, None, "a\r\nb")), "* BAD a??b");
    assert_eq!(written(|w| w.bye(Some(&ResponseCode::Unavailable), "")), "* BYE [UNAVAILABLE] -");
    assert_eq!(written(|w| w.preauth(None, "hello")), "* PREAUTH hello");
    assert_eq!(written(|w| w.continuation("idling")), "+ idling");
    assert_eq!(written(|w| w.challenge(b"")), "+ ");
    assert_eq!(written(|w| w.challenge(b"<1@x>")), "+ PDFAeD4=");
}

#[test]
fn codes_with_arguments() {
    let validity = UidValidity(38_505);
    let uids_of = |n: &[u32]| uids(n);
    let copy = ResponseCode::CopyUid {
        validity,
        source: uids_of(&[304, 319, 320]),
        destination: uids_of(&[3956, 3957, 3958]),
    };
    assert_eq!(coded(copy), "COPYUID 38505 304,319:320 3956:3958");
    let append = ResponseCode::AppendUid { validity, uids: uids_of(&[3955]) };
    assert_eq!(coded(append), "APPENDUID 38505 3955");
    let charsets = vec!["US-ASCII".into(), "UTF-8".into()];
    assert_eq!(coded(ResponseCode::BadCharset(charsets)), "BADCHARSET (US-ASCII UTF-8)");
    assert_eq!(coded(ResponseCode::BadCharset(Vec::new())), "BADCHARSET");
    let names = vec!["IMAP4rev1".into(), "IDLE".into()];
    assert_eq!(coded(ResponseCode::Capability(names)), "CAPABILITY IMAP4rev1 IDLE");
    assert_eq!(coded(ResponseCode::HighestModSeq(ModSeq(715_194_045))), "HIGHESTMODSEQ 715194045");
    assert_eq!(coded(ResponseCode::MailboxId("M7".to_owned())), "MAILBOXID (M7)");
    assert_eq!(coded(ResponseCode::Modified(uids_of(&[7, 9]))), "MODIFIED 7,9");
    let permanent = ResponseCode::PermanentFlags { flags: flags(), new_keywords: true };
    assert_eq!(coded(permanent), "PERMANENTFLAGS (\\Deleted \\Seen $Junk \\*)");
    let none = ResponseCode::PermanentFlags { flags: FlagSet::default(), new_keywords: false };
    assert_eq!(coded(none), "PERMANENTFLAGS ()");
    assert_eq!(coded(ResponseCode::UidNext(Uid(4392))), "UIDNEXT 4392");
    assert_eq!(coded(ResponseCode::UidValidity(validity)), "UIDVALIDITY 38505");
    assert_eq!(coded(ResponseCode::Unseen(12)), "UNSEEN 12");
    assert_eq!(coded(ResponseCode::ReadOnly), "READ-ONLY");
}

#[test]
fn mailbox_data() {
    assert_eq!(written(|w| w.capability(["IMAP4rev1", "IDLE"])), "* CAPABILITY IMAP4rev1 IDLE");
    assert_eq!(written(|w| w.enabled([])), "* ENABLED");
    assert_eq!(written(|w| w.flags(&flags())), "* FLAGS (\\Deleted \\Seen $Junk)");
    assert_eq!(written(|w| w.exists(23)), "* 23 EXISTS");
    assert_eq!(written(|w| w.recent(0)), "* 0 RECENT");
    assert_eq!(written(|w| w.expunge(44)), "* 44 EXPUNGE");
    assert_eq!(written(|w| w.search([2, 84, 882], None)), "* SEARCH 2 84 882");
    let found = written(|w| w.search([2, 5], Some(ModSeq(917_162_500))));
    assert_eq!(found, "* SEARCH 2 5 (MODSEQ 917162500)");
    assert_eq!(written(|w| w.search([], None)), "* SEARCH");
    assert_eq!(written(|w| w.id(&[])), "* ID NIL");
    assert_eq!(written(|w| w.id(&[("name", "Waypost")])), "* ID (\"name\" \"Waypost\")");
}

#[test]
fn sorted_and_threaded() {
    let sorted = written(|w| {
        w.sort_start();
        [5, 3].into_iter().for_each(|number| w.search_number(number));
        w.search_end(Some(ModSeq(7)));
    });
    assert_eq!(sorted, "* SORT 5 3 (MODSEQ 7)");
    let threaded = written(|w| {
        w.thread_start();
        w.thread_space();
        w.thread_open();
        w.thread_number(2);
        w.thread_close();
        w.thread_end();
    });
    assert_eq!(threaded, "* THREAD (2)");
    let extended = written(|w| {
        w.esearch_start(&Tag::new(b"A285").unwrap(), true);
        w.esearch_item("MIN", 7);
        w.esearch_all();
        w.esearch_range(7..=7, true);
        w.esearch_range(10..=12, false);
        w.esearch_end();
    });
    assert_eq!(extended, "* ESEARCH (TAG \"A285\") UID MIN 7 ALL 7,10:12");
}

#[test]
fn lists_and_namespaces() {
    let name = MailboxName::new("a b/\u{53f0}\u{5317}").unwrap();
    let attributes = [MailboxAttribute::HasNoChildren, MailboxAttribute::Special(SpecialUse::Sent)];
    let line = written(|w| w.list(ListKind::List, &attributes, &name));
    assert_eq!(line, "* LIST (\\HasNoChildren \\Sent) \"/\" \"a b/&U,BTFw-\"");
    let root = written(|w| w.list_name(ListKind::Lsub, &[MailboxAttribute::NoSelect], ""));
    assert_eq!(root, "* LSUB (\\Noselect) \"/\" \"\"");
    let personal = [NamespaceEntry { prefix: String::new(), separator: '/' }];
    let line = written(|w| w.namespace([&personal, &[], &[]]));
    assert_eq!(line, "* NAMESPACE ((\"\" \"/\")) NIL NIL");
}

#[test]
fn status_lines() {
    let inbox = MailboxName::inbox();
    let items = [(StatusItem::Messages, 231), (StatusItem::MailboxId, 0), (StatusItem::UidNext, 9)];
    let line = written(|w| w.status(&inbox, &items, "M1"));
    assert_eq!(line, "* STATUS INBOX (MESSAGES 231 MAILBOXID (M1) UIDNEXT 9)");
    assert_eq!(written(|w| w.status(&inbox, &[], "")), "* STATUS INBOX ()");
}

#[test]
fn fetch_of_everything() {
    let line = written(|w| {
        let mut fetch = w.fetch(23);
        fetch.uid(Uid(7));
        fetch.flags(SystemFlags(SystemFlag::Seen as u8), true, ["$Junk"]);
        fetch.mod_seq(ModSeq(65_402));
        fetch.internal_date(UnixTime { seconds: 837_596_665, zone_minutes: -420 });
        fetch.size(44_827);
        fetch.email_id("E1-2");
        fetch.thread_id(None);
        fetch.ready("ENVELOPE", b"(NIL)");
        fetch.string("RFC822.TEXT", Some(b"a\"b"));
        fetch.end();
    });
    let expected = "* 23 FETCH (UID 7 FLAGS (\\Seen \\Recent $Junk) MODSEQ (65402) INTERNALDATE \
                    \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 44827 EMAILID (E1-2) THREADID NIL \
                    ENVELOPE (NIL) RFC822.TEXT \"a\\\"b\")";
    assert_eq!(line, expected);
}

#[test]
fn fetch_of_a_section_in_steps() {
    let fields = SectionText::HeaderFields(vec!["DATE".to_owned()]);
    let section = Section { part: vec![1, 2], text: fields };
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    let mut fetch = writer.fetch(1);
    fetch.section_literal(&section, Some(0), 4);
    out.extend_from_slice(b"ab");
    out.extend_from_slice(b"cd");
    let mut writer = Writer::new(&mut out);
    let mut fetch = writer.fetch_resumed();
    fetch.section(&Section { part: Vec::new(), text: SectionText::All }, None, None);
    fetch.end();
    let expected = "* 1 FETCH (BODY[1.2.HEADER.FIELDS (DATE)]<0> {4}\r\nabcd BODY[] NIL)\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}
