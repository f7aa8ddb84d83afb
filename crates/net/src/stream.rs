//! One type for the byte streams a session may run over: TCP, Unix, and TLS over either.

use crate::INPUT_BUFFER_BYTES;
use crate::limits::{LINGER, LINGER_BYTES, READ_BYTES};
use bytes::BytesMut;
use rustix::net::sockopt::set_tcp_quickack;
use rustix::net::{SendFlags, send};
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    /// From the network.
    Tcp(TcpStream),
    /// From this host.
    Unix(UnixStream),
}

impl Socket {
    /// The address and port that the client has reached.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }
}

/// What a session's bytes travel over.
#[derive(Debug)]
pub(crate) enum Stream {
    /// In the clear.
    Plain(Socket),
    /// Encrypted. Boxed: the TLS state is large and most moves would copy it.
    Tls(Box<TlsStream<Socket>>),
    /// The socket was taken away (a failed handshake): every operation fails.
    Gone,
}

impl Stream {
    /// Takes the plain socket out for a handshake; `None` when TLS is already on.
    pub(crate) fn take_plain(&mut self) -> Option<Socket> {
        match std::mem::replace(self, Self::Gone) {
            Self::Plain(socket) => Some(socket),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Sends what the kernel takes now, without a look at whether the runtime believes that it takes anything: of
    /// a new connection it does not know that yet, and would ask first. What is the last is held back for
    /// [`Self::close`], which sends it and the end in one packet.
    ///
    /// # Errors
    /// `WouldBlock` when the kernel takes nothing, and always with TLS, which may have records of its own to send.
    pub(crate) fn send_now(&self, bytes: &[u8], is_last: bool) -> io::Result<usize> {
        let more = if is_last { SendFlags::MORE } else { SendFlags::empty() };
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT | more;
        match self {
            Self::Plain(Socket::Tcp(stream)) => Ok(send(stream, bytes, flags)?),
            Self::Plain(Socket::Unix(stream)) => Ok(send(stream, bytes, flags)?),
            Self::Tls(_) | Self::Gone => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Lets the kernel acknowledge what came at once. Some clients send the last bytes of a command with a write of
    /// their own, which their kernel holds back until the others are acknowledged (Nagle's algorithm), and ours waits with that
    /// for an answer to send it along with: 40 ms for each such command.
    pub(crate) fn acknowledge(&self) {
        let socket = match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_ref().0,
            Self::Gone => return,
        };
        if let Socket::Tcp(stream) = socket {
            // The acknowledgement comes in any case, only later.
            let _ = set_tcp_quickack(stream, true);
        }
    }

    /// Waits for input and appends it to `input`, up to [`INPUT_BUFFER_BYTES`] in total. Answers
    /// how much came; zero is the end of the input.
    ///
    /// While it waits no buffer exists: the bytes pass through the stack of the poll that found
    /// them, which costs a copy and saves every silent connection its buffer. Cancel safe.
    pub(crate) async fn fill(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx, input)).await
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let mut scratch = [MaybeUninit::<u8>::uninit(); READ_BYTES];
        let before = input.len();
        loop {
            let room = INPUT_BUFFER_BYTES.saturating_sub(input.len()).min(READ_BYTES);
            if room == 0 {
                return Poll::Ready(Ok(input.len() - before));
            }
            let mut buf = ReadBuf::uninit(&mut scratch);
            let mut buf = buf.take(room);
            let polled = Pin::new(&mut *self).poll_read(cx, &mut buf);
            let came = buf.filled().len();
            input.extend_from_slice(buf.filled());
            let total = input.len() - before;
            match polled {
                // A full read suggests that more waits: a large upload takes few steps.
                Poll::Ready(Ok(())) if came == room => {}
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(total)),
                // What came before the trouble is handed over first; the next fill finds the rest.
                Poll::Ready(Err(_)) | Poll::Pending if total > 0 => return Poll::Ready(Ok(total)),
                Poll::Ready(Err(e)) => return Poll::Ready(end_of_input(e)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Closes the sending side and waits a short time for the peer to close its own
    /// (see [`LINGER`]).
    pub(crate) async fn close(mut self, peer_closed: bool) {
        let farewell = async {
            if self.shutdown().await.is_ok() && !peer_closed {
                self.discard_input().await;
            }
        };
        // A peer that does not answer in time is cut, which is all that is left to do.
        let _ = timeout(LINGER, farewell).await;
    }

    async fn discard_input(&mut self) {
        let mut discarded = 0;
        let mut input = BytesMut::new();
        while discarded < LINGER_BYTES {
            match self.fill(&mut input).await {
                Ok(0) | Err(_) => return,
                Ok(came) => discarded += came,
            }
            input.clear();
        }
    }
}

/// A TLS peer that closes without saying so is treated like a plain one that closes: line protocols
/// cannot be cut in a harmful place, an unfinished line is not executed.
fn end_of_input(error: io::Error) -> io::Result<usize> {
    if error.kind() == io::ErrorKind::UnexpectedEof { Ok(0) } else { Err(error) }
}

fn gone() -> io::Error {
    io::Error::from(io::ErrorKind::NotConnected)
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_read(cx, buf),
            Self::Unix(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_write(cx, bytes),
            Self::Unix(s) => Pin::new(s).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_write_vectored(cx, parts),
            Self::Unix(s) => Pin::new(s).poll_write_vectored(cx, parts),
        }
    }

    /// Says that several TLS records may leave in one system call.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_flush(cx),
            Self::Unix(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_shutdown(cx),
            Self::Unix(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Self::Tls(s) => Pin::new(s).poll_read(cx, buf),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_write(cx, bytes),
            Self::Tls(s) => Pin::new(s).poll_write(cx, bytes),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_flush(cx),
            Self::Tls(s) => Pin::new(s).poll_flush(cx),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Self::Tls(s) => Pin::new(s).poll_shutdown(cx),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }
}
