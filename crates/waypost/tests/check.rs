//! `waypost check` beside a running server and without one.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::fs;
use std::os::unix::fs::FileExt;
use support::World;

const MESSAGE: &str = "Subject: whole\n\nThe text that is damaged below.\n";

/// Alters a byte of the stored message.
fn damage(world: &World) {
    let segments = world.folder.path().join("store").join("segments");
    let file = fs::read_dir(segments).unwrap().next().unwrap().unwrap().path();
    let bytes = fs::read(&file).unwrap();
    let wanted = b"damaged";
    let at = bytes.windows(wanted.len()).position(|some| some == wanted).unwrap();
    let file = fs::File::options().write(true).open(file).unwrap();
    file.write_all_at(b"D", u64::try_from(at).unwrap()).unwrap();
}

#[test]
fn a_store_is_checked_beside_its_server_and_damage_is_named() {
    let world = World::new("");
    world.add_user("alice");
    let none = world.run(&["check"], "");
    assert_eq!(none.status.code(), Some(2), "there is no store yet");
    let _server = world.start();
    world.tool(&["deliver", "alice"], MESSAGE);
    let told = world.tool(&["check"], "");
    assert!(told.contains("1 accounts") && told.contains("no fault found"), "{told}");
    assert!(world.tool(&["check", "--user", "alice@example.com"], "").contains("1 messages"));
    assert_eq!(world.run(&["check", "--user", "bob"], "").status.code(), Some(2));

    damage(&world);
    let output = world.run(&["check"], "");
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let line = "files damaged: user alice mailbox INBOX UID 1 ";
    assert!(told.starts_with(line) && told.contains("only a backup has it"), "{told}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("1 fault found"));
    assert!(world.tool(&["check", "--quick"], "").contains("no fault found"));
    let output = world.run(&["check", "--json"], "");
    let told = String::from_utf8(output.stdout).unwrap();
    let start = r#"{"part":"files","problem":"damaged","remedy":"restore","account":1,"#;
    assert!(
        told.starts_with(start) && told.contains(r#""user":"alice","mailbox":"INBOX""#),
        "{told}"
    );
    assert!(told.lines().last().unwrap().starts_with(r#"{"found":1,"#), "{told}");
}

#[test]
fn a_repair_says_what_it_cannot_mend_and_leaves_a_whole_store_alone() {
    let world = World::new("");
    world.add_user("alice");
    world.tool(&["deliver", "alice"], MESSAGE);
    assert!(world.tool(&["repair"], "").contains("no fault found"));
    let server = world.start();
    assert!(world.tool(&["repair", "--user", "alice"], "").contains("no fault found"));
    damage(&world);
    for words in [&["repair", "--dry-run"][..], &["repair"]] {
        let output = world.run(words, "");
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stdout).unwrap().contains("only a backup has it"));
    }
    let mut session = world.imap("alice");
    assert!(session.command("SELECT INBOX").contains("* 1 EXISTS"));
    let reply = session.command("FETCH 1 (UID FLAGS ENVELOPE)");
    assert!(reply.contains("whole") && reply.contains("t OK"), "{reply}");
    let reply = session.command("FETCH 1 BODY.PEEK[]");
    assert!(!reply.contains("t OK") && !reply.contains("text that is"), "{reply}");
    drop(server);
}
