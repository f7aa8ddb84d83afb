//! What `strace` saw: whether a reply left after the sync of what it acknowledges.
//!
//! One `strace` watches the writer and the worker, so the order of its lines is the order of events.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::process::{signal, wait_at_most};
use crate::{PATIENCE, wait_for};
use nix::sys::signal::Signal;

/// The system calls that carry bytes or make them durable.
const CALLS: &str = "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,\
pwrite64,pwritev,pwritev2,fdatasync,fsync,msync";

/// The calls that take bytes in.
const READS: [&str; 4] = ["read", "readv", "recvfrom", "recvmsg"];
/// The calls that give bytes out.
const WRITES: [&str; 7] =
    ["write", "writev", "sendto", "sendmsg", "pwrite64", "pwritev", "pwritev2"];
/// The calls that return when the bytes before them are durable.
const SYNCS: [&str; 2] = ["fdatasync", "fsync"];

/// One finished system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// The file descriptor with what it stands for, such as `7</store/meta/data.mdb>`.
    pub file: String,
    /// The arguments as `strace` prints them.
    pub arguments: String,
    /// The line where it began.
    pub began: usize,
    /// The line where it ended.
    pub ended: usize,
    /// Whether it succeeded.
    pub succeeded: bool,
}

impl Call {
    fn is(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }
}

/// What must be durable before the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// The metadata.
    Metadata,
    /// A message's bytes in a segment, then the metadata.
    MessageAndMetadata,
}

/// A running `strace`.
pub struct Tracer {
    child: Child,
    output: std::path::PathBuf,
    errors: std::path::PathBuf,
}

impl Tracer {
    /// Watches processes until [`Tracer::finish`].
    ///
    /// # Panics
    /// When it cannot attach to them.
    pub fn attach(pids: &[u32], scratch: &Path) -> Self {
        let (output, errors) = (scratch.join("trace"), scratch.join("strace-errors"));
        let log = File::create(&errors).expect("a file can be made");
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-ttt", "-s", "400", "-e", CALLS, "-o"]).arg(&output);
        for pid in pids {
            command.args(["-p", &pid.to_string()]);
        }
        let child = command.stdin(Stdio::null()).stderr(log).spawn().expect("strace starts");
        let tracer = Self { child, output, errors };
        wait_for("strace", || pids.iter().all(|pid| tracer.watches(*pid)).then_some(()));
        tracer
    }

    /// The calls that have finished so far.
    pub fn calls(&self) -> Vec<Call> {
        let text = fs::read(&self.output).expect("strace writes a file");
        calls(&String::from_utf8_lossy(&text))
    }

    /// Lets the processes go.
    ///
    /// # Panics
    /// When `strace` does not end.
    pub fn finish(mut self) {
        signal(self.child.id(), Signal::SIGINT);
        assert!(wait_at_most(&mut self.child, PATIENCE).is_some(), "strace does not end");
    }

    /// Whether every thread of a process has a tracer.
    fn watches(&self, pid: u32) -> bool {
        let errors = fs::read_to_string(&self.errors).unwrap_or_default();
        let refused = errors.contains("not permitted") || errors.contains("No such process");
        assert!(!refused, "strace: {errors}");
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs").flatten();
        tasks.map(|task| fs::read_to_string(task.path().join("status")).unwrap_or_default()).all(
            |status| {
                status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
            },
        )
    }
}

/// The descriptors of the metadata file on which every write is a sync of its own (`O_DSYNC`),
/// as `strace -y` prints them.
pub fn syncing_descriptors(pid: u32, metadata: &Path) -> BTreeSet<String> {
    const O_DSYNC: u32 = 0o10_000;
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs").flatten();
    let same = folder.filter(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == metadata));
    let numbers = same.filter_map(|entry| entry.file_name().into_string().ok());
    let syncs = |number: &String| {
        let flags = open_flags(pid, number);
        flags.is_some_and(|flags| flags & O_DSYNC != 0)
    };
    numbers.filter(syncs).map(|number| format!("{number}<{}>", metadata.display())).collect()
}

/// The flags with which a descriptor was opened.
pub fn open_flags(pid: u32, descriptor: &str) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    u32::from_str_radix(line.trim(), 8).ok()
}

/// Checks that the first reply to the bytes `received` left after the sync of what it confirms.
///
/// # Errors
/// Says what is missing or in the wrong order.
pub fn check(
    calls: &[Call],
    syncing: &BTreeSet<String>,
    received: &str,
    reply: &str,
    durable: Durable,
) -> Result<(), String> {
    let taken = calls.iter().find(|call| call.is(&READS) && call.arguments.contains(received));
    let taken = taken.ok_or_else(|| format!("nobody read {received:?}"))?;
    let answers =
        |call: &&Call| call.is(&WRITES) && call.file == taken.file && call.ended > taken.ended;
    let answer = calls.iter().find(answers).ok_or("there is no reply")?;
    if !answer.arguments.contains(reply) {
        return Err(format!("the reply is {}, not {reply:?}", answer.arguments));
    }
    let between = |call: &&Call| call.began > taken.began && call.ended < answer.began;
    let work: Vec<&Call> = calls.iter().filter(between).filter(|call| call.succeeded).collect();
    let after = match durable {
        Durable::Metadata => taken.began,
        Durable::MessageAndMetadata => segment_synced(&work)?,
    };
    metadata_synced(&work, syncing, after)
}

/// The line where the last write to a segment was durable.
fn segment_synced(work: &[&Call]) -> Result<usize, String> {
    let segment = |call: &&&Call| call.file.contains("/segments/");
    let written = work.iter().filter(segment).rfind(|call| call.is(&WRITES));
    let written = written.ok_or("no segment was written before the reply")?;
    let synced = work
        .iter()
        .filter(segment)
        .find(|call| call.is(&SYNCS) && call.file == written.file && call.began > written.ended);
    synced
        .map(|call| call.ended)
        .ok_or_else(|| "the segment was not synced before the reply".to_owned())
}

/// A commit: pages written, synced, then the page that makes them count, by a write that syncs or
/// with a sync behind it. All of it behind the line `after`.
fn metadata_synced(work: &[&Call], syncing: &BTreeSet<String>, after: usize) -> Result<(), String> {
    let metadata: Vec<_> =
        work.iter().filter(|call| call.file.contains("/data.mdb>") && call.ended > after).collect();
    let sync = metadata.iter().find(|call| call.is(&SYNCS) && call.began > after);
    let sync = sync.ok_or("the metadata was not synced before the reply, or before the segment")?;
    let last = metadata.iter().rfind(|call| call.is(&WRITES) && call.began > sync.ended);
    let last = last.ok_or("no commit was written behind the synced pages")?;
    let synced_later = |call: &&&&Call| call.is(&SYNCS) && call.began > last.ended;
    if syncing.contains(&last.file) || metadata.iter().any(|call| synced_later(&call)) {
        return Ok(());
    }
    Err(format!("the commit on {} was not synced before the reply", last.file))
}

/// Reads the lines of `strace -f -ttt -y`; a call that another thread interrupts has two.
pub fn calls(text: &str) -> Vec<Call> {
    let mut open: HashMap<&str, (usize, String)> = HashMap::new();
    let mut done = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((_time, rest)) = rest.trim_start().split_once(' ') else { continue };
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            open.insert(thread, (number, start.to_owned()));
        } else if let Some((_, end)) =
            rest.strip_prefix("<... ").and_then(|r| r.split_once("resumed>"))
        {
            let begun = open.remove(thread);
            done.extend(begun.and_then(|(began, start)| call(&(start + end), began, number)));
        } else {
            done.extend(call(rest, number, number));
        }
    }
    done.sort_by_key(|call| call.ended);
    done
}

fn call(text: &str, began: usize, ended: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let file = arguments.split([',', ')']).next().unwrap_or_default().trim();
    let succeeded = !result.trim_start().starts_with('-');
    let (name, file) = (name.trim().to_owned(), file.to_owned());
    Some(Call { name, file, arguments: arguments.to_owned(), began, ended, succeeded })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
7 1.0 recvfrom(9<socket:[5]>, \"A1 APPEND\", 99, 0, NULL, NULL) = 9
8 1.1 write(4</s/segments/1>, \"...\", 3) = 3
8 1.2 fdatasync(4</s/segments/1> <unfinished ...>
7 1.3 read(11<anon>, \"\", 8) = 8
8 1.4 <... fdatasync resumed>) = 0
8 1.5 pwrite64(5</s/meta/data.mdb>, \"page\", 4096, 8192) = 4096
8 1.6 fdatasync(5</s/meta/data.mdb>) = 0
8 1.7 pwrite64(6</s/meta/data.mdb>, \"meta\", 64, 0) = 64
7 1.8 sendto(9<socket:[5]>, \"A1 OK\\r\\n\", 7, 0, NULL, 0) = 7
";

    fn verdict(text: &str) -> Result<(), String> {
        let syncing = BTreeSet::from(["6</s/meta/data.mdb>".to_owned()]);
        check(&calls(text), &syncing, "A1 APPEND", "A1 OK", Durable::MessageAndMetadata)
    }

    fn without(part: &str) -> String {
        let lines = GOOD.lines().filter(|line| !line.contains(part));
        lines.map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_reply_after_both_syncs_passes() {
        assert_eq!(verdict(GOOD), Ok(()));
    }

    #[test]
    fn a_missing_sync_fails() {
        for part in ["fdatasync resumed", "fdatasync(5", "pwrite64(6", "write(4"] {
            assert!(verdict(&without(part)).is_err(), "without {part}");
        }
    }

    #[test]
    fn a_reply_before_the_commit_fails() {
        let mut lines: Vec<&str> = GOOD.lines().collect();
        lines.swap(7, 8);
        assert!(verdict(&lines.join("\n")).is_err());
    }

    #[test]
    fn a_commit_without_its_own_sync_fails() {
        let result = check(
            &calls(GOOD),
            &BTreeSet::new(),
            "A1 APPEND",
            "A1 OK",
            Durable::MessageAndMetadata,
        );
        assert!(result.is_err());
    }
}
