//! `msconfig`: single commands, scripts, and the dialogues of the administrator's guide on a terminal.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::{PATIENCE, wait_for};

/// The pause between two looks at a screen.
const PAUSE: Duration = Duration::from_millis(5);

/// The configuration of a server with a certificate.
const CONFIG: &str = "# ours\n[base]\nsslcertfile = \"cert.pem\"\nsslkeyfile = \"key.pem\"\n";
/// The guide's dialogue for POP with TLS on a port of its own.
const GUIDE_POP: &str = include_str!("transcripts/pop.txt");
/// The guide's dialogue for IMAP with TLS on a port of its own.
const GUIDE_IMAP: &str = include_str!("transcripts/imap.txt");

/// A configuration, and `msconfig` under its own name.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), text).unwrap();
        symlink(env!("CARGO_BIN_EXE_waypost"), folder.path().join("msconfig")).unwrap();
        Self { folder }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.config()).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.folder.path().join("msconfig"));
        command.env("WAYPOST_CONFIG", self.config()).env("LOGNAME", "admin").args(arguments);
        command.env_remove("SUDO_USER");
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that needs no input may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// A command that must succeed; answers with what it printed.
    fn ok(&self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let output = self.run(&words, "");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A command that must be refused; answers with the reason.
    fn refused(&self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let before = self.text();
        let output = self.run(&words, "");
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert_eq!(self.text(), before, "{line}");
        String::from_utf8(output.stderr).unwrap()
    }
}

/// A terminal with `msconfig` on it. What it shows is kept as a person sees it.
struct Terminal {
    master: File,
    child: std::process::Child,
    bytes: Vec<u8>,
}

impl Terminal {
    fn new(world: &World, kind: &str) -> Self {
        Self::with(world.command(&[]), kind)
    }

    /// The same for a program that has the terminal as its own, as a person's shell gives it.
    fn own(world: &World) -> Self {
        let inner = world.command(&[]);
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg("--wait").arg(inner.get_program());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Self::with(command, "xterm")
    }

    fn with(mut command: Command, kind: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let open = || File::options().read(true).write(true).open(&name).unwrap();
        command.env("TERM", kind).stdin(open()).stdout(open()).stderr(open());
        let child = command.spawn().unwrap();
        rustix::io::ioctl_fionbio(&master, true).unwrap();
        Self { master: File::from(master), child, bytes: Vec::new() }
    }

    /// Types one key after the other.
    fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Takes in what was shown since; false when the other side is closed.
    fn look(&mut self) -> bool {
        let mut buffer = [0; 4_096];
        loop {
            match self.master.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                // EIO: nobody has the other side open any more.
                Err(_) => return false,
            }
        }
    }

    fn wait_until_shown(&mut self, end: &str) {
        let start = Instant::now();
        loop {
            self.look();
            if self.screen().ends_with(end) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "no {end:?} at the end of {:?}", self.screen());
            std::thread::sleep(PAUSE);
        }
    }

    /// Plays the part of the administrator in a dialogue: each line's prompt is awaited, the rest typed.
    fn play(&mut self, dialogue: &str) {
        let mut shown = String::new();
        for line in dialogue.lines() {
            let Some(at) = line
                .find(['>', '#', '?'])
                .filter(|_| PROMPTS.iter().any(|prompt| line.starts_with(prompt)))
            else {
                continue;
            };
            let (prompt, typed) = line.split_at(at + 2);
            self.wait_until_shown(&format!("{shown}{prompt}"));
            self.press(&format!("{typed}\r"));
            shown = format!("{line}\n");
        }
    }

    /// Everything that was shown until the program ended, and whether it succeeded.
    fn end(mut self) -> (String, bool) {
        let status = wait_for("end of msconfig", || {
            self.look();
            self.child.try_wait().unwrap()
        });
        let _ = self.look();
        (self.screen(), status.success())
    }

    fn screen(&self) -> String {
        render(&String::from_utf8_lossy(&self.bytes))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How lines that ask begin.
const PROMPTS: [&str; 2] = ["msconfig", "There are"];

/// The lines that a terminal shows for what was written to it: carriage return, line feed, and the
/// control sequences for moving in a line and for erasing.
fn render(written: &str) -> String {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let mut column = 0;
    let mut letters = written.chars();
    while let Some(letter) = letters.next() {
        let line = lines.last_mut().unwrap();
        match letter {
            '\r' => column = 0,
            '\n' => lines.push(Vec::new()),
            '\u{1b}' => {
                let sequence: String = letters.by_ref().skip(1).take_while_inclusive();
                match sequence.as_str() {
                    "K" => line.truncate(column),
                    "J" => line.truncate(column),
                    // Only the last line is drawn again: no test looks at an earlier one.
                    code if code.ends_with('A') => (),
                    code if code.ends_with('D') => {
                        column -= code.trim_end_matches('D').parse::<usize>().unwrap_or(1);
                    }
                    code if code.ends_with('C') => {
                        column += code.trim_end_matches('C').parse::<usize>().unwrap_or(1);
                    }
                    "?2004h" | "?2004l" | "?2026h" | "?2026l" | "0m" => (),
                    other => panic!("unknown sequence {other}"),
                }
            }
            letter => {
                while line.len() <= column {
                    line.push(' ');
                }
                line[column] = letter;
                column += 1;
            }
        }
    }
    lines.iter().map(String::from_iter).collect::<Vec<String>>().join("\n")
}

/// The rest of a control sequence: up to its letter.
trait TakeSequence {
    fn take_while_inclusive(&mut self) -> String;
}

impl<I: Iterator<Item = char>> TakeSequence for I {
    fn take_while_inclusive(&mut self) -> String {
        let mut text = String::new();
        for letter in self {
            text.push(letter);
            if letter.is_ascii_alphabetic() {
                break;
            }
        }
        text
    }
}

/// Guide: msconfig-dialogue
#[test]
fn the_dialogues_of_the_guide_run_as_printed() {
    for kind in ["xterm", "dumb"] {
        let world = World::new(CONFIG);
        for dialogue in [GUIDE_POP, GUIDE_IMAP] {
            let mut terminal = Terminal::new(&world, kind);
            terminal.play(dialogue);
            assert_eq!(terminal.end(), (dialogue.to_owned(), true), "{kind}");
        }
        let text = world.text();
        assert!(text.starts_with(CONFIG), "{text}");
        assert!(text.contains("[pop]\nenablesslport = 1\nsslusessl = 1\nsslport = 995\n"));
        assert!(text.contains("[imap]\nenablesslport = 1\nsslusessl = 1\nsslport = 993\n"));
    }
}

/// Guide: msconfig-oneshot
#[test]
fn the_single_commands_of_the_guide_are_taken() {
    let world = World::new(CONFIG);
    for (name, value) in [
        ("base.loginseparator", "@+"),
        ("pop.enable", "1"),
        ("pop.enable", "0"),
        ("pop.port", "1110"),
        ("pop.numprocesses", "4"),
        ("pop.banner", "%h ready"),
        ("imap.enable", "1"),
        ("imap.enable", "0"),
        ("imap.port", "1143"),
        ("imap.enablesslport", "1"),
        ("imap.sslport", "1993"),
        ("imap.plaintextmincipher", "128"),
        ("imap.idletimeout", "45"),
        ("imap.numprocesses", "2"),
        ("imap.banner", "%h %p"),
    ] {
        assert!(world.run(&["set", name, value], "").status.success(), "set {name} {value}");
        let shown = world.ok(&format!("show {name}")).replace('"', "");
        assert!(shown.starts_with(&format!("{name} = {value}  ")), "{shown}");
    }
    let minus = world.run(&["set", "imap.enablesslport", "-1"], "");
    assert!(String::from_utf8_lossy(&minus.stdout).contains("Nothing to store"), "{minus:?}");
}

#[test]
fn what_is_typed_ahead_or_pasted_is_not_lost() {
    let commands = "set pop.port 1110\rset imap.port 1143\rset lmtp.port 1024\rwrite\rexit\r";
    let pasted = format!("\u{1b}[200~{}\u{1b}[201~\r", commands.replace('\r', "\n"));
    for keys in [commands, &pasted] {
        let world = World::new("");
        let mut terminal = Terminal::new(&world, "xterm");
        terminal.wait_until_shown("msconfig> ");
        terminal.press(keys);
        assert!(terminal.end().1);
        for (name, port) in [("pop", 1110), ("imap", 1143), ("lmtp", 1024)] {
            let group = format!("[{name}]\nport = {port}\n");
            assert!(world.text().contains(&group), "{}", world.text());
        }
    }
}

#[test]
fn leaving_asks_when_something_is_not_stored() {
    let question = "There are changes that are not stored. Store them (yes, no, cancel)? ";
    let start = "msconfig> set pop.port 1110\nmsconfig# exit\n";
    let world = World::new("");
    for (rest, stored) in [
        (format!("{question}cancel\nmsconfig# quit\n"), false),
        (format!("{question}no\n"), false),
        (format!("{question}yes\nstop-msg pop\nstart-msg pop\n"), true),
    ] {
        let mut terminal = Terminal::new(&world, "xterm");
        let dialogue = format!("{start}{rest}");
        terminal.play(&dialogue);
        assert_eq!(terminal.end(), (dialogue, true));
        assert_eq!(world.text().contains("1110"), stored);
    }
}

#[test]
fn the_prompt_helps_completes_and_remembers() {
    let world = World::new("");
    let mut terminal = Terminal::new(&world, "xterm");
    terminal.wait_until_shown("msconfig> ");
    terminal.press("set pop.idl\t");
    terminal.wait_until_shown("msconfig> set pop.idletimeout");
    terminal.press(" 9\r");
    terminal.wait_until_shown("no less than 10 minutes.\nmsconfig> ");
    terminal.press("help pop.b?\r");
    terminal.wait_until_shown("\npop.banner: the text of the greeting\n  text, default %h %p service (%P %V)\n  takes effect after a refresh of pop\n  older name: service.pop.banner\n  guide: Greeting\n  %h is the host, %p the protocol, %P the product, %v and %V its version in short and in full.\nmsconfig> ");
    terminal.press("\u{1b}[A\u{1b}[A\u{7f}20\r");
    terminal.wait_until_shown("msconfig> set pop.idletimeout 20\nmsconfig# ");
    terminal.press("diff\r");
    terminal.wait_until_shown(
        "- pop.idletimeout = 10  (default)\n+ pop.idletimeout = 20  (default: 10)\nmsconfig# ",
    );
    terminal.press("set pop.port 143\r");
    terminal
        .wait_until_shown("imap.port and pop.port are both 143; give one another port\nmsconfig# ");
    terminal.press("write\r");
    terminal.wait_until_shown(
        "config.toml: imap.port and pop.port are both 143; give one another port\nmsconfig# ",
    );
    terminal.press("quit\r");
    let (_, success) = terminal.end();
    assert!(success);
    assert_eq!(world.text(), "");
}

#[test]
fn a_prompted_value_is_not_shown() {
    let world = World::new("");
    let mut terminal = Terminal::own(&world);
    terminal.wait_until_shown("msconfig> ");
    terminal.press("set -prompt pop.banner\r");
    terminal.wait_until_shown("pop.banner: ");
    terminal.press("xyzzy\r");
    terminal.wait_until_shown("msconfig# ");
    assert!(!terminal.screen().contains("xyzzy"), "{}", terminal.screen());
    terminal.press("write\r");
    terminal.wait_until_shown("msconfig> ");
    terminal.press("exit\r");
    let (screen, success) = terminal.end();
    assert!(success && screen.ends_with("refresh pop\n"), "{screen}");
    assert!(world.text().contains("banner = \"xyzzy\""), "{}", world.text());
}

#[test]
fn a_single_command_is_stored_at_once() {
    let world = World::new("# ours\n[pop]\nport = 1110 # why\n");
    let told = world.ok("set pop.port 2110");
    let expected = "Stored as generation 2; pop.port takes effect after a restart of pop:\n\
                    stop-msg pop\nstart-msg pop\n";
    assert_eq!(told, expected);
    assert_eq!(world.text(), "# ours\n[pop]\nport = 2110 # why\n");
    assert!(world.ok("set pop.port 2110").contains("Nothing to store"));
    let off = world.ok("set service.pop.enable 0");
    assert!(off.ends_with("\nstop-msg pop\n"), "{off}");
    assert!(world.ok("set pop.port 3110").contains("no enabled service"));
    assert_eq!(world.ok("show pop.port"), "pop.port = 3110  (default: 110)\n");
    assert_eq!(world.ok("show imap.port"), "imap.port = 143  (default)\n");
    assert_eq!(
        world.ok("show pop*"),
        "pop.enable = 0  (default: 1)\npop.port = 3110  (default: 110)\n"
    );
    let all = world.ok("show -default pop");
    assert!(all.lines().all(|line| line.starts_with("pop.")), "{all}");
    assert!(all.contains("\npop.maxthreads = 250  (default)\n"), "{all}");
    assert!(all.contains("\npop.logfile.maxlogfiles = 10  (default)\n"), "{all}");
    world.ok("unset pop.enable");
    assert_eq!(world.ok("show pop.enable"), "pop.enable = 1  (default)\n");
}

#[test]
fn what_is_refused_names_the_reason() {
    let world = World::new("");
    for (line, reason) in [
        ("set pop.prot 1", "unknown option pop.prot; did you mean pop.port?"),
        ("set service.pop.prot 1", "did you mean service.pop.port?"),
        ("set pop.port 0", "pop.port takes a number from 1 to 65535, not 0"),
        ("set pop.port 143", "imap.port and pop.port are both 143"),
        ("set pop.idletimeout 9", "RFC 1939 section 3 allows no less than 10 minutes"),
        ("set imap.idletimeout 29", "RFC 3501 section 5.4 allows no less than 30 minutes"),
        ("set pop.enablesslport 1", "needs a certificate (base.sslcertfile, base.sslkeyfile)"),
        ("set pop.banner two words", "stands between quotes"),
        ("show pop.x*", "unknown option pop.x*"),
        ("revert 7", "there is no generation 7"),
        ("write", "belong to the dialogue"),
        ("help http.port", "comes with the HTTP service"),
        ("set -restricted base.user nobody-of-that-name", "the system has no user"),
        ("frobnicate", "there is no command frobnicate"),
    ] {
        let refused = world.refused(line);
        assert!(refused.starts_with("msconfig: ") && refused.contains(reason), "{refused}");
    }
    assert!(!world.folder.path().join("history/0001.toml").exists());
}

#[test]
fn the_history_leads_back() {
    let world = World::new("");
    world.ok("set pop.port 1110");
    world.ok("set imap.port 1143");
    let history = world.ok("history");
    let lines: Vec<&str> = history.lines().collect();
    assert_eq!(lines.len(), 3, "{history}");
    assert!(lines[0].contains("not written by msconfig"), "{history}");
    assert!(lines[1].starts_with("   2  20") && lines[1].contains("Z  admin "), "{history}");
    assert!(lines[2].ends_with("set imap.port"), "{history}");
    let last = "- imap.port = 143  (default)\n+ imap.port = 1143  (default: 143)\n";
    assert_eq!(world.ok("diff"), last);
    assert_eq!(world.ok("diff 2"), last);
    assert_eq!(world.ok("diff 2 3"), last);
    assert_eq!(world.ok("diff 3"), "");
    let told = world.ok("revert 1");
    assert!(told.ends_with("take effect with:\nstop-msg imap pop\nstart-msg imap pop\n"), "{told}");
    assert_eq!(world.text(), "");
    assert_eq!(world.ok("history").lines().count(), 4);
}

#[test]
fn a_script_ends_at_its_first_fault() {
    let world = World::new("");
    let good = world.run(&[], "set pop.port 1110\n\nwrite -remark=\"new port\"\nexit\n");
    assert!(good.status.success());
    assert_eq!(String::from_utf8(good.stdout).unwrap(), "stop-msg pop\nstart-msg pop\n");
    assert!(world.ok("history").ends_with("  new port\n"));
    let before = world.text();
    let bad = world.run(&[], "set pop.port 2110\nset pop.prot 1\nwrite\n");
    assert_eq!(bad.status.code(), Some(2));
    let forgotten = world.run(&[], "set pop.port 2110\n");
    assert_eq!(forgotten.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&forgotten.stderr).contains("changes were not stored"));
    assert_eq!(world.text(), before);
    let prompted = world.run(&["set", "-prompt", "pop.port"], "4110\n");
    assert!(prompted.status.success());
    assert!(world.text().contains("port = 4110"));
}

#[test]
fn a_file_that_is_not_understood_stays_as_it_is() {
    for text in ["[pop]\nprot = 1\n", "[pop\n", "[pop]\nport = 0\n"] {
        let world = World::new(text);
        let refused = world.refused("set imap.port 1143");
        assert!(refused.contains("config.toml:"), "{refused}");
        assert!(world.refused("show *").contains("config.toml:"));
        let dialogue = world.run(&[], "set imap.port 1143\nwrite\n");
        assert_eq!(dialogue.status.code(), Some(2));
        assert_eq!(world.text(), text);
    }
}

#[test]
fn a_change_under_an_open_dialogue_is_not_written_over() {
    let world = World::new("");
    let mut terminal = Terminal::new(&world, "xterm");
    terminal.play("msconfig> set pop.port 1110\n");
    terminal.wait_until_shown("msconfig# ");
    world.ok("set imap.port 1143");
    terminal.press("write\r");
    terminal.wait_until_shown("nothing was stored\nmsconfig# ");
    terminal.press("quit\r");
    assert!(terminal.end().1);
    assert_eq!(world.ok("show pop.port"), "pop.port = 110  (default)\n");
}
