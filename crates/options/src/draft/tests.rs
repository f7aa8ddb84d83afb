//! Tests of drafts.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]
use super::*;
use crate::groups::sample;
use crate::*;

fn draft(text: &str) -> Draft {
    Draft::new(registry(), Texts::without_secrets(text), Path::new("/f")).unwrap()
}

fn sample(text: &str) -> Draft {
    Draft::new(sample::registry(), Texts::without_secrets(text), Path::new("/f")).unwrap()
}

/// Sets options one after the other; answers with the text.
fn written(text: &str, options: &[(&str, &str)]) -> String {
    let mut draft = sample(text);
    for (name, value) in options {
        draft.set(&find(sample::registry(), name).unwrap(), value).unwrap();
    }
    draft.texts().options
}

fn set(draft: &mut Draft, name: &str, text: &str) {
    draft.set(&find(registry(), name).unwrap(), text).unwrap();
}

#[test]
fn comments_and_order_stay() {
    let text =
        "# top\n[pop] # mail\nport = 1110 # ours\n# why\nidletimeout = 20\n\n[imap]\n# end\n";
    let mut draft = draft(text);
    set(&mut draft, "pop.port", "2110");
    set(&mut draft, "service.pop.enable", "yes");
    set(&mut draft, "imap.banner", "say \"hi\"");
    assert!(draft.unset(&find(registry(), "pop.idletimeout").unwrap()).unwrap());
    assert!(!draft.unset(&find(registry(), "pop.idletimeout").unwrap()).unwrap());
    set(&mut draft, "logfile.default.loglevel", "debug");
    let text = draft.texts().options;
    assert!(text.starts_with("# top\n[pop] # mail\nport = 2110 # ours\n"), "{text}");
    assert!(text.contains("enable = 1\n") && !text.contains("idletimeout"), "{text}");
    assert!(text.ends_with("# end\n\n[base.logfile]\nloglevel = \"Debug\"\n"), "{text}");
    let config = draft.config();
    assert_eq!(config.read(&IMAP_BANNER), "say \"hi\"");
    assert_eq!((config.read(&POP_PORT), config.read(&POP_ENABLE)), (2110, true));
    assert_eq!(config.read(&logfile::base::LOGLEVEL), "Debug");
}

#[test]
fn every_way_to_write_a_group_can_be_changed() {
    for text in ["pop.port = 1\n", "pop = { port = 1 }\n", "[pop]\nport = 1\n", ""] {
        let mut draft = draft(text);
        set(&mut draft, "pop.port", "2110");
        set(&mut draft, "pop.enablesslport", "-1");
        let read = Config::from_str(&format!("{}\n", draft.texts().options));
        assert!(read.is_err(), "the SSL port has no certificate: {}", draft.texts().options);
        assert!(draft.config().read(&POP_ENABLESSLPORT), "{}", draft.texts().options);
        assert_eq!(draft.config().read(&POP_PORT), 2110);
        draft.unset(&find(registry(), "pop.port").unwrap()).unwrap();
        assert_eq!(draft.config().read(&POP_PORT), 110, "{}", draft.texts().options);
    }
}

#[test]
fn every_default_can_be_set() {
    let mut draft = draft("");
    for record in registry() {
        let text = match Value::default_of(record) {
            Value::Switch(on) => u8::from(on).to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Secret(text) => text.expose().clone(),
            Value::Text(text) => text,
        };
        draft.set(&Place::of(record), &text).unwrap();
    }
    assert_eq!(draft.conflicts(), []);
    assert!(changed(&Config::from_str("").unwrap(), draft.config()).is_empty());
}

#[test]
fn what_is_refused_says_why_and_changes_nothing() {
    let mut draft = draft("[pop]\nport = 1110\n");
    let refused = draft.set(&find(registry(), "pop.idletimeout").unwrap(), "9").unwrap_err();
    assert_eq!(
        refused,
        "pop.idletimeout takes a number from 10 to 10080 minutes, not 9; \
         RFC 1939 section 3 allows no less than 10 minutes."
    );
    let refused = draft.set(&find(registry(), "imap.idletimeout").unwrap(), "29").unwrap_err();
    assert!(refused.contains("RFC 3501"), "{refused}");
    assert!(draft.set(&find(registry(), "pop.port").unwrap(), "65536").is_err());
    assert!(draft.set(&find(registry(), "pop.enable").unwrap(), "maybe").is_err());
    assert!(draft.set(&find(registry(), "pop.banner").unwrap(), "a\nb").is_err());
    assert_eq!(draft.texts().options, "[pop]\nport = 1110\n");
}

#[test]
fn a_refused_secret_is_not_repeated() {
    static RECORD: OptionRecord = BASE_HOSTNAME.record.secret();
    let refused = draft("").set(&Place::of(&RECORD), "xyzzy\n").unwrap_err();
    assert!(refused.contains("takes one line") && !refused.contains("xyzzy"), "{refused}");
}

#[test]
fn ports_can_change_places_and_a_clash_is_told() {
    let mut draft = draft("");
    set(&mut draft, "pop.port", "143");
    assert!(draft.conflicts()[0].reason.contains("imap.port and pop.port are both 143"));
    set(&mut draft, "imap.port", "110");
    assert_eq!(draft.conflicts(), []);
}

#[test]
fn a_file_that_is_not_understood_is_not_taken_in() {
    for text in ["[pop]\nport = = 1\n", "[pop]\nprot = 1\n", "[pop]\nport = 0\n", "[x]\n"] {
        assert!(
            Draft::new(registry(), Texts::without_secrets(text), Path::new("/f")).is_err(),
            "{text}"
        );
    }
    assert!(
        Draft::new(registry(), Texts::without_secrets("[pop]\nport = 143\n"), Path::new("/f"))
            .is_ok(),
        "can be mended"
    );
    let mut draft = draft("[pop]\nport = 1110\n");
    assert!(draft.replace(Texts::without_secrets("[pop]\nprot = 1\n")).is_err());
    assert_eq!(
        (draft.texts().options, draft.texts_read().options.clone()),
        (draft.read.options.clone(), draft.read.options.clone())
    );
    draft.replace(Texts::without_secrets("[pop]\nport = 2110\n")).unwrap();
    assert_eq!(draft.texts_read().options, "[pop]\nport = 1110\n");
    assert_eq!(draft.config().read(&POP_PORT), 2110);
}

#[test]
fn a_group_with_dots_is_a_table_in_a_table() {
    let depth = [("sample.proxy.depth", "-1")];
    for (before, after) in [
        ("", "[sample.proxy]\ndepth = -1\n"),
        ("# a\n[pop] # b\n# c\n", "# a\n[pop] # b\n# c\n\n[sample.proxy]\ndepth = -1\n"),
        ("[sample.proxy] # a\nuser = \"x\"\n", "[sample.proxy] # a\nuser = \"x\"\ndepth = -1\n"),
        ("[sample]\nproxy.depth = 3 # a\n", "[sample]\nproxy.depth = -1 # a\n"),
        ("sample.proxy.user = \"x\"\n", "sample.proxy.user = \"x\"\nsample.proxy.depth = -1\n"),
        ("sample = { proxy = { depth = 1 } }\n", "sample = { proxy = { depth = -1 } }\n"),
        ("[sample]\n# a\n[pop]\n", "[sample]\n\n[sample.proxy]\ndepth = -1\n# a\n[pop]\n"),
    ] {
        assert_eq!(written(before, &depth), after, "{before}");
        assert_eq!(sample(after).config().read(&sample::SAMPLE_DEPTH), -1);
    }
    let grown = written("sample = {}\n", &depth);
    assert_eq!(sample(&grown).config().read(&sample::SAMPLE_DEPTH), -1, "{grown}");
}

#[test]
fn each_name_has_a_table_between_quotes() {
    let options = [
        ("sample.proxy:b.example.port", "1143"),
        ("sample.proxy:a.admin", "root"),
        ("sample.proxy:b.example.admin", "me"),
    ];
    let text = written("[pop]\nport = 1110\n", &options);
    let expected = "[pop]\nport = 1110\n\n[sample.\"proxy:b.example\"]\nport = 1143\nadmin = \"me\"\n\n\
                    [sample.\"proxy:a\"]\nadmin = \"root\"\n";
    assert_eq!(text, expected);
    let mut draft = sample(&text);
    let read = |draft: &Draft, member| draft.config().read_named(&sample::SAMPLE_PORT, member);
    assert_eq!(draft.config().members(&sample::SAMPLE_PORT), ["a", "b.example"]);
    assert_eq!((read(&draft, "b.example"), read(&draft, "a"), read(&draft, "c")), (1143, 143, 143));
    let admin = find(sample::registry(), "sample.proxy:a.admin").unwrap();
    assert!(draft.unset(&admin).unwrap());
    assert_eq!(draft.config().members(&sample::SAMPLE_PORT), ["b.example"]);
}

#[test]
fn a_text_of_a_grammar_is_refused_with_the_place() {
    let words = find(sample::registry(), "sample.proxy.words").unwrap();
    let refused = sample("").set(&words, "one,2").unwrap_err();
    let expected = "sample.proxy.words: a word has letters only\n  one,2\n      ^\n  \
                    it is written WORD[,WORD...]";
    assert_eq!(refused, expected);
    let mut draft = sample("");
    draft.set(&words, "one,two").unwrap();
    assert_eq!(draft.config().read(&sample::SAMPLE_WORDS).as_deref(), Some("one,two"));
    draft.set(&words, "").unwrap();
    assert_eq!(draft.config().read(&sample::SAMPLE_WORDS), None);
}

#[test]
fn a_secret_stands_in_its_own_file() {
    let mut draft = sample("# ours\n");
    let password = find(sample::registry(), "sample.proxy:b1.password").unwrap();
    draft.set(&password, "xyzzy").unwrap();
    let Texts { options, secrets } = draft.texts();
    assert_eq!(options, "# ours\n");
    assert_eq!(secrets.expose(), "[sample.\"proxy:b1\"]\npassword = \"xyzzy\"\n");
    let read = draft.config().read_named(&sample::SAMPLE_PASSWORD, "b1");
    assert_eq!(read.unwrap().expose(), "xyzzy");
    let value = draft.config().value_at(&password);
    assert_eq!((value.to_string(), value.reveal()), ("(hidden)".into(), "\"xyzzy\"".into()));
    assert!(!format!("{value:?}").contains("xyzzy"));
    assert!(draft.unset(&password).unwrap());
    assert!(draft.config().read_named(&sample::SAMPLE_PASSWORD, "b1").is_none());
    assert_eq!(draft.config().value_at(&password).to_string(), "(not set)");
}
