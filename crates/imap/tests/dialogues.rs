//! Plays every dialogue of `tests/dialogues`, one file per command or extension, each on a server of
//! its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    dead_code,
    reason = "tests may unwrap and need no docs; helpers are shared by several test programs"
)]

mod common;

use common::{World, in_tests};

macro_rules! dialogues {
    ($($(#[$attribute:meta])* $name:ident)*) => {
        $(
            $(#[$attribute])*
            #[test]
            fn $name() {
                let file = in_tests("dialogues").join(concat!(stringify!($name), ".t"));
                World::new().play(&file);
            }
        )*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

dialogues! {
    append
    authenticate
    authenticate_external
    authenticate_login
    bad_input
    capability
    close
    condstore
    copy
    create
    delete
    enable
    esearch
    examine
    expunge
    fetch
    fetch_sections
    id
    /// Guide: imap-idle
    idle
    list
    login
    logout
    lsub
    mailbox_deleted
    move_messages
    namespace
    noop
    objectid
    pipelining
    quota
    recent
    /// Guide: idle-floor-imap
    refresh
    rename
    search
    select
    sort
    special_use
    starttls
    status
    store
    store_trouble
    subscribe
    thread
    /// Guide: idle-default
    /// Guide: idle-drop
    /// Guide: idle-command-keeps
    timeouts
    two_sessions
    uid
    unselect
}

#[test]
fn every_dialogue_is_played() {
    let mut files: Vec<String> = std::fs::read_dir(in_tests("dialogues"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert_eq!(files, NAMES);
}
