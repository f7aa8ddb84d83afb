//! Mutations of very many messages, beside deliveries to another user.

use crate::Server;
use crate::beside::Beside;
use crate::load::imap;
use crate::mailbox;
use std::io;
use std::thread;
use std::time::Duration;

const FROM: &str = "bench-many";
const TO: &str = "bench-many-copy";
/// How long deliveries are watched while the server tidies up by itself.
const AFTER: Duration = Duration::from_secs(5);

/// Rows for STORE, COPY, MOVE and EXPUNGE of so many messages, and DELETE of a mailbox of them.
pub(crate) fn run(server: &Server, count: u32) -> io::Result<Vec<String>> {
    mailbox::fill(server, FROM, count, false)?;
    let mut client = imap(server, &server.user.replace("{}", "1"))?;
    // It may be there from an earlier run; a failure shows in CREATE.
    let _ = client.imap(&format!("DELETE {TO}"));
    client.imap(&format!("CREATE {TO}"))?;
    client.imap(&format!("SELECT {FROM}"))?;
    let mut beside = Beside::new(server)?;
    let mut each = |what: &str, commands: &[&str]| {
        beside.measure(&format!("{what} of {count}"), || {
            commands.iter().try_for_each(|command| client.imap(command).map(drop))
        })
    };
    let copy = format!("COPY 1:* {TO}");
    each("STORE", &["STORE 1:* +FLAGS.SILENT (\\Seen)"])?;
    each("STORE of a keyword", &["STORE 1:* +FLAGS.SILENT (bench)"])?;
    each("COPY", &[&copy])?;
    each("MOVE", &[&format!("MOVE 1:* {TO}")])?;
    let delete_one = format!("DELETE {FROM}");
    let select = format!("SELECT {TO}");
    each("selecting twice as many", &["CLOSE", &delete_one, &select])?;
    each("STORE \\Deleted", &[&format!("STORE 1:{count} +FLAGS.SILENT (\\Deleted)")])?;
    each("EXPUNGE", &["EXPUNGE"])?;
    let delete = format!("DELETE {TO}");
    each("DELETE of a mailbox", &["CLOSE", &delete])?;
    beside.measure("tidying up by itself", || {
        thread::sleep(AFTER);
        Ok(())
    })?;
    Ok(beside.rows())
}
