//! "Enabling and Disabling Services".

use crate::site::{Site, listens};
use crate::support::wait_for;

/// Guide: enable-pop
/// Guide: enable-and-start
/// Guide: msconfig-oneshot
#[test]
fn pop_works_when_it_is_enabled_and_started() {
    let site = Site::new("");
    let _server = site.world.start();
    let mut imap = site.world.connect(site.world.imap);
    let told = site.typed("msconfig set pop.enable 0");
    assert!(told.ends_with("\nstop-msg pop\n"), "{told}");
    assert!(listens(site.world.pop), "it was not stopped yet");
    site.typed("stop-msg pop");
    assert!(!listens(site.world.pop));
    let refused = site.refused("start-msg pop");
    assert!(refused.contains("`msconfig set pop.enable 1`"), "{refused}");

    site.typed("msconfig set pop.enable 1");
    assert!(!listens(site.world.pop), "enabled and not started");
    site.typed("start-msg pop");
    assert!(site.world.connect(site.world.pop).greeting.starts_with("+OK"));
    assert!(imap.command("NOOP").contains("t OK"), "IMAP has nothing to do with it");
}

/// Guide: enable-imap
/// Guide: enable-persists
/// Guide: unused-disabled
/// Guide: stop-is-not-kept
#[test]
fn enabling_outlives_the_server_and_stopping_does_not() {
    let site = Site::new("");
    let mut server = site.world.start();
    site.typed("msconfig set imap.enable 0\nstop-msg imap pop");
    server.signal("TERM");
    server.wait();

    let mut server = site.world.start();
    assert!(!listens(site.world.imap), "disabled before the restart");
    assert!(site.world.processes().iter().all(|p| p.name != "imapd" || p.pid.is_none()));
    assert!(listens(site.world.pop), "stopped, and enabled");
    site.typed("msconfig set imap.enable 1");
    server.signal("TERM");
    server.wait();

    let _server = site.world.start();
    assert!(site.world.connect(site.world.imap).greeting.starts_with("* OK"));
}

/// Guide: imap-idle
/// Guide: one-login
#[test]
fn a_client_in_idle_hears_of_mail_and_of_flags() {
    let site = Site::new("");
    site.world.add_user("alice");
    let _server = site.world.start();
    let (mut idle, mut other) = (site.world.imap("alice"), site.world.imap("alice"));
    assert!(idle.command("CAPABILITY").contains(" IDLE"));
    for client in [&mut idle, &mut other] {
        assert!(client.command("SELECT INBOX").contains("t OK"));
    }
    assert!(idle.say("t IDLE").starts_with('+'));
    site.world.tool(&["deliver", "alice"], "Subject: new\n\nText.\n");
    assert_eq!(idle.line(), "* 1 EXISTS\r\n");
    wait_for("the message", || other.command("NOOP").contains("1 EXISTS").then_some(()));
    assert!(other.command("STORE 1 +FLAGS (\\Flagged)").contains("t OK"));
    let told = wait_for("the flag", || Some(idle.line()).filter(|line| line.contains("FETCH")));
    assert!(told.contains("\\Flagged"), "{told}");
    assert!(other.command("STORE 1 +FLAGS (\\Deleted)").contains("t OK"));
    assert!(other.command("EXPUNGE").contains("t OK"));
    wait_for("the end of it", || (idle.line() == "* 1 EXPUNGE\r\n").then_some(()));
    assert_eq!(idle.say("DONE"), "t OK IDLE completed\r\n");
    assert!(idle.command("NOOP").contains("t OK"), "still logged in");
}

/// Guide: reauthenticate-after-drop
#[test]
fn whoever_was_dropped_logs_in_again() {
    let site = Site::new("");
    site.world.add_user("alice");
    let _server = site.world.start();
    let mut client = site.world.imap("alice");
    site.typed("stop-msg imap\nstart-msg imap");
    assert!(client.rest().contains("* BYE"));
    let mut again = site.world.connect(site.world.imap);
    assert!(again.command("SELECT INBOX").contains("t BAD"), "not logged in any more");
    assert!(again.command(&crate::site::login("alice")).contains("t OK"));
    assert!(site.world.connect(site.world.pop).say("STAT").starts_with("-ERR"));
}
