//! A mixed load over IMAP in the proportions of imaptest's default mix.
//!
//! For each 1,000 sessions (LOGIN, SELECT, LOGOUT) there are about 500 LIST, 500 STATUS, 1,000 FETCH of
//! envelopes or flags, 1,430 FETCH of bodies, 420 STORE, 500 STORE of \Deleted, 1,000 EXPUNGE and 480
//! APPEND. Users, messages and sizes are chosen by a generator of the worker's own, the same in each run.

use crate::Server;
use crate::client::{Answer, Client};
use crate::load::{Tally, Turn, imap, message};
use crate::mailbox::append;
use std::io;
use std::time::Instant;

/// The smallest and the largest message appended, in bytes.
const SIZES: (u32, u32) = (2_048, 28_672);

/// A mailbox with fewer messages is filled up to these.
const FEW: u32 = 10;

/// Sessions until the deadline; an operation is a command.
pub(crate) fn sessions(server: &Server, turn: &Turn<'_>, tally: &mut Tally) -> io::Result<()> {
    let mut dice = Dice(u64::from(turn.number()) | 1 << 40);
    while !turn.is_over() {
        session(server, &turn.user(server), &mut dice, tally)?;
    }
    Ok(())
}

fn session(server: &Server, user: &str, dice: &mut Dice, tally: &mut Tally) -> io::Result<()> {
    let begun = Instant::now();
    let mut client = imap(server, user)?;
    tally.add(begun, 1);
    let mut run = |client: &mut Client, command: &str| -> io::Result<Answer> {
        let begun = Instant::now();
        // Another session may have expunged what this one asks for: NO is an answer too.
        let answer = client.imap_any(command)?;
        tally.add(begun, 1);
        Ok(answer)
    };
    if dice.percent(50) {
        run(&mut client, "LIST \"\" \"*\"")?;
    }
    if dice.percent(50) {
        run(&mut client, "STATUS INBOX (MESSAGES UIDNEXT UNSEEN)")?;
    }
    let count = run(&mut client, "SELECT INBOX")?.exists;
    let what = ["(UID FLAGS)", "ENVELOPE", "(INTERNALDATE RFC822.SIZE)", "BODYSTRUCTURE"];
    if count > 0 {
        let what = what[dice.below(4) as usize % what.len()];
        run(&mut client, &format!("FETCH {} {what}", dice.one_of(count)))?;
        for _ in 0..if dice.percent(43) { 2 } else { 1 } {
            run(&mut client, &format!("FETCH {} BODY[]", dice.one_of(count)))?;
        }
        if dice.percent(42) {
            run(&mut client, &format!("STORE {} +FLAGS (\\Flagged)", dice.one_of(count)))?;
        }
        if dice.percent(50) {
            run(&mut client, &format!("STORE {} +FLAGS (\\Deleted)", dice.one_of(count)))?;
        }
    }
    run(&mut client, "EXPUNGE")?;
    // A mailbox is kept from running dry.
    for _ in 0..u32::from(dice.percent(48)).max(FEW.saturating_sub(count)) {
        let begun = Instant::now();
        let size = SIZES.0 + dice.below(SIZES.1 - SIZES.0);
        append(&mut client, "INBOX", &message(size as usize, size))?;
        tally.add(begun, 1);
    }
    let begun = Instant::now();
    client.imap("LOGOUT")?;
    tally.add(begun, 1);
    Ok(())
}

/// A small generator of numbers (xorshift, 64 bits): nothing depends on how good they are.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(end.max(1))).unwrap_or(0)
    }

    fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    fn one_of(&mut self, count: u32) -> u32 {
        self.below(count) + 1
    }
}
