//! Every command of the grammar with examples of its RFC, and what each refuses.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use bytes::BytesMut;
use waypost_imap_wire::{
    Charset, Command, Day, Decoder, FetchItem, FlagChangeKind, Frame, Limits, ModSeqScope,
    ObjectId, Partial, Refusal, ResponseCode, ReturnOptions, SearchKey, Section, SectionText,
    SequenceSet, SortCriterion, SortKey, Status, StatusItem, ThreadAlgorithm,
};
use waypost_types::{Keyword, MailboxName, ModSeq, SpecialUse, SystemFlag};

fn frame(text: &str) -> Frame {
    let mut input = BytesMut::from(format!("A001 {text}\r\n").as_bytes());
    Decoder::new(Limits::USER).next(&mut input)
}

fn command(text: &str) -> Command {
    match frame(text) {
        Frame::Command(tagged) => tagged.command,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> Refusal {
    match frame(text) {
        Frame::Refused(refusal) => refusal,
        other => panic!("{text}: {other:?}"),
    }
}

fn assert_bad(texts: &[&str]) {
    for text in texts {
        assert_eq!(refused(text).status, Status::Bad, "{text}");
    }
}

fn name(text: &str) -> MailboxName {
    MailboxName::new(text).unwrap()
}

fn set(text: &str) -> SequenceSet {
    match command(&format!("UID EXPUNGE {text}")) {
        Command::UidExpunge { set } => set,
        other => panic!("{other:?}"),
    }
}

#[test]
fn commands_without_arguments() {
    for text in [
        "CAPABILITY",
        "NOOP",
        "LOGOUT",
        "STARTTLS",
        "NAMESPACE",
        "IDLE",
        "CHECK",
        "CLOSE",
        "UNSELECT",
        "EXPUNGE",
    ] {
        assert_eq!(command(text).name(), text);
        assert_eq!(command(&text.to_lowercase()).name(), text);
        assert_bad(&[&format!("{text} x"), &format!("UID {text} x")]);
    }
    assert_bad(&["", "FROB", "UID", "UID NOOP", "AVERYLONGCOMMANDNAMEINDEED", "NOOP\0"]);
}

#[test]
fn id() {
    let Command::Id(pairs) = command("ID (\"name\" \"sodr\" \"vendor\" NIL)") else { panic!() };
    assert_eq!(pairs[0], ("name".to_owned(), Some("sodr".to_owned())));
    assert_eq!(pairs[1], ("vendor".to_owned(), None));
    assert!(matches!(command("ID NIL"), Command::Id(pairs) if pairs.is_empty()));
    let many = "\"a\" NIL ".repeat(31);
    assert_eq!(refused(&format!("ID ({})", many.trim())).code, Some(ResponseCode::Limit));
    assert_bad(&["ID", "ID (\"a\")", "ID (a b)"]);
}

#[test]
fn authenticate() {
    let parts = |text: &str| match command(text) {
        Command::Authenticate { mechanism, initial } => {
            (mechanism, initial.map(|secret| secret.expose().clone()))
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(parts("AUTHENTICATE plain"), ("PLAIN".to_owned(), None));
    let initial = Some(b"\0alice\0pw".to_vec());
    assert_eq!(parts("AUTHENTICATE PLAIN AGFsaWNlAHB3"), ("PLAIN".to_owned(), initial));
    assert_eq!(parts("AUTHENTICATE EXTERNAL ="), ("EXTERNAL".to_owned(), Some(Vec::new())));
    assert_bad(&["AUTHENTICATE", "AUTHENTICATE PLAIN x!", "AUTHENTICATE PLAIN QQ== QQ=="]);
}

#[test]
fn login_does_not_show_its_password() {
    let login = command("LOGIN \"al\\\"ice\" \"se\\\\same\"");
    assert!(!format!("{login:?}").contains("same"));
    let Command::Login { user, password } = login else { panic!() };
    assert_eq!((user.as_str(), password.expose().as_slice()), ("al\"ice", &b"se\\same"[..]));
    assert_bad(&["LOGIN", "LOGIN a", "LOGIN a b c", "LOGIN \"a b", "LOGIN a\"b c"]);
}

#[test]
fn enable() {
    let Command::Enable(names) = command("ENABLE condstore X-Good") else { panic!() };
    assert_eq!(names, ["CONDSTORE", "X-GOOD"]);
    assert_bad(&["ENABLE"]);
}

#[test]
fn select_and_examine() {
    let Command::Select { mailbox, condstore } = command("SELECT inbox") else { panic!() };
    assert!(mailbox.is_inbox() && !condstore);
    let Command::Examine { mailbox, condstore } = command("EXAMINE \"a b\" (CONDSTORE)") else {
        panic!()
    };
    assert_eq!((mailbox, condstore), (name("a b"), true));
    assert_bad(&["SELECT", "SELECT a (QRESYNC)", "SELECT a ()", "SELECT a b", "SELECT &Jjo!"]);
    assert_eq!(refused("SELECT \"\"").code, Some(ResponseCode::Cannot));
}

#[test]
fn names_are_utf8_inside() {
    for wire in ["&U,BTFw-/&ZeVnLIqe-", "\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}"] {
        let Command::Delete { mailbox } = command(&format!("DELETE {wire}")) else { panic!() };
        assert_eq!(mailbox.as_str(), "\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}");
    }
    assert_eq!(refused("DELETE &AGE-").text, "mailbox name is not valid modified UTF-7");
}

#[test]
fn create_rename_and_subscriptions() {
    let Command::Create { mailbox, special_use } = command("CREATE owatagusiam/") else { panic!() };
    assert_eq!((mailbox, special_use.len()), (name("owatagusiam"), 0));
    let Command::Create { special_use, .. } = command("CREATE x (USE (\\Drafts \\SENT))") else {
        panic!()
    };
    assert_eq!(special_use, [SpecialUse::Drafts, SpecialUse::Sent]);
    assert_eq!(refused("CREATE x (USE (\\All))").code, Some(ResponseCode::UseAttr));
    let Command::Rename { from, to } = command("RENAME blurdybloop sarasoop") else { panic!() };
    assert_eq!((from, to), (name("blurdybloop"), name("sarasoop")));
    assert!(
        matches!(command("SUBSCRIBE a.b"), Command::Subscribe { mailbox } if mailbox == name("a.b"))
    );
    assert!(
        matches!(command("UNSUBSCRIBE a"), Command::Unsubscribe { mailbox } if mailbox == name("a"))
    );
    assert_bad(&["CREATE", "CREATE x (USE \\Sent)", "CREATE x (FOO)", "RENAME a", "SUBSCRIBE a b"]);
}

#[test]
fn list_and_lsub() {
    let Command::List(list) = command("LIST \"\" *") else { panic!() };
    assert!(list.patterns[0].matches(&name("a/b")) && !list.asks_separator);
    let Command::List(list) = command("LIST \"\" \"\"") else { panic!() };
    assert!(list.asks_separator);
    let Command::Lsub(list) = command("LSUB news/ comp.mail.%") else { panic!() };
    assert_eq!(list.patterns[0].as_str(), "news/comp.mail.%");
    let Command::List(list) = command("LIST \"\" {3+}\r\na*b") else { panic!() };
    assert!(list.patterns[0].matches(&name("axxb")));
    let Command::List(list) = command("LIST (SPECIAL-USE) \"\" * RETURN (special-use)") else {
        panic!()
    };
    assert!(list.special_use_only);
    let Command::List(list) = command("LIST \"\" * RETURN (SPECIAL-USE)") else { panic!() };
    assert!(!list.special_use_only);
    let only = "of the options of LIST only SPECIAL-USE is supported";
    assert_eq!(refused("LIST (SPECIAL-USE SUBSCRIBED) \"\" *").text, only);
    assert_eq!(refused("LIST \"\" * RETURN (CHILDREN)").text, only);
    assert_eq!(refused("LIST \"\" (a b)").text, "LIST with several patterns is not supported");
    assert_bad(&[
        "LIST () \"\" *",
        "LIST \"\" * RETURN",
        "LSUB (SPECIAL-USE) \"\" *",
        "LIST",
        "LIST \"\"",
        "LIST \"\" a b",
        "LSUB \"\" &",
    ]);
}

#[test]
fn status() {
    let Command::Status { mailbox, items } =
        command("STATUS blurdybloop (UIDNEXT messages UIDNEXT HIGHESTMODSEQ MAILBOXID)")
    else {
        panic!()
    };
    assert_eq!(mailbox, name("blurdybloop"));
    let expected = [
        StatusItem::UidNext,
        StatusItem::Messages,
        StatusItem::HighestModSeq,
        StatusItem::MailboxId,
    ];
    assert_eq!(items, expected);
    assert_bad(&["STATUS a", "STATUS a ()", "STATUS a MESSAGES", "STATUS a (FOO)"]);
}

#[test]
fn sets() {
    let ranges = set("1,5:3,2:*,*").numbers(9);
    assert_eq!(ranges, [1..=9]);
    assert_eq!(set("2,4:7,9,12:*").numbers(15), [2..=2, 4..=7, 9..=9, 12..=15]);
    assert_bad(&[
        "UID EXPUNGE 0",
        "UID EXPUNGE 1:",
        "UID EXPUNGE ,",
        "UID EXPUNGE 1,",
        "UID EXPUNGE $",
    ]);
    assert_bad(&["UID EXPUNGE 4294967296", "UID EXPUNGE 1:2:3", "UID EXPUNGE **"]);
    let many = vec!["1"; 10_001].join(",");
    assert_eq!(refused(&format!("UID EXPUNGE {many}")).code, Some(ResponseCode::Limit));
}

fn items(text: &str) -> Vec<FetchItem> {
    match command(&format!("FETCH 1 {text}")) {
        Command::Fetch { items, .. } => items,
        other => panic!("{other:?}"),
    }
}

fn section(text: &str) -> (Section, bool, Option<Partial>) {
    match items(text).pop().unwrap() {
        FetchItem::BodySection { peek, section, partial } => (section, peek, partial),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fetch_items() {
    let all = [
        FetchItem::Flags,
        FetchItem::InternalDate,
        FetchItem::Rfc822Size,
        FetchItem::Envelope,
        FetchItem::Body,
    ];
    assert_eq!(items("FULL"), all);
    assert_eq!(items("all"), all[..4]);
    assert_eq!(items("FAST"), all[..3]);
    let long = "(UID BODYSTRUCTURE RFC822 RFC822.HEADER RFC822.TEXT MODSEQ EMAILID THREADID)";
    assert_eq!(items(long).len(), 8);
    assert_bad(&["FETCH 1", "FETCH 1 ()", "FETCH 1 (ALL)", "FETCH 1 FOO", "FETCH 1 ALLFLAGS"]);
    assert_bad(&["FETCH 1 (UID  FLAGS)", "FETCH 1 (UID", "FETCH 1 BODY[", "FETCH 1 BINARY[1]"]);
    let many = format!("FETCH 1 ({})", vec!["UID"; 101].join(" "));
    assert_eq!(refused(&many).code, Some(ResponseCode::Limit));
}

#[test]
fn fetch_sections_write_what_they_read() {
    for text in [
        "",
        "HEADER",
        "TEXT",
        "HEADER.FIELDS (DATE FROM)",
        "HEADER.FIELDS.NOT (\"a b\")",
        "1",
        "3.HEADER",
        "4.1.MIME",
        "4.2.2.2.HEADER.FIELDS (X)",
        "1.TEXT",
    ] {
        let mut out = Vec::new();
        section(&format!("BODY[{text}]")).0.push(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
    let (_, peek, partial) = section("body.peek[]<0.2048>");
    assert_eq!((peek, partial), (true, Some(Partial { start: 0, count: 2048 })));
    let (section, peek, _) = section("BODY[header.fields (To)]");
    assert_eq!(section.text, SectionText::HeaderFields(vec!["To".to_owned()]));
    assert!(!peek);
    assert_bad(&[
        "FETCH 1 BODY[MIME]",
        "FETCH 1 BODY[0]",
        "FETCH 1 BODY[1.]",
        "FETCH 1 BODY[1.FOO]",
    ]);
    assert_bad(&["FETCH 1 BODY[]<0>", "FETCH 1 BODY[]<0.0>", "FETCH 1 BODY[HEADER.FIELDS ()]"]);
    assert_eq!(
        refused(&format!("FETCH 1 BODY[{}1]", "1.".repeat(64))).code,
        Some(ResponseCode::Limit)
    );
}

#[test]
fn fetch_changed_since() {
    let text = "UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345)";
    let Command::Fetch { uid, set: found, changed_since, .. } = command(text) else { panic!() };
    assert_eq!((uid, changed_since), (true, Some(ModSeq(12_345))));
    assert_eq!(found, set("300:500"));
    assert_bad(&["UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)", "FETCH 1 FLAGS (FOO 1)"]);
    assert_bad(&["FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)"]);
}

#[test]
fn store() {
    let text = "STORE 2:4 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted $Processed \\Recent)";
    let Command::Store { uid, unchanged_since, change, .. } = command(text) else { panic!() };
    assert_eq!((uid, unchanged_since), (false, Some(ModSeq(320_162_338))));
    assert_eq!((change.kind, change.silent), (FlagChangeKind::Add, true));
    assert!(change.flags.system.contains(SystemFlag::Deleted));
    assert_eq!(change.flags.keywords, [Keyword::new("$processed").unwrap()]);
    let Command::Store { change, uid, .. } = command("UID STORE 1 -flags \\Seen a b") else {
        panic!()
    };
    assert!(uid && !change.silent && change.kind == FlagChangeKind::Remove);
    assert_eq!(change.flags.keywords.len(), 2);
    let Command::Store { change, .. } = command("STORE 1 FLAGS ()") else { panic!() };
    assert!(change.flags.is_empty() && change.kind == FlagChangeKind::Replace);
    assert_bad(&[
        "STORE 1 FLAGS",
        "STORE 1 FLAG (\\Seen)",
        "STORE 1 FLAGS (\\Foo)",
        "STORE 1 FLAGS (\\)",
    ]);
    assert_bad(&[
        "STORE 1 (FOO 1) FLAGS ()",
        "STORE 1 FLAGS (a",
        "STORE 1 FLAGS (a%)",
        "STORE 1 FLAGS \\*",
    ]);
    let long = format!("STORE 1 FLAGS ({})", "k".repeat(101));
    assert_eq!(refused(&long).code, Some(ResponseCode::Limit));
    let many = format!("STORE 1 FLAGS ({})", vec!["a"; 201].join(" "));
    assert_eq!(refused(&many).code, Some(ResponseCode::Limit));
}

#[test]
fn copy_and_move() {
    let Command::Copy { uid, mailbox, .. } = command("COPY 2:4 MEETING") else { panic!() };
    assert_eq!((uid, mailbox), (false, name("MEETING")));
    let Command::Move { uid, .. } = command("UID MOVE 42:69 foo") else { panic!() };
    assert!(uid);
    assert_bad(&["COPY 1", "COPY MEETING", "MOVE 1 a b"]);
}

fn search(text: &str) -> SearchKey {
    match command(&format!("SEARCH {text}")) {
        Command::Search { criteria, .. } => criteria,
        other => panic!("{other:?}"),
    }
}

fn not(key: SearchKey) -> SearchKey {
    SearchKey::Not(Box::new(key))
}

#[test]
fn search_examples() {
    let since = Day::from_civil(1994, 2, 1).unwrap();
    let expected = SearchKey::And(vec![
        SearchKey::Flag(SystemFlag::Flagged),
        SearchKey::Since(since),
        not(SearchKey::From("Smith".to_owned())),
    ]);
    assert_eq!(search("FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\""), expected);
    let Command::Search { charset, criteria, uid, returns: None } =
        command("UID SEARCH CHARSET utf-8 TEXT {6+}\r\n\u{43c}\u{430}\u{43c}")
    else {
        panic!()
    };
    assert_eq!((charset, uid), (Charset::Utf8, true));
    assert_eq!(criteria, SearchKey::Text("\u{43c}\u{430}\u{43c}".to_owned()));
    assert_eq!(search("1,3 "), SearchKey::Sequence(set("1,3")));
    let or = SearchKey::Or(Box::new(SearchKey::Recent), Box::new(not(SearchKey::Recent)));
    assert_eq!(search("OR RECENT OLD"), or);
    assert_eq!(search("(OR RECENT (OLD))"), or);
}

#[test]
fn search_keys_of_every_kind() {
    for text in [
        "ALL",
        "ANSWERED",
        "BCC x",
        "BEFORE 1-Jan-2000",
        "BODY x",
        "CC x",
        "DELETED",
        "DRAFT",
        "FLAGGED",
        "FROM x",
        "HEADER a \"\"",
        "KEYWORD x",
        "LARGER 1",
        "NEW",
        "NOT ALL",
        "OLD",
        "ON \"1-Jan-2000\"",
        "OR ALL ALL",
        "RECENT",
        "SEEN",
        "SENTBEFORE 1-Jan-2000",
        "SENTON 1-Jan-2000",
        "SENTSINCE 1-Jan-2000",
        "SINCE 1-Jan-2000",
        "SMALLER 1",
        "SUBJECT x",
        "TEXT x",
        "TO x",
        "UID 1:*",
        "UNANSWERED",
        "UNDELETED",
        "UNDRAFT",
        "UNFLAGGED",
        "UNKEYWORD x",
        "UNSEEN",
        "EMAILID M1",
        "THREADID T-1",
    ] {
        search(text);
        assert_bad(&[&format!("SEARCH {text}x ("), &format!("SEARCH ({text}")]);
    }
    assert_bad(&[
        "SEARCH",
        "SEARCH ()",
        "SEARCH NOT",
        "SEARCH OR ALL",
        "SEARCH FOO",
        "SEARCH ALL  ALL",
    ]);
    assert_bad(&["SEARCH ON 31-Feb-2000", "SEARCH EMAILID a/b", "SEARCH RETURN (PARTIAL 1:2) ALL"]);
    let charset = refused("SEARCH CHARSET KOI8-R ALL");
    assert_eq!(charset.status, Status::No);
    assert!(matches!(charset.code, Some(ResponseCode::BadCharset(names)) if names.len() == 2));
}

fn returns(text: &str) -> Option<ReturnOptions> {
    match command(&format!("{text} CHARSET UTF-8 FLAGGED")) {
        Command::Search { returns, charset: Charset::Utf8, .. } => returns,
        other => panic!("{other:?}"),
    }
}

#[test]
fn search_with_return_options() {
    let none = ReturnOptions::default();
    assert_eq!(returns("SEARCH"), None);
    assert_eq!(returns("SEARCH RETURN ()"), Some(ReturnOptions { all: true, ..none }));
    let some = ReturnOptions { min: true, count: true, ..none };
    assert_eq!(returns("UID SEARCH return (Min count MIN)"), Some(some));
    let every = ReturnOptions { min: true, max: true, all: true, count: true };
    assert_eq!(returns("SEARCH RETURN (ALL COUNT MAX MIN)"), Some(every));
    assert_bad(&[
        "SEARCH RETURN ALL",
        "SEARCH RETURN (ALL)",
        "SEARCH RETURN ( ALL) ALL",
        "SEARCH RETURN (ALL",
        "SEARCH RETURN () ",
        "SEARCH RETURN (SAVE) ALL",
        "SEARCH RETURN (UPDATE) ALL",
    ]);
    let many = format!("SEARCH RETURN ({}ALL) ALL", "ALL ".repeat(Limits::OPTION_WORDS));
    assert_eq!(refused(&many).code, Some(ResponseCode::Limit));
}

#[test]
fn sort_examples() {
    let Command::Sort { uid, returns, order, charset, criteria } =
        command("SORT (SUBJECT REVERSE DATE) UTF-8 SINCE 1-Feb-1994")
    else {
        panic!()
    };
    let expected = [(SortKey::Subject, false), (SortKey::Date, true)]
        .map(|(key, reverse)| SortCriterion { key, reverse });
    assert_eq!((uid, returns, charset), (false, None, Charset::Utf8));
    assert_eq!(order, expected);
    assert_eq!(criteria, SearchKey::Since(Day::from_civil(1994, 2, 1).unwrap()));
    let Command::Sort { uid, returns, charset, criteria, .. } =
        command("uid sort return (max all) (reverse displayto) \"us-ascii\" UNDELETED 1:5")
    else {
        panic!()
    };
    let options = ReturnOptions { max: true, all: true, ..ReturnOptions::default() };
    assert_eq!((uid, returns, charset), (true, Some(options), Charset::UsAscii));
    assert!(matches!(criteria, SearchKey::And(keys) if keys.len() == 2));
}

#[test]
fn sort_keys_of_every_kind() {
    for key in SortKey::ALL {
        let Command::Sort { order, .. } = command(&format!("SORT ({}) UTF-8 ALL", key.name()))
        else {
            panic!()
        };
        assert_eq!(order, [SortCriterion { key, reverse: false }]);
        assert_bad(&[&format!("SORT ({}X) UTF-8 ALL", key.name())]);
    }
    assert_bad(&[
        "SORT",
        "SORT () UTF-8 ALL",
        "SORT (REVERSE) UTF-8 ALL",
        "SORT (REVERSE REVERSE DATE) UTF-8 ALL",
        "SORT (DATE  SIZE) UTF-8 ALL",
        "SORT DATE UTF-8 ALL",
        "SORT (DATE) ALL",
        "SORT (DATE) UTF-8",
        "SORT (DATE) UTF-8 FOO",
    ]);
    let many = format!("SORT ({}DATE) UTF-8 ALL", "DATE ".repeat(Limits::SORT_CRITERIA));
    assert_eq!(refused(&many).code, Some(ResponseCode::Limit));
    let charset = refused("SORT (DATE) KOI8-R ALL");
    assert!(matches!(charset.code, Some(ResponseCode::BadCharset(names)) if names.len() == 2));
}

#[test]
fn thread_examples() {
    let Command::Thread { uid, algorithm, charset, criteria } =
        command("THREAD ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000")
    else {
        panic!()
    };
    assert_eq!((uid, algorithm), (false, ThreadAlgorithm::OrderedSubject));
    assert_eq!(charset, Charset::Utf8);
    assert_eq!(criteria, SearchKey::Since(Day::from_civil(2000, 3, 5).unwrap()));
    let Command::Thread { uid, algorithm, .. } = command("UID THREAD references US-ASCII ALL")
    else {
        panic!()
    };
    assert_eq!((uid, algorithm), (true, ThreadAlgorithm::References));
    assert_bad(&["THREAD", "THREAD REFS UTF-8 ALL", "THREAD REFERENCES ALL", "THREAD REFERENCES"]);
    let charset = refused("THREAD REFERENCES KOI8-R TEXT x");
    assert!(matches!(charset.code, Some(ResponseCode::BadCharset(_))));
}

#[test]
fn search_by_mod_seq_and_object() {
    let key = SearchKey::ModSeq { scope: None, at_least: ModSeq(620_162_338) };
    assert_eq!(search("MODSEQ 620162338"), key);
    let scope = Some(ModSeqScope { entry: "/flags/\\draft".to_owned() });
    let key = SearchKey::ModSeq { scope, at_least: ModSeq(620_162_338) };
    assert_eq!(search("MODSEQ \"/flags/\\\\draft\" all 620162338"), key);
    assert!(search("OR NOT (ALL MODSEQ 5) ALL").mentions_mod_seq());
    assert!(!search("OR NOT ALL ALL").mentions_mod_seq());
    assert_eq!(search("EMAILID E1-2"), SearchKey::EmailId(ObjectId::new(b"E1-2").unwrap()));
}

#[test]
fn search_is_bounded() {
    let deep = |n: usize| format!("SEARCH {}ALL{}", "(".repeat(n), ")".repeat(n));
    assert!(matches!(frame(&deep(32)), Frame::Command(_)));
    assert_eq!(refused(&deep(33)).code, Some(ResponseCode::Limit));
    assert_eq!(
        refused(&format!("SEARCH {}ALL", "NOT ".repeat(5_000))).code,
        Some(ResponseCode::Limit)
    );
    let wide = |n: usize| format!("SEARCH {}", vec!["ALL"; n].join(" "));
    assert!(matches!(frame(&wide(1_000)), Frame::Command(_)));
    assert_eq!(refused(&wide(1_001)).code, Some(ResponseCode::Limit));
}

#[test]
fn append_needs_a_literal() {
    assert_bad(&["APPEND a \"text\"", "APPEND a", "APPEND a (\\Seen)", "APPEND a (\\Foo) {3}"]);
    assert_bad(&[
        "APPEND a \"1-Jan-2000\" {3}",
        "APPEND a ~{3}",
        "APPEND a {3} {3}",
        "APPEND a CATENATE {3}",
    ]);
}
