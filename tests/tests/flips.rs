//! Bits of the metadata flip below a running server, one after the other, while clients read and mail comes in:
//! what is shown is right or is not shown, the server stays, and what was acknowledged comes back.
//!
//! `WAYPOST_SEED` and `WAYPOST_FLIPS` choose others.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};
use waypost_e2e::instance::Instance;
use waypost_powercut::dice::Dice;

const USERS: [&str; 2] = ["alice", "bob"];
/// Messages of each user before the first flip.
const LETTERS: usize = 40;
const PAGE: u64 = 4_096;
/// Pages at the beginning of the file that hold its heads: with one of them damaged nobody is served.
const HEADS: u64 = 2;
/// How long a client waits for the server to come back, and for each answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What each user was told is kept.
type Taken = BTreeMap<&'static str, BTreeSet<usize>>;

fn letter(user: &str, number: usize) -> String {
    format!(
        "Subject: letter for {user} {number}\r\n\r\n{}\r\n",
        format!("{user}{number} ").repeat(40)
    )
}

/// All that the server says to these commands after a login, to its end; nothing when it closes at once, `None` when it
/// has given up.
fn talk(server: &Instance, user: &str, commands: &str) -> Option<Vec<u8>> {
    let begun = Instant::now();
    let login = format!("l LOGIN {user}@example.com \"{}\"\r\n", server.password(user));
    while begun.elapsed() < PATIENCE {
        let Ok(mut socket) = TcpStream::connect(("127.0.0.1", server.port("IMAP"))) else {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut said = Vec::new();
        let sent = socket.write_all(format!("{login}{commands}z LOGOUT\r\n").as_bytes());
        // A process that ends over a page takes the connection with it.
        let read = sent.and_then(|()| socket.read_to_end(&mut said));
        let waits = |error: &std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
        assert!(!read.as_ref().is_err_and(waits), "no answer for {PATIENCE:?}");
        return Some(said);
    }
    None
}

fn count(said: &[u8], text: &str) -> usize {
    said.windows(text.len()).filter(|found| *found == text.as_bytes()).count()
}

/// Sends a message to the user's INBOX; whether it was acknowledged.
fn append(server: &Instance, user: &str, number: usize) -> Option<bool> {
    let text = letter(user, number);
    let command = format!("p APPEND INBOX {{{}+}}\r\n{text}\r\n", text.len());
    talk(server, user, &command).map(|said| count(&said, "\r\np OK") == 1)
}

/// The numbers of the messages that the user is shown, each of which must be one of theirs, whole.
fn shown(server: &Instance, user: &str) -> Option<BTreeSet<usize>> {
    let commands = "s SELECT INBOX\r\nf FETCH 1:* (UID BODY.PEEK[])\r\ne SEARCH SUBJECT letter\r\n";
    let said = talk(server, user, commands)?;
    let mut numbers = BTreeSet::new();
    let mut rest = &said[..];
    while let Some(at) = rest.windows(7).position(|found| found == b"BODY[] ") {
        rest = &rest[at + 7..];
        let digits = rest.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
        let Ok(size) = std::str::from_utf8(&rest[1..=digits]).unwrap().parse::<usize>() else {
            continue;
        };
        let Some(body) = rest.get(digits + 4..digits + 4 + size) else { break };
        let body = std::str::from_utf8(body).unwrap();
        let word = body.split(' ').nth(4).and_then(|word| word.split("\r\n").next()).unwrap();
        let number = word.parse().unwrap();
        assert_eq!(body, letter(user, number), "shown to {user}");
        numbers.insert(number);
        rest = &rest[digits + 4 + size..];
    }
    Some(numbers)
}

fn flip(server: &Instance, dice: &mut Dice) -> (u64, usize) {
    let path = server.metadata_file();
    let file = File::options().read(true).write(true).open(path).unwrap();
    let start = HEADS * PAGE;
    let at = start + dice.roll() % (file.metadata().unwrap().len() - start);
    let bit = dice.below(8);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1 << bit], at).unwrap();
    (at, bit)
}

fn number_of(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// Reads what a user has and sends one message more; `None` when nobody listens.
fn try_out(server: &Instance, user: &'static str, number: usize, taken: &mut Taken) -> Option<()> {
    let numbers = shown(server, user)?;
    let of_user = taken.entry(user).or_default();
    assert!(numbers.is_subset(of_user), "{numbers:?} for {user}");
    if append(server, user, number)? {
        of_user.insert(number);
    }
    Some(())
}

#[test]
fn flipped_bits_below_a_running_server_show_nothing_wrong_and_lose_nothing() {
    let (seed, flips) = (number_of("WAYPOST_SEED", 1), number_of("WAYPOST_FLIPS", 30));
    let mut dice = Dice::new(seed);
    let mut server = Instance::start();
    let mut taken = Taken::new();
    for user in USERS {
        for number in 0..LETTERS {
            assert_eq!(append(&server, user, number), Some(true), "{number} for {user}");
            taken.entry(user).or_default().insert(number);
        }
    }
    let serves = (0..flips).all(|round| {
        let (at, bit) = flip(&server, &mut dice);
        println!("flip {round} of seed {seed}: bit {bit} at {at}");
        let number = LETTERS + usize::try_from(round).unwrap();
        USERS.into_iter().all(|user| try_out(&server, user, number, &mut taken).is_some())
    });
    // With pages damaged that all need, it ends; its log has said what to do.
    assert!(serves || server.log().contains("`waypost reconstruct` makes the metadata anew"));
    server.stop();
    restore(&server);
    server.start_again();
    for user in USERS {
        assert_eq!(shown(&server, user).as_ref(), taken.get(user), "{user} after seed {seed}");
    }
}

/// Does what `check` says until it says nothing.
fn restore(server: &Instance) {
    let run = |tool: &str| {
        let told = server.tool(&[tool]).output().unwrap();
        let said = [told.stdout, told.stderr].concat();
        (told.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let (is_clean, said) = run("check");
    if is_clean {
        return;
    }
    let tool = if said.contains("`waypost reconstruct`") { "reconstruct" } else { "repair" };
    let (is_done, mended) = run(tool);
    assert!(is_done, "{tool} after {said}: {mended}");
    let (is_clean, left) = run("check");
    assert!(is_clean, "{tool} after {said}: {left}");
}
