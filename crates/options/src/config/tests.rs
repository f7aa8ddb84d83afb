//! Tests of the configuration file.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::*;
use crate::*;
use std::time::Duration;

fn refused(text: &str) -> Vec<(Option<usize>, String)> {
    let Err(error) = Config::from_str(text) else { panic!("accepted: {text}") };
    error.problems.into_iter().map(|p| (p.line, p.reason)).collect()
}

fn reason(text: &str) -> String {
    let mut problems = refused(text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0).1
}

#[test]
fn an_empty_file_is_all_defaults() {
    let config = Config::from_str("").unwrap();
    assert_eq!(config.read(&IMAP_PORT), 143);
    assert_eq!(config.read(&POP_MAXSESSIONS), 600);
    assert_eq!(config.read(&POP_IDLETIMEOUT), Duration::from_secs(600));
    assert_eq!(config.read(&STORE_CLEANUPAGE), Duration::from_secs(3_600));
    assert_eq!(config.read(&BASE_SSLCERTFILE), None);
    assert_eq!(config.read(&LMTP_SOCKET), None);
    assert_eq!(config.read(&LMTP_LISTENADDR), Some("127.0.0.1".parse().unwrap()));
    assert_eq!(config.read(&BASE_LISTENADDR), None);
}

#[test]
fn what_the_file_says_is_read() {
    let text = "imap.port = 1143 # ours\n\
                [pop]\nport = \"1110\"\nidletimeout = 20\nbanner = \"hi\"\n\
                [base]\nlistenaddr = \"::1\"\nhostname = \"h.example\"\n\
                [lmtp]\nsocket = \"/run/lmtp\"\nlistenaddr = \"\"\n";
    let config = Config::from_str(text).unwrap();
    assert_eq!((config.read(&IMAP_PORT), config.read(&POP_PORT)), (1143, 1110));
    assert_eq!(config.read(&POP_IDLETIMEOUT), Duration::from_secs(1_200));
    assert_eq!(config.read(&POP_BANNER), "hi");
    assert_eq!(config.read(&BASE_LISTENADDR), Some("::1".parse().unwrap()));
    assert_eq!(config.read(&BASE_HOSTNAME).as_deref(), Some("h.example"));
    assert_eq!(config.read(&LMTP_SOCKET), Some(PathBuf::from("/run/lmtp")));
    assert_eq!(config.read(&LMTP_LISTENADDR), None);
}

#[test]
fn switches_take_every_spelling() {
    for (text, on) in [
        ("1", true),
        ("-1", true),
        ("\"-1\"", true),
        ("0", false),
        ("true", true),
        ("false", false),
        ("\"yes\"", true),
        ("\"No\"", false),
        ("\"TRUE\"", true),
        ("\"0\"", false),
    ] {
        let config = Config::from_str(&format!("[pop]\nenable = {text}")).unwrap();
        assert_eq!(config.read(&POP_ENABLE), on, "{text}");
    }
    for text in ["2", "-2", "\"on\"", "1.0", "[]"] {
        assert!(reason(&format!("[pop]\nenable = {text}")).contains("takes 1 or 0"), "{text}");
    }
}

#[test]
fn numbers_keep_their_bounds() {
    let expected = "imap.port takes a number from 1 to 65535, not 0";
    assert_eq!(refused("[imap]\n\nport = 0"), [(Some(3), expected.to_owned())]);
    for text in ["65536", "-1", "\"x\"", "1.5", "true", "99999999999999999999"] {
        assert_eq!(refused(&format!("[imap]\nport = {text}")).len(), 1, "{text}");
    }
    let floor = reason("[pop]\nidletimeout = 9");
    assert_eq!(floor, "pop.idletimeout takes a number from 10 to 10080 minutes, not 9");
    assert!(reason("[imap]\nidletimeout = 29").contains("from 30"));
}

#[test]
fn texts_keep_their_rules() {
    assert!(reason("[imap.logfile]\nloglevel = \"loud\"").contains("Nolog, Critical, Error,"));
    assert!(reason("[base]\nlistenaddr = \"localhost\"").contains("IP address"));
    assert!(reason("[base]\ndefaultdomain = \"\"").contains("must not be empty"));
    assert!(reason("[store]\npath = \"-\"").contains("takes a path"));
    assert!(reason("[pop]\nbanner = \"a\\nb\"").contains("one line"));
    assert!(reason("[pop]\nbanner = 7").contains("text in quotes"));
    let long = format!("[pop]\nbanner = \"{}\"", "x".repeat(1_001));
    assert!(reason(&long).contains("1000 bytes"));
}

#[test]
fn unknown_names_are_met_with_the_nearest() {
    let problems = refused("[imap]\nprot = 1\n[pop3]\nport = 1\n[imap.x]\n[zebra]\n");
    let expected = [
        (Some(2), "unknown option imap.prot; did you mean imap.port?"),
        (Some(5), "unknown group imap.x; did you mean imap?"),
        (Some(3), "unknown group pop3; did you mean pop?"),
        (Some(6), "unknown group zebra"),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(line, text)| (*line, (*text).to_owned())).collect();
    assert_eq!(problems, expected);
    assert!(reason("imap = 1").contains("write [imap]"));
    let sample = |text: &str| {
        let read = Config::parse_options(
            crate::groups::sample::registry(),
            &Texts::without_secrets(text),
            Path::new(""),
        );
        let Err(problems) = read else { panic!("accepted: {text}") };
        problems.iter().map(|problem| problem.reason.as_str()).collect::<Vec<_>>().join("; ")
    };
    for (text, expected) in [
        ("[sample]\nproxy = 1\n", "write [sample.proxy]"),
        ("[sample]\nproxy.dept = 1\n", "did you mean sample.proxy.depth?"),
        ("[sample.prox]\n", "unknown group sample.prox; did you mean sample.proxy?"),
        ("[sample.proxy]\nport = 1\n", "write [sample.\"proxy:NAME\"]"),
        ("[sample.\"proxy:a\"]\nprot = 1\n", "did you mean sample.proxy:a.port?"),
        ("[sample.\"proxy:a\"]\ndepth = 1\n", "sample.proxy:a.depth"),
        ("[sample.\"proxy:a b\"]\nport = 1\n", "letters, digits"),
        ("[sample]\n\"proxy:a\" = 1\n", "write [sample.\"proxy:a\"]"),
        ("[\"pop:a\"]\nport = 1\n", "pop takes no name: write [pop]"),
        ("[\"sample.proxy\"]\ndepth = 1\n", "dot between quotes; write sample.proxy"),
        ("[sample.proxy:a]\nport = 1\n", "[\"group:name\"]"),
    ] {
        assert!(sample(text).contains(expected), "{text}: {}", sample(text));
    }
    let many: String = (0..101).map(|n| format!("[sample.\"proxy:n{n}\"]\nport = 1\n")).collect();
    assert!(sample(&many).contains("more than 100 names"), "{}", sample(&many));
    assert!(reason("[[imap]]\nport = 1").contains("write [imap]"));
}

#[test]
fn a_damaged_file_is_told_with_its_line_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let text = "[imap]\nport = 143\nidletimeout = = 3\n";
    std::fs::write(&path, text).unwrap();
    let Err(error) = Config::load(&path) else { panic!("accepted") };
    assert_eq!(error.problems[0].line, Some(3));
    let start = format!("{}:3: ", path.display());
    assert!(error.to_string().starts_with(&start), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.toml");
    let Err(error) = Config::load(&missing) else { panic!("accepted") };
    assert!(error.to_string().contains("none.toml: cannot be opened"), "{error}");
    let path = folder.path().join("large.toml");
    std::fs::write(&path, "#".repeat(usize::try_from(MAX_FILE_BYTES).unwrap() + 1)).unwrap();
    let Err(error) = Config::load(&path) else { panic!("accepted") };
    assert!(error.to_string().contains("is larger than"), "{error}");
    std::fs::write(&path, b"\xff").unwrap();
    assert!(Config::load(&path).is_err());
}

#[test]
fn relative_paths_count_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, "[store]\npath = \"mail\"\n[base.logfile]\nlogdir = \"-\"\n").unwrap();
    let config = Config::load(&path).unwrap();
    assert_eq!(config.read(&STORE_PATH), folder.path().join("mail"));
    assert_eq!(config.read(&BASE_DIRECTORYPATH), folder.path().join("directory"));
    assert_eq!(config.read(&logfile::base::LOGDIR), None);
}

#[test]
fn two_services_on_one_port_are_named() {
    let both = refused("[imap]\nport = 1110\n[pop]\nport = 1110\n");
    let expected = "imap.port and pop.port are both 1110; give one another port";
    assert_eq!(both, [(Some(4), expected.to_owned())]);
    let default = refused("[lmtp]\nport = 143\n");
    let expected = "imap.port and lmtp.port are both 143; give one another port";
    assert_eq!(default, [(Some(2), expected.to_owned())]);
    assert!(Config::from_str("[imap]\nport = 110\n[pop]\nenable = 0\n").is_ok());
    assert!(Config::from_str("[imap]\nport = 995\n").is_ok(), "an SSL port that is off is free");
}

#[test]
fn cipher_suites_must_serve_an_allowed_version() {
    let suite = "ssladjustciphersuites = \"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\"\n";
    assert!(Config::from_str(&format!("[base]\n{suite}")).is_ok());
    let problems = refused(&format!("[base]\ntlsminversion = \"TLS1.3\"\n{suite}"));
    let [(Some(3), told)] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(told.contains("selects no cipher suite of TLS1.3"), "{told}");
    assert!(told.contains("TLS_AES_128_GCM_SHA256"), "{told}");
    let old = reason("[base]\ntlsminversion = \"TLS1.1\"\n");
    assert!(old.contains("takes one of: TLS1.2, TLS1.3"), "{old}");
    let key = "[base]\nsslkeypassword = 7\n";
    assert!(!reason(key).contains('7'), "a secret is not repeated");
}

#[test]
fn an_ssl_port_needs_ssl_and_a_certificate() {
    let bare = refused("[imap]\nenablesslport = 1\n");
    let expected = "imap.enablesslport needs a certificate (base.sslcertfile, base.sslkeyfile); \
                    `waypost cert self-signed` makes one";
    assert_eq!(bare, [(Some(2), expected.to_owned())]);
    let base = "[base]\nsslcertfile = \"c\"\nsslkeyfile = \"k\"\n";
    assert!(Config::from_str(&format!("{base}[imap]\nenablesslport = 1\n")).is_ok());
    let off = reason(&format!("{base}[imap]\nenablesslport = 1\nsslusessl = 0\n"));
    assert_eq!(off, "imap.enablesslport needs imap.sslusessl = 1");
    let half = reason("[base]\nsslcertfile = \"c\"\n");
    assert_eq!(half, "base.sslcertfile is set, but base.sslkeyfile is not");
    let shared = format!("{base}[imap]\nenablesslport = 1\nsslport = 110\n");
    assert!(reason(&shared).contains("imap.sslport and pop.port are both 110"));
    let own = format!("{base}[imap]\nenablesslport = 1\nport = 993\n");
    assert!(reason(&own).contains("imap.port and imap.sslport are both 993"));
}

#[test]
fn a_login_that_needs_tls_needs_a_service_that_has_it() {
    let text = "[pop]\nplaintextmincipher = 128\nsslusessl = 0\n";
    let error = Config::from_str(text).map(drop).unwrap_err();
    assert!(error.problems[0].reason.contains("nobody could log in"), "{error}");
    assert_eq!(error.problems[0].line, Some(2));
    let disabled = format!("{text}enable = 0\n");
    assert!(Config::from_str(&disabled).is_ok());
    assert!(Config::from_str("imap.plaintextmincipher = -1\nimap.sslusessl = 0\n").is_ok());
}

/// A pipe of that name would be waited for.
#[test]
fn what_is_no_file_is_not_opened_and_no_text_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let error = Config::load(folder.path()).map(drop).unwrap_err();
    assert!(error.to_string().contains("is no file"), "{error}");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, b"[pop]\nport = 1110\n# \xff\n").unwrap();
    let error = Config::load(&path).map(drop).unwrap_err();
    assert!(error.to_string().contains("line 3 holds bytes that are no UTF-8"), "{error}");
}
