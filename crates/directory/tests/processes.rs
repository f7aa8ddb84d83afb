//! Several processes on one directory: a worker that may only read, and a tool that writes.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use landlock::{
    ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus,
};
use std::fs::OpenOptions;
use std::path::Path;
use std::process::Command;
use waypost_directory::{Directory, EmbeddedDirectory, NewUser};
use waypost_types::Secret;

/// Names the directory for the writing process; the tests of this file run themselves with it.
const WRITE_TO: &str = "WAYPOST_TEST_DIRECTORY";

fn new_user(uid: &str) -> NewUser {
    NewUser {
        uid: uid.to_owned(),
        domain: "example.com".to_owned(),
        password: Secret::new("pw".to_owned()),
        cn: None,
        mail: None,
        mail_alternate_addresses: Vec::new(),
        quota: None,
        message_quota: None,
    }
}

fn with_alice(path: &Path) {
    let directory = EmbeddedDirectory::open_writable(path, "example.com").unwrap();
    directory.add_domain("example.com").unwrap();
    directory.add_user(&new_user("alice")).unwrap();
}

#[test]
fn writer() {
    // The tool's side of the next test, which runs it in a process of its own and names the folder.
    let Some(path) = std::env::var_os(WRITE_TO) else { return };
    let directory = EmbeddedDirectory::open_writable(Path::new(&path), "example.com").unwrap();
    directory.add_user(&new_user("bob")).unwrap();
    directory.delete_user("alice", "example.com").unwrap();
}

#[test]
fn a_reader_sees_what_another_process_writes() {
    let folder = tempfile::tempdir().unwrap();
    with_alice(folder.path());
    let reader = EmbeddedDirectory::open_read_only(folder.path(), "example.com").unwrap();
    let before = reader.generation().unwrap();
    assert!(reader.user_by_login("bob", "example.com").unwrap().is_none());
    let mut tool = Command::new(std::env::current_exe().unwrap());
    let ended = tool.args(["--exact", "writer"]).env(WRITE_TO, folder.path()).status().unwrap();
    assert!(ended.success());
    assert!(reader.user_by_login("bob", "example.com").unwrap().is_some());
    assert!(reader.user_by_login("alice", "example.com").unwrap().is_none());
    assert_eq!(
        reader.generation().unwrap(),
        before.map(|before| before + 2),
        "one step per change"
    );
}

#[test]
fn a_restricted_worker_reads_and_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    with_alice(folder.path());
    let (data, lock) = (folder.path().join("data.mdb"), folder.path().join("lock.mdb"));
    // Landlock binds this thread only, and the test uses no other.
    if !restrict(folder.path(), &lock) {
        println!("this kernel has no Landlock; nothing is tested");
        return;
    }
    assert!(OpenOptions::new().write(true).open(&data).is_err(), "the data file is shut");
    let reader = EmbeddedDirectory::open_read_only(folder.path(), "example.com").unwrap();
    let alice = reader.user_by_login("alice", "example.com").unwrap().unwrap();
    assert!(reader.verify_password(&alice, &Secret::new("pw".to_owned())).unwrap().is_right());
}

/// Reading below `folder`, writing `lock` alone; false where the kernel cannot enforce it.
fn restrict(folder: &Path, lock: &Path) -> bool {
    let abi = ABI::V3;
    let read = PathBeneath::new(PathFd::new(folder).unwrap(), AccessFs::from_read(abi));
    let write = AccessFs::WriteFile | AccessFs::Truncate;
    let write = PathBeneath::new(PathFd::new(lock).unwrap(), write);
    let ruleset = Ruleset::default().handle_access(AccessFs::from_all(abi)).unwrap();
    let created = ruleset.create().unwrap().add_rule(read).unwrap().add_rule(write).unwrap();
    created.restrict_self().unwrap().ruleset == RulesetStatus::FullyEnforced
}
