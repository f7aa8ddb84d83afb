//! The socket between the watcher and one of its processes: the process's standard input.
//!
//! The watcher sends one line with the listening sockets attached; then both sides send what
//! [`crate::frames`] lists. The end of the stream means that the other side is gone.
//! Descriptors travel as messages, so none is inherited by accident and no number is guessed.

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

/// How the first line begins; the number is the version of this protocol.
const GREETING: &str = "waypost-watcher 2 ";
/// A listener where clients speak in the clear first.
const PLAIN: u8 = b'p';
/// A listener where clients begin with TLS.
const TLS: u8 = b't';
/// The longest first line in bytes.
const LINE_BYTES: usize = GREETING.len() + LISTENERS + 1;
/// Room for the attached descriptors, in bytes.
const SPACE_BYTES: usize = rustix::cmsg_space!(ScmRights(LISTENERS));

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

    pub(crate) fn from_stream(stream: UnixStream) -> io::Result<Self> {
        let mut fds = Vec::new();
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            receive_part(&stream, &mut line, &mut fds)?;
        }
        let kinds = line.strip_prefix(GREETING.as_bytes()).and_then(|l| l.strip_suffix(b"\n"));
        let kinds = kinds.ok_or_else(|| invalid("unknown first line"))?;
        if kinds.len() != fds.len() {
            return Err(invalid("sockets are missing"));
        }
        let listener = |(fd, kind): (OwnedFd, &u8)| InheritedListener { fd, tls: *kind == TLS };
        Ok(Self { listeners: fds.into_iter().zip(kinds).map(listener).collect(), stream })
    }
}

fn receive_part(stream: &UnixStream, line: &mut Vec<u8>, fds: &mut Vec<OwnedFd>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); SPACE_BYTES];
    let mut attached = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; LINE_BYTES];
    let room = LINE_BYTES - line.len();
    let Some(target) = bytes.get_mut(..room).filter(|target| !target.is_empty()) else {
        return Err(invalid("the first line is too long"));
    };
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

/// Sends the first line with its sockets; `true` beside a socket means TLS from the start.
pub(crate) fn send_listeners(
    stream: &UnixStream,
    listeners: &[(BorrowedFd<'_>, bool)],
) -> io::Result<()> {
    let kinds: Vec<u8> = listeners.iter().map(|(_, tls)| if *tls { TLS } else { PLAIN }).collect();
    let line = [GREETING.as_bytes(), &kinds, b"\n"].concat();
    let fds: Vec<BorrowedFd<'_>> = listeners.iter().map(|(fd, _)| *fd).collect();
    let mut space = [MaybeUninit::uninit(); SPACE_BYTES];
    let mut attached = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !attached.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(invalid("too many sockets for one process"));
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
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    #[test]
    fn sockets_arrive_in_order_with_their_kind() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let sockets: Vec<TcpListener> =
            (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        send_listeners(&ours, &[(sockets[0].as_fd(), false), (sockets[1].as_fd(), true)]).unwrap();
        let got = Inherited::from_stream(theirs).unwrap();
        assert_eq!(got.listeners.iter().map(|l| l.tls).collect::<Vec<_>>(), [false, true]);
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
        send_listeners(&ours, &[]).unwrap();
        assert!(Inherited::from_stream(theirs).unwrap().listeners.is_empty());

        for line in ["hello\n", "waypost-watcher 2 p\n", "waypost-watcher 1 \n", "unfinished"] {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            io::Write::write_all(&mut ours, line.as_bytes()).unwrap();
            drop(ours);
            assert!(Inherited::from_stream(theirs).is_err(), "{line:?}");
        }
    }
}
