//! Who listens on a port: read from `/proc`, for an error message.

use crate::plan::{Endpoint, Plan};
use std::fmt;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Entries of `/proc` looked at before the search is given up.
const PROCESSES: usize = 20_000;
/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// Owners that were seen while this process still had the right to see them, for the sockets that it is
/// about to open. Forgotten then: another program may have the port later.
static SEEN: Mutex<Vec<(u16, Owner)>> = Mutex::new(Vec::new());

/// The program that has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    name: String,
    process: u32,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.process)
    }
}

/// Looks who has the ports of a server that is about to give up the right to see it.
pub fn look_at_ports(plan: &Plan) {
    let listeners = plan.roles().flat_map(|role| &role.listeners);
    let ports = listeners.filter_map(|listener| match listener.endpoint {
        Endpoint::Tcp(_, port) => Some(port),
        Endpoint::Unix(..) => None,
    });
    let found = ports.filter_map(|port| Some((port, find(port)?))).collect();
    *seen() = found;
}

/// Forgets what was seen.
pub(crate) fn forget_ports() {
    seen().clear();
}

fn seen() -> MutexGuard<'static, Vec<(u16, Owner)>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program that listens on a TCP port; `None` when it cannot be seen from here.
pub(crate) fn owner_of_port(port: u16) -> Option<Owner> {
    find(port).or_else(|| {
        let seen = seen();
        seen.iter().find(|(of, _)| *of == port).map(|(_, owner)| owner.clone())
    })
}

fn find(port: u16) -> Option<Owner> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let sockets: Vec<String> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| {
            table.lines().filter_map(|line| listening(line, port)).collect::<Vec<_>>()
        })
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?.take(PROCESSES).flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter(|number| has_socket(*number, &sockets)).find_map(owner)
}

/// The inode of the socket in this line, when it listens on the port.
fn listening(line: &str, port: u16) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local) = fields.get(1)?.rsplit_once(':')?;
    let same = u16::from_str_radix(local, 16).ok()? == port;
    (same && *fields.get(3)? == LISTENING).then(|| fields.get(9).map(|s| (*s).to_owned()))?
}

fn has_socket(process: u32, sockets: &[String]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    let targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
    let mut names = targets.filter_map(|target| target.to_str().map(str::to_owned));
    names.any(|name| sockets.contains(&name))
}

fn owner(process: u32) -> Option<Owner> {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(Owner { name: name.trim().to_owned(), process })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0";
        assert_eq!(listening(line, 8080).as_deref(), Some("4711"));
        assert_eq!(listening(line, 8081), None);
        assert_eq!(listening(&line.replace(" 0A ", " 01 "), 8080), None);
        assert_eq!(listening("  sl  local_address rem_address   st", 8080), None);
    }
}
