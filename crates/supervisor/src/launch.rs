//! Starting a process: this very program again, with its role as the subcommand.

use crate::control::send_descriptors;
use crate::frames::{BEGIN, Frame, Outbox};
use crate::output::{Listening, OnOutput, Speaker};
use crate::ports::Bound;
use crate::service::Service;
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use waypost_counters::Page;
use waypost_types::Secret;

/// The running program, also after its file was replaced by a newer version: all processes of one
/// watcher speak the same protocols.
const PROGRAM: &str = "/proc/self/exe";
/// The name that process lists show first.
const PROGRAM_NAME: &str = "waypost";
/// Where the service manager listens; the watcher alone speaks for the server.
const MANAGER: &str = "NOTIFY_SOCKET";
/// The variable that glibc's allocator is set by; another C library ignores it.
const ALLOCATOR: &str = "GLIBC_TUNABLES";
/// Large blocks always come from the system and go back to it. Left to itself the allocator raises
/// this threshold (bytes) when the memory of the first password hash is freed; from then on every
/// thread that has checked a password keeps as much for good.
const ALLOCATOR_SETTING: &str = "glibc.malloc.mmap_threshold=4194304";

/// What a process is started with.
#[derive(Clone)]
pub(crate) struct Launch {
    /// The subcommand and what follows it.
    arguments: Vec<OsString>,
    program: PathBuf,
    /// Who takes what it says, and as which service; nobody when it says it to the watcher's own standard
    /// error.
    output: Option<(Service, OnOutput)>,
}

impl Launch {
    /// The subcommand of a service with the configuration file.
    pub(crate) fn role(service: Service, config: &Path, output: OnOutput) -> Self {
        let arguments = [service.role().as_ref(), OsStr::new("--config"), config.as_os_str()];
        let arguments = arguments.map(OsStr::to_owned).to_vec();
        let output = Some((service, output));
        Self { arguments, program: PathBuf::from(PROGRAM), output }
    }

    /// Any program, to test with.
    #[cfg(test)]
    pub(crate) fn program(program: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(Into::into).collect();
        Self { arguments, program: PathBuf::from(program), output: None }
    }

    /// Starts it and hands it the sockets, its slot on the page of counters, and its settings.
    pub(crate) fn start(
        &self,
        listeners: &[Bound],
        (page, slot): (&Page, usize),
        settings: &Secret<Vec<u8>>,
    ) -> io::Result<Running> {
        let (ours, theirs) = BlockingStream::pair()?;
        let handles: Vec<_> = listeners.iter().map(Bound::handle).collect();
        let page = page.fd().ok_or(io::ErrorKind::InvalidInput)?;
        // Waits in the socket's buffer until the process reads it.
        send_descriptors(&ours, &handles, page)?;
        ours.set_nonblocking(true)?;
        let (from, to) = UnixStream::from_std(ours)?.into_split();
        let mut outbox = Outbox::default();
        let slot = u64::try_from(slot).unwrap_or_default();
        outbox.push(&Frame::with(BEGIN, slot, settings.expose().clone()));
        let mut child = Command::new(&self.program)
            .arg0(PROGRAM_NAME)
            .args(&self.arguments)
            .env_remove(MANAGER)
            .env(ALLOCATOR, allocator_setting(env::var_os(ALLOCATOR)))
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(if self.output.is_some() { Stdio::piped() } else { Stdio::inherit() })
            // Ctrl-C at a terminal is for the watcher, which ends the others in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let output = self.listen(&mut child);
        Ok(Running { child, from, to, outbox, output })
    }

    fn listen(&self, child: &mut Child) -> Option<Listening> {
        let (service, take) = self.output.clone()?;
        let speaker = Speaker { service, process: child.id()? };
        Some(Listening::start(child.stderr.take()?, speaker, take))
    }
}

/// What the administrator has set wins.
fn allocator_setting(given: Option<OsString>) -> OsString {
    given.unwrap_or_else(|| ALLOCATOR_SETTING.into())
}

/// A running process and the socket to it.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) from: OwnedReadHalf,
    pub(crate) to: OwnedWriteHalf,
    /// What it has not read yet. One that hangs must not make its watcher wait.
    pub(crate) outbox: Outbox,
    output: Option<Listening>,
}

impl Running {
    /// The process number; `None` once it has ended.
    pub(crate) fn process(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits a moment for the last words of a process that has ended.
    pub(crate) async fn hear_out(&mut self) {
        if let Some(output) = self.output.take() {
            output.finish().await;
        }
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let number = self.process().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // It was not waited for yet, so the number is still its own; it may have ended by itself.
        let _ = number.map(|number| kill_process(number, Signal::TERM));
    }
}

/// How a process ended, in words.
pub(crate) fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    const SIGBUS: i32 = 7;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(SIGBUS)) => "signal 7 (SIGBUS): the disk of the store failed a read".to_owned(),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown end".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[tokio::test]
    async fn a_process_gives_large_blocks_back() {
        let setting = allocator_setting(env::var_os(ALLOCATOR)).into_string().unwrap();
        let page = Page::shared(1, 1).unwrap();
        let check = format!("test \"${ALLOCATOR}\" = \"{setting}\"");
        let mut running = Launch::program("/bin/sh", &["-c", &check])
            .start(&[], (&page, 0), &Secret::new(Vec::new()))
            .unwrap();
        assert!(running.child.wait().await.unwrap().success());
    }

    #[test]
    fn the_administrators_setting_wins() {
        assert_eq!(allocator_setting(None), ALLOCATOR_SETTING);
        assert_eq!(allocator_setting(Some("x".into())), "x");
    }
}
