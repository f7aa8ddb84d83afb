//! `reconstruct` and `selftest` as an administrator calls them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::fs;
use std::path::PathBuf;
use support::World;

const MESSAGE: &str = "Subject: kept\n\nline\n";

fn store(world: &World) -> PathBuf {
    world.folder.path().join("store")
}

/// What a command told on standard error, and its exit code.
fn refused(world: &World, arguments: &[&str]) -> (String, Option<i32>) {
    let output = world.run(arguments, "");
    (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

#[test]
fn lost_metadata_are_made_anew() {
    let world = World::new("");
    world.add_user("alice");
    let mut server = world.start();
    world.tool(&["deliver", "alice"], MESSAGE);
    world.tool(&["deliver", "alice", "--folder", "Sent"], MESSAGE);
    let mut session = world.imap("alice");
    session.command("CREATE kept");
    session.command("SELECT Sent");
    session.command("COPY 1 kept");
    let validity = |told: &str| told.split("UIDVALIDITY ").nth(1).unwrap()[..10].to_owned();
    let inbox = validity(&session.command("SELECT INBOX"));
    let kept = validity(&session.command("SELECT kept"));
    session.command("STORE 1 +FLAGS (\\Flagged)");
    let (told, code) = refused(&world, &["reconstruct"]);
    assert!(told.contains("the server runs; end it first") && code == Some(1), "{told}");
    drop(session);
    server.signal("TERM");
    assert!(server.wait().success());

    let (told, code) = refused(&world, &["reconstruct"]);
    assert!(told.contains("the metadata can be read") && code == Some(2), "{told}");
    fs::remove_dir_all(store(&world).join("meta")).unwrap();
    let (told, _) = refused(&world, &["deliver", "alice"]);
    assert!(told.contains("`waypost reconstruct` makes these anew"), "{told}");
    let told = world.tool(&["reconstruct", "-n"], "");
    assert!(told.contains("nothing was changed") && !store(&world).join("meta").exists(), "{told}");
    let told = world.tool(&["reconstruct"], "");
    assert!(
        told.contains("user alice mailbox kept: it changed after its state was saved"),
        "{told}"
    );
    assert!(told.contains("1 accounts, 7 mailboxes, 3 messages; 6 mailboxes are proven"), "{told}");
    assert!(world.tool(&["check"], "").contains("no fault found"));

    let mut server = world.start();
    let mut session = world.imap("alice");
    let told = session.command("SELECT INBOX");
    assert!(told.contains("* 1 EXISTS") && validity(&told) == inbox, "{told}");
    assert!(session.command("FETCH 1 BODY[]").contains("Subject: kept\r\n\r\nline\r\n)"));
    let told = session.command("SELECT kept");
    assert!(told.contains("* 1 EXISTS") && validity(&told) != kept, "{told}");
    world.tool(&["deliver", "alice"], MESSAGE);
    assert!(session.command("SELECT INBOX").contains("* 2 EXISTS"));
    drop(session);
    server.signal("TERM");
    assert!(server.wait().success());
    let told = world.tool(&["reconstruct", "--force"], "");
    assert!(told.contains("the old metadata are in") && told.contains("meta.old-1"), "{told}");
}

#[test]
fn the_selftest_leaves_nothing_behind() {
    let world = World::new("");
    let folder = world.folder.path().join("disk");
    fs::create_dir(&folder).unwrap();
    let output = world.run(&["selftest", "--seconds", "5", folder.to_str().unwrap()], "");
    let told = String::from_utf8_lossy(&output.stdout);
    for part in [
        "a lock on a file keeps others away",
        "files are mapped into memory",
        "memory is shared between processes",
        "each once, and its clients went on",
        "the store is whole after that",
        "made anew from the segments: nothing is missing",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // Whether the disk of this machine can be trusted is not what is tested here.
    let failed = told.lines().filter(|line| line.starts_with("FAILED")).count();
    assert_eq!(output.status.success(), failed == 0, "{told}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    assert_eq!(world.run(&["selftest", "--seconds", "1"], "").status.code(), Some(2));
}
