//! The socket between the watcher and one of its processes: the process's standard input.
//!
//! The watcher sends one line with the listening sockets and the page of counters attached, then the
//! settings; then both sides send what [`crate::frames`] lists. The end of the stream means that the other side is gone.
//! Descriptors travel as messages, so none is inherited by accident and no number is guessed.

use crate::frames::{BEGIN, Frame};
use crate::limits::LISTENERS;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use waypost_counters::Page;
use waypost_types::Secret;

/// How the first line begins; the number is the version of this protocol.
const GREETING: &str = "waypost-watcher 3 ";
/// A listener where clients speak in the clear first.
const PLAIN: u8 = b'p';
/// A listener where clients begin with TLS.
const TLS: u8 = b't';
/// The page of counters of the service.
const COUNTERS: u8 = b'c';
/// No descriptor: the line has the same length always, so that it ends where the next message begins.
const NOTHING: u8 = b'-';
/// Descriptors of one process: the listeners and the page of counters.
const DESCRIPTORS: usize = LISTENERS + 1;
/// The first line in bytes.
const LINE_BYTES: usize = GREETING.len() + DESCRIPTORS + 1;
/// Room for the attached descriptors, in bytes.
const SPACE_BYTES: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS));

/// A listening socket that the watcher handed over.
#[derive(Debug)]
pub struct InheritedListener {
    /// The socket.
    pub fd: OwnedFd,
    /// Whether clients begin with TLS.
    pub tls: bool,
}

/// What a process got from the watcher that started it.
#[derive(Debug)]
pub struct Inherited {
    /// Its listening sockets.
    pub listeners: Vec<InheritedListener>,
    /// The counters of its service.
    pub counters: Page,
    /// Its slot on that page.
    pub slot: usize,
    /// Its settings, as [`crate::Hooks::settings`] has made them.
    pub settings: Secret<Vec<u8>>,
    /// The socket to the watcher, for [`crate::Attendant::start`].
    pub stream: UnixStream,
}

impl Inherited {
    /// Takes what the watcher sent over standard input. Blocks until it is there.
    ///
    /// # Errors
    /// When this process was not started by a watcher of the same version.
    pub fn receive() -> io::Result<Self> {
        // The stream's end says the same, but only to a process that still reads it.
        set_parent_process_death_signal(Some(Signal::TERM))?;
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        Self::from_stream(stream).map_err(|error| {
            let text = format!("not started by `waypost run`, which starts this process: {error}");
            io::Error::new(error.kind(), text)
        })
    }

    pub(crate) fn from_stream(mut stream: UnixStream) -> io::Result<Self> {
        let mut fds = Vec::new();
        let mut line = Vec::new();
        while line.len() < LINE_BYTES {
            receive_part(&stream, &mut line, &mut fds)?;
        }
        let kinds = line.strip_prefix(GREETING.as_bytes()).and_then(|l| l.strip_suffix(b"\n"));
        let kinds = kinds.ok_or_else(|| invalid("unknown first line"))?;
        let (listeners, counters) = sort(kinds, fds)?;
        let begin = Frame::read(&mut stream)?;
        if begin.code != BEGIN {
            return Err(invalid("no settings"));
        }
        let slot = usize::try_from(begin.number).map_err(io::Error::other)?;
        Ok(Self { listeners, counters, slot, settings: begin.payload, stream })
    }
}

/// Gives each descriptor the meaning that stands in the line.
fn sort(kinds: &[u8], fds: Vec<OwnedFd>) -> io::Result<(Vec<InheritedListener>, Page)> {
    let kinds: Vec<u8> = kinds.iter().copied().filter(|kind| *kind != NOTHING).collect();
    if kinds.len() != fds.len() {
        return Err(invalid("descriptors are missing"));
    }
    let (mut listeners, mut counters) = (Vec::new(), None);
    for (fd, kind) in fds.into_iter().zip(kinds) {
        match kind {
            COUNTERS => counters = Some(Page::from_fd(fd)?),
            PLAIN | TLS => listeners.push(InheritedListener { fd, tls: kind == TLS }),
            _ => return Err(invalid("an unknown kind of descriptor")),
        }
    }
    Ok((listeners, counters.ok_or_else(|| invalid("no page of counters"))?))
}

fn receive_part(stream: &UnixStream, line: &mut Vec<u8>, fds: &mut Vec<OwnedFd>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); SPACE_BYTES];
    let mut attached = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; LINE_BYTES];
    let room = LINE_BYTES.saturating_sub(line.len());
    let target = bytes.get_mut(..room).unwrap_or_default();
    let got =
        recvmsg(stream, &mut [IoSliceMut::new(target)], &mut attached, RecvFlags::CMSG_CLOEXEC)?;
    for message in attached.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            fds.extend(more);
        }
    }
    line.extend(bytes.iter().take(got.bytes));
    if got.bytes == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// Sends the first line with its descriptors; `true` beside a socket means TLS from the start.
pub(crate) fn send_descriptors(
    stream: &UnixStream,
    listeners: &[(BorrowedFd<'_>, bool)],
    counters: BorrowedFd<'_>,
) -> io::Result<()> {
    if listeners.len() > LISTENERS {
        return Err(invalid("too many sockets for one process"));
    }
    let mut kinds: Vec<u8> =
        listeners.iter().map(|(_, tls)| if *tls { TLS } else { PLAIN }).collect();
    kinds.push(COUNTERS);
    kinds.resize(DESCRIPTORS, NOTHING);
    let line = [GREETING.as_bytes(), &kinds, b"\n"].concat();
    let fds: Vec<BorrowedFd<'_>> = listeners.iter().map(|(fd, _)| *fd).chain([counters]).collect();
    let mut space = [MaybeUninit::uninit(); SPACE_BYTES];
    let mut attached = SendAncillaryBuffer::new(&mut space);
    if !attached.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(invalid("too many descriptors for one process"));
    }
    let sent = sendmsg(stream, &[IoSlice::new(&line)], &mut attached, SendFlags::NOSIGNAL)?;
    if sent == line.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    fn begin(mut stream: &UnixStream, slot: u64) {
        let frame = Frame::with(BEGIN, slot, b"settings".to_vec());
        stream.write_all(frame.bytes().expose()).unwrap();
    }

    #[test]
    fn sockets_arrive_in_order_with_their_kind_and_all_else() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let page = Page::shared(4, 10).unwrap();
        let sockets: Vec<TcpListener> =
            (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let handles = [(sockets[0].as_fd(), false), (sockets[1].as_fd(), true)];
        send_descriptors(&ours, &handles, page.fd().unwrap()).unwrap();
        begin(&ours, 3);
        let got = Inherited::from_stream(theirs).unwrap();
        assert_eq!(got.listeners.iter().map(|l| l.tls).collect::<Vec<_>>(), [false, true]);
        assert_eq!((got.slot, got.settings.expose().as_slice()), (3, b"settings".as_slice()));
        got.counters.login(true);
        assert_eq!(page.counts().good_logins, 1);
        let addresses = sockets.iter().map(|s| s.local_addr().unwrap()).collect::<Vec<_>>();
        drop(sockets);
        for (listener, address) in got.listeners.into_iter().zip(addresses) {
            let socket = TcpListener::from(listener.fd);
            assert_eq!(socket.local_addr().unwrap(), address);
            TcpStream::connect(address).unwrap();
        }
    }

    #[test]
    fn no_sockets_are_fine_and_strangers_are_refused() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let page = Page::shared(1, 1).unwrap();
        send_descriptors(&ours, &[], page.fd().unwrap()).unwrap();
        begin(&ours, 0);
        assert!(Inherited::from_stream(theirs).unwrap().listeners.is_empty());

        let padded = |line: &str| format!("{line:-<width$}\n", width = LINE_BYTES - 1);
        for line in [
            padded("hello"),
            padded("waypost-watcher 3 p"),
            padded("waypost-watcher 2 "),
            padded("waypost-watcher 3 "),
            "unfinished".to_owned(),
        ] {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            ours.write_all(line.as_bytes()).unwrap();
            drop(ours);
            assert!(Inherited::from_stream(theirs).is_err(), "{line:?}");
        }
    }
}
