//! Opening listening sockets, with errors that name the option and who is in the way.

use crate::limits::BACKLOG;
use crate::owner::{Owner, owner_of_port};
use crate::plan::{Endpoint, ListenerPlan};
use crate::rights::may_open_low_ports;
use crate::service::Service;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Ports below are for programs that the administrator has given the right.
const LOW_PORTS: u16 = 1_024;

/// A listening socket of the watcher.
#[derive(Debug)]
pub(crate) struct Bound {
    socket: Socket,
    tls: bool,
    /// What it listens on, for people.
    pub(crate) place: String,
}

impl Bound {
    pub(crate) fn handle(&self) -> (BorrowedFd<'_>, bool) {
        (self.socket.as_fd(), self.tls)
    }
}

/// Why a socket cannot be opened; the text says what to do.
#[derive(Debug)]
pub struct BindError {
    option: String,
    place: String,
    /// `None` for a socket in the file system.
    port: Option<u16>,
    cause: io::Error,
    owner: Option<Owner>,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, place, port, cause, owner } = self;
        match (cause.kind(), port) {
            (io::ErrorKind::AddrInUse, _) => taken(f, option, place, owner.as_ref()),
            (io::ErrorKind::PermissionDenied, Some(1..LOW_PORTS)) if !may_open_low_ports() => {
                write!(
                    f,
                    "{option}: cannot listen on {place}: the server may not open ports below \
                     {LOW_PORTS}; start it by root, which leaves it this one right, or give it \
                     CAP_NET_BIND_SERVICE as waypost.service does, or set {option} to a port from \
                     {LOW_PORTS} on"
                )
            }
            (io::ErrorKind::PermissionDenied, None) => write!(
                f,
                "{option}: cannot listen on {place}: {cause}; the server's user must be able to \
                 write the folder"
            ),
            _ => write!(f, "{option}: cannot listen on {place}: {cause}"),
        }
    }
}

fn taken(
    f: &mut fmt::Formatter<'_>,
    option: &str,
    place: &str,
    owner: Option<&Owner>,
) -> fmt::Result {
    write!(f, "{option}: cannot listen on {place}: ")?;
    match owner {
        Some(owner) => write!(f, "{owner}")?,
        None => f.write_str("another program")?,
    }
    write!(f, " has it; stop that or set {option} to another value")
}

impl std::error::Error for BindError {}

impl BindError {
    /// The port, when another program has it and cannot be named from here.
    pub(crate) fn taken(&self, service: Service) -> Option<TakenPort> {
        let unnamed = self.cause.kind() == io::ErrorKind::AddrInUse && self.owner.is_none();
        let (option, place) = (self.option.clone(), self.place.clone());
        let taken = |port| TakenPort { service, option, place, port };
        self.port.filter(|_| unnamed).map(taken)
    }
}

/// A port that another program has. Whoever shows this looks for its name: root sees the descriptors of
/// every process, the watcher only those of its own user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPort {
    /// The service that wants it.
    pub service: Service,
    /// The option that says so.
    pub option: String,
    /// The address and the port.
    pub place: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for TakenPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, option, place, port } = self;
        write!(f, "{service}: ")?;
        taken(f, option, place, owner_of_port(*port).as_ref())
    }
}

/// Opens the sockets of one place: one, or one of each address family.
pub(crate) fn bind(plan: &ListenerPlan) -> Result<Vec<Bound>, BindError> {
    match &plan.endpoint {
        Endpoint::Tcp(Some(address), port) => {
            Ok(vec![bind_port(plan, SocketAddr::new(*address, *port))?])
        }
        Endpoint::Tcp(None, port) => bind_all_addresses(plan, *port),
        Endpoint::Unix(path, mode) => Ok(vec![bind_path(plan, path, *mode)?]),
    }
}

/// IPv4 must work; a system without IPv6 is fine.
fn bind_all_addresses(plan: &ListenerPlan, port: u16) -> Result<Vec<Bound>, BindError> {
    let v4 = bind_port(plan, SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port))?;
    match bind_port(plan, SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)) {
        Ok(v6) => Ok(vec![v4, v6]),
        Err(error) if error.cause.kind() == io::ErrorKind::AddrInUse => Err(error),
        Err(error) => {
            tracing::info!(%error, "only IPv4");
            Ok(vec![v4])
        }
    }
}

fn bind_port(plan: &ListenerPlan, address: SocketAddr) -> Result<Bound, BindError> {
    let open = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // A port whose last connections still wait for their time-out can be taken again.
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // Else it would take IPv4 too, and the IPv4 socket beside it could not be opened.
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket)
    };
    let socket = open().map_err(|cause: io::Error| {
        let taken = cause.kind() == io::ErrorKind::AddrInUse;
        let owner = if taken { owner_of_port(address.port()) } else { None };
        let (option, place) = (plan.option.clone(), address.to_string());
        BindError { option, place, port: Some(address.port()), cause, owner }
    })?;
    let place = socket.local_addr().ok().and_then(|a| a.as_socket()).unwrap_or(address).to_string();
    Ok(Bound { socket, tls: plan.tls, place })
}

fn bind_path(plan: &ListenerPlan, path: &Path, mode: u32) -> Result<Bound, BindError> {
    let open = || {
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        // Before `listen`, so that nobody connects under the wrong permissions.
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        socket.listen(BACKLOG)?;
        Ok(socket)
    };
    let place = path.display().to_string();
    let socket = open().map_err(|cause| {
        let (option, place) = (plan.option.clone(), place.clone());
        BindError { option, place, port: None, cause, owner: None }
    })?;
    Ok(Bound { socket, tls: plan.tls, place })
}

/// Removes a socket that nobody listens on. One that is in use, or another kind of file, stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::other("there is a file of that name that is no socket"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn tcp(address: Option<IpAddr>, port: u16) -> ListenerPlan {
        let endpoint = Endpoint::Tcp(address, port);
        ListenerPlan { option: "imap.port".to_owned(), endpoint, tls: false }
    }

    fn unix(path: &Path) -> ListenerPlan {
        let endpoint = Endpoint::Unix(path.to_owned(), 0o600);
        ListenerPlan { option: "lmtp.socket".to_owned(), endpoint, tls: false }
    }

    #[test]
    fn a_taken_port_is_refused_with_option_and_owner() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = bind(&tcp(Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), port)).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("imap.port: cannot listen on 127.0.0.1:"), "{text}");
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    }

    #[test]
    fn no_address_means_both_families() {
        let bound = bind(&tcp(None, 0)).unwrap();
        assert!(!bound.is_empty() && bound[0].place.starts_with("0.0.0.0:"));
    }

    #[test]
    fn a_stale_socket_is_replaced_a_live_one_and_a_file_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let first = bind(&unix(&path)).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = bind(&unix(&path)).unwrap_err().to_string();
        assert!(text.contains("another program has it"), "{text}");
        drop(first);
        assert!(bind(&unix(&path)).is_ok());

        let file = folder.path().join("f");
        fs::write(&file, "precious").unwrap();
        assert!(bind(&unix(&file)).unwrap_err().to_string().contains("no socket"));
        assert_eq!(fs::read(&file).unwrap(), b"precious");
    }
}
