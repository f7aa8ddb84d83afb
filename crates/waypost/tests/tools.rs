//! The administrator's tools, with and without a running server.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use support::World;

const MBOX: &str = "From a@b Sat Jan  3 01:05:34 1998\nSubject: one\nStatus: RO\n\n>From here\n\n\
                    From c@d Sun Jan  4 02:00:00 1998\nSubject: two\n\nbody\n\n";

#[test]
fn a_message_is_delivered_without_and_through_a_server() {
    let world = World::new("");
    world.add_user("alice");
    let message = "Subject: local\n\nline\n";
    assert!(world.tool(&["deliver", "alice"], message).contains("as UID 1"));
    let mut server = world.start();
    assert!(world.tool(&["deliver", "alice@example.com"], message).contains("as UID 2"));
    world.tool(&["deliver", "alice", "--folder", "Sent"], message);
    let mut session = world.imap("alice");
    assert!(session.command("SELECT INBOX").contains("* 2 EXISTS"));
    let body = session.command("FETCH 2 BODY[]");
    assert!(body.contains("Subject: local\r\n\r\nline\r\n)"), "{body}");
    assert!(session.command("SELECT Sent").contains("* 1 EXISTS"));
    server.signal("TERM");
    assert!(server.wait().success());

    let output = world.run(&["deliver", "nobody"], message);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no user nobody"));
    assert_eq!(world.run(&["deliver", "alice"], "").status.code(), Some(2));
}

#[test]
fn an_mbox_file_is_imported_with_dates_and_flags() {
    let world = World::new("");
    world.add_user("alice");
    let mbox = world.folder.path().join("mbox");
    fs::write(&mbox, MBOX).unwrap();
    let mbox = mbox.to_str().unwrap();
    let _server = world.start();
    let told = world.tool(&["import", "alice", "--mbox", mbox, "--folder", "Old/Mail"], "");
    assert!(told.contains("imported 2 messages"), "{told}");
    let told = world.tool(&["import", "alice", "--mbox", mbox, "--skip", "1"], "");
    assert!(told.contains("imported 1 messages"), "{told}");

    let mut session = world.imap("alice");
    assert!(session.command("SELECT Old/Mail").contains("* 2 EXISTS"));
    let first = session.command("FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])");
    assert!(first.contains("\\Seen") && first.contains(" 3-Jan-1998 01:05:34 +0000"), "{first}");
    let text = "Subject: one\r\nStatus: RO\r\n\r\nFrom here\r\n)";
    assert!(first.contains(text), "{first}");
    let second = session.command("FETCH 2 (FLAGS BODY.PEEK[])");
    assert!(!second.contains("\\Seen") && second.contains("body\r\n)"), "{second}");
    assert!(session.command("SELECT INBOX").contains("* 1 EXISTS"));
    assert!(session.command("FETCH 1 BODY[]").contains("Subject: two"));
}

#[test]
fn space_is_given_back_without_and_through_a_server() {
    let world = World::new("store.cleanupage = 0\n");
    world.add_user("alice");
    let message = format!("Subject: local\n\n{}", "line\n".repeat(20_000));
    for _ in 0..4 {
        world.tool(&["deliver", "alice"], &message);
    }
    let nothing = "removed 0 segments of 0 bytes, copied 0 bytes that live: 0 bytes are free again";
    assert_eq!(world.tool(&["compact"], "").trim(), nothing);
    let _server = world.start();
    assert_eq!(world.tool(&["compact", "--percent", "50"], "").trim(), nothing);
    let status = world.tool(&["status"], "");
    assert!(status.contains("KiB in 1 segments, 0% of it dead"), "{status}");
    assert_eq!(world.run(&["compact", "--percent", "0"], "").status.code(), Some(2));
}

#[test]
fn mailboxes_are_listed_made_renamed_deleted_and_brought_back() {
    let world = World::new("");
    world.add_user("alice");
    world.tool(&["deliver", "alice"], "Subject: precious\n\nline\n");
    let mboxutil = |words: &[&str]| world.tool(&[&["mboxutil"], words].concat(), "");
    mboxutil(&["-c", "user/alice/Old/Mail"]);
    let mut server = world.start();
    assert!(mboxutil(&["-l", "user/alice"]).contains("        1"));
    let names = mboxutil(&["-l", "-s"]);
    let has = |name: &str| names.lines().any(|line| line == name);
    assert!(has("user/alice/INBOX") && has("user/alice/Old/Mail"), "{names}");
    mboxutil(&["-r", "user/alice/Old/Mail", "user/alice/New"]);
    world.tool(&["deliver", "alice", "--folder", "New"], "Subject: filed\n\nline\n");

    let mut session = world.imap("alice");
    assert!(session.command("SELECT INBOX").contains("* 1 EXISTS"));
    session.command("STORE 1 +FLAGS.SILENT (\\Deleted)");
    assert!(session.command("EXPUNGE").contains("* 1 EXPUNGE"));
    assert!(session.command("DELETE New").contains("OK"));
    let back = mboxutil(&["-R", "-t", "1", "user/alice", "user/alice/New"]);
    assert!(back.contains("user/alice: 1 messages are back"), "{back}");
    assert!(back.contains("user/alice/New is back with 1 messages"), "{back}");
    let told = session.command("NOOP");
    assert!(told.contains("* 1 EXISTS"), "a session that shows it is told: {told}");
    let fetched = session.command("FETCH 1 (UID BODY.PEEK[])");
    assert!(fetched.contains("UID 2") && fetched.contains("precious"), "{fetched}");
    let status = session.command("STATUS New (MESSAGES UIDNEXT)");
    assert!(status.contains("MESSAGES 1") && status.contains("UIDNEXT 2"), "{status}");
    assert!(mboxutil(&["-R", "user/alice"]).contains(": 0 messages"), "only once");
    let missing = world.run(&["mboxutil", "-R", "user/alice/Never"], "");
    assert_eq!(missing.status.code(), Some(1));
    for words in [&["-d"][..], &["-c", "alice"], &["-r", "user/alice/New"], &["-l", "-c", "user/a"]]
    {
        assert_eq!(world.run(&[&["mboxutil"], words].concat(), "").status.code(), Some(2));
    }
    mboxutil(&["-d", "user/alice/New"]);
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(mboxutil(&["-R", "user/alice/New"]).contains("back with 1 messages"));
}

#[test]
fn unquoted_lines_of_a_text_do_not_cut_its_message() {
    let world = World::new("");
    world.add_user("alice");
    let mbox = world.folder.path().join("mbox");
    let text = "From a@b Thu Jan  1 00:00:01 1970\nSubject: one\n\nbody\n\nFrom here on\n\n\
                From c@d Thu Jan  1 00:00:02 1970\nSubject: two\n\nbody";
    let import = ["import", "alice", "--mbox", mbox.to_str().unwrap()];
    fs::write(&mbox, text).unwrap();
    assert!(world.tool(&import, "").contains("imported 2 messages"));
    // Without dates every such line counts.
    fs::write(&mbox, "From a\nSubject: one\n\nbody\n\nFrom b\nSubject: two\n\nbody\n").unwrap();
    assert!(world.tool(&import, "").contains("imported 2 messages"));
}

#[test]
fn a_maildir_is_imported_with_its_subfolders() {
    let world = World::new("");
    world.add_user("alice");
    let maildir = world.folder.path().join("Maildir");
    let put = |path: &str, text: &str| {
        let file = maildir.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    put("cur/1.a:2,FS", "Subject: one\n\nx\n");
    put("new/2.a", "Subject: two\n\nx\n");
    put("new/4.cut-off-by-a-crash", "");
    put(".Lists.Entw&APw-rfe/cur/3.a:2,R", "Subject: three\n\nx\n");
    let told = world.tool(&["import", "alice", "--maildir", maildir.to_str().unwrap()], "");
    assert!(told.contains("imported 3 messages"), "{told}");
    let _server = world.start();
    let mut session = world.imap("alice");
    assert!(session.command("SELECT INBOX").contains("* 2 EXISTS"));
    let flags = session.command("FETCH 1 FLAGS");
    assert!(flags.contains("\\Flagged") && flags.contains("\\Seen"), "{flags}");
    assert!(session.command("SELECT Lists/Entw&APw-rfe").contains("* 1 EXISTS"));
    assert!(session.command("FETCH 1 FLAGS").contains("\\Answered"));
    assert!(session.command("LSUB \"\" *").contains("Lists/Entw&APw-rfe"));
}

#[test]
fn a_file_that_is_no_mbox_is_refused() {
    let world = World::new("");
    world.add_user("alice");
    let file = world.config();
    let output = world.run(&["import", "alice", "--mbox", file.to_str().unwrap()], "");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("not an mbox file"));
    let output = world.run(&["import", "alice"], "");
    assert_eq!(output.status.code(), Some(2), "a source must be named");
}

#[test]
fn users_are_managed_while_the_server_runs() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let login =
        |password: &str| world.connect(world.imap).command(&format!("LOGIN alice {password}"));
    assert!(login("secret").contains("t OK"));
    world.tool(&["user", "passwd", "alice", "--password-stdin"], "other\n");
    assert!(login("secret").contains("t NO"));
    assert!(login("other").contains("t OK"));
    world.tool(&["user", "disable", "alice"], "");
    assert!(login("other").contains("t NO"));
    assert!(world.tool(&["user", "list"], "").contains("alice@example.com\tdisabled"));
    let refused = world.run(&["deliver", "alice"], "Subject: no\n\n");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("takes no mail"));
    world.tool(&["user", "enable", "alice"], "");
    assert!(login("other").contains("t OK"));
    world.tool(&["user", "delete", "alice"], "");
    assert_eq!(world.tool(&["user", "list"], ""), "");
    assert_eq!(world.tool(&["domain", "list"], ""), "example.com\tactive\n");
}

#[test]
fn a_backup_of_a_running_server_starts() {
    let world = World::new("");
    world.add_user("alice");
    let mut server = world.start();
    world.tool(&["deliver", "alice"], "Subject: kept\n\nx\n");
    world.tool(&["msconfig", "set", "pop.banner", "kept"], "");
    put_secrets(&world, 0o600);
    let copy = world.folder.path().join("copy");
    world.tool(&["backup", copy.to_str().unwrap()], "");
    let output = world.run(&["backup", copy.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(2), "a folder with files is refused");
    server.signal("TERM");
    assert!(server.wait().success());

    let restored = World { folder: tempfile::tempdir().unwrap(), ..world };
    copy_tree(&copy, restored.folder.path());
    let _server = restored.start();
    let mut session = restored.imap("alice");
    assert!(session.command("SELECT INBOX").contains("* 1 EXISTS"));
    assert!(session.command("FETCH 1 BODY[]").contains("Subject: kept"));
    let history = restored.tool(&["msconfig", "history"], "");
    assert!(history.ends_with("set pop.banner\n"), "{history}");
    let secrets = fs::metadata(copy.join("secrets.toml")).unwrap();
    assert_eq!(secrets.permissions().mode() & 0o777, 0o600);
}

#[test]
fn secrets_that_others_may_read_stop_the_start() {
    let world = World::new("");
    put_secrets(&world, 0o600);
    let told = world.tool(&["check-config"], "");
    assert!(told.contains("config.toml: no fault found\n"), "{told}");
    assert!(told.ends_with("secrets.toml: no fault found\n"), "{told}");
    put_secrets(&world, 0o644);
    for command in ["check-config", "run"] {
        let output = world.run(&[command], "");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("secrets.toml: has mode 0644"), "{told}");
        assert!(told.contains("chmod 600"), "{told}");
    }
}

/// A file of secrets without any: no option of the release is one.
fn put_secrets(world: &World, mode: u32) {
    let path = world.folder.path().join("secrets.toml");
    fs::write(&path, "# none yet\n").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
