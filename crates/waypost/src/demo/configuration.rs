//! The demo's `config.toml`: written once, completed where something is missing, then the user's own.

use crate::certificate::write_private;
use crate::failure::{Context, Failure};
use crate::output::tell;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::path::Path;
use toml_edit::{DocumentMut, Item, Table, value};
use waypost_options::{
    Config, IMAP_PORT, IMAP_SSLPORT, LMTP_PORT, MAX_FILE_BYTES, POP_PORT, POP_SSLPORT,
};

/// The demo's domain.
pub(super) const DOMAIN: &str = "example.com";

/// Where ports are chosen: free for everybody, and below those that the system gives to outgoing
/// connections.
const PORTS: RangeInclusive<u16> = 20_000..=32_000;
/// Ports tried before the choice is given up.
const PORT_TRIES: u32 = 1_000;
/// The options that hold a port.
const PORT_OPTIONS: [(&str, &str); 5] =
    [("imap", "port"), ("imap", "sslport"), ("pop", "port"), ("pop", "sslport"), ("lmtp", "port")];
/// The texts that a new configuration has.
const TEXTS: [(&str, &str, &str); 6] = [
    ("base", "hostname", "localhost"),
    ("base", "defaultdomain", DOMAIN),
    ("base", "listenaddr", "127.0.0.1"),
    ("base", "sslcertfile", "cert.pem"),
    ("base", "sslkeyfile", "key.pem"),
    ("lmtp", "socket", "run/lmtp.sock"),
];
/// The switches that a new configuration has.
const SWITCHES: [(&str, &str); 2] = [("imap", "enablesslport"), ("pop", "enablesslport")];

/// The ports of a demo.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) imap: u16,
    pub(super) imaps: u16,
    pub(super) pop: u16,
    pub(super) pops: u16,
    pub(super) lmtp: u16,
}

/// Writes the file, or adds what a demo needs and the file does not say.
pub(super) fn ensure(file: &Path) -> Result<(), Failure> {
    let mut document = read(file)?;
    let before = document.to_string();
    for (group, name, text) in TEXTS {
        add(&mut document, group, name, || Ok(value(text)))?;
    }
    for (group, name) in SWITCHES {
        add(&mut document, group, name, || Ok(value(1)))?;
    }
    for (group, name) in PORT_OPTIONS {
        let taken = ports_in(&document);
        add(&mut document, group, name, || Ok(value(i64::from(free_port(&taken)?))))?;
    }
    write_if_changed(file, &before, &document)
}

/// Gives every port that another program has taken another number; answers with the ports.
pub(super) fn settle_ports(file: &Path) -> Result<Ports, Failure> {
    let mut document = read(file)?;
    let before = document.to_string();
    for (group, name) in PORT_OPTIONS {
        let taken = ports_in(&document);
        let Some(item) = document.get_mut(group).and_then(|table| table.get_mut(name)) else {
            continue;
        };
        let port = item.as_integer().and_then(|port| u16::try_from(port).ok());
        if let Some(port) = port.filter(|port| !is_free(*port)) {
            let other = free_port(&taken)?;
            *item = value(i64::from(other));
            tell(format_args!(
                "{group}.{name}: another program has port {port}; it is {other} from now on"
            ));
        }
    }
    write_if_changed(file, &before, &document)?;
    let config = Config::load(file).map_err(Failure::usage)?;
    Ok(Ports {
        imap: config.read(&IMAP_PORT),
        imaps: config.read(&IMAP_SSLPORT),
        pop: config.read(&POP_PORT),
        pops: config.read(&POP_SSLPORT),
        lmtp: config.read(&LMTP_PORT),
    })
}

fn read(file: &Path) -> Result<DocumentMut, Failure> {
    let text = match std::fs::metadata(file) {
        Ok(found) if found.len() > MAX_FILE_BYTES => {
            return Err(Failure::usage(format!("{} is too large", file.display())));
        }
        Ok(_) => std::fs::read_to_string(file).context(file.display())?,
        Err(_) => String::new(),
    };
    text.parse().map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

fn write_if_changed(file: &Path, before: &str, document: &DocumentMut) -> Result<(), Failure> {
    let after = document.to_string();
    if after == before { Ok(()) } else { write_private(file, &after).context(file.display()) }
}

/// Adds an option unless it is there.
fn add(
    document: &mut DocumentMut,
    group: &str,
    name: &str,
    item: impl FnOnce() -> Result<Item, Failure>,
) -> Result<(), Failure> {
    let table = document.entry(group).or_insert_with(|| Item::Table(Table::new()));
    let table = table.as_table_like_mut();
    let table = table.ok_or_else(|| Failure::usage(format!("`{group}` must be a group")))?;
    if table.get(name).is_none() {
        table.insert(name, item()?);
    }
    Ok(())
}

fn ports_in(document: &DocumentMut) -> Vec<i64> {
    let port = |(group, name): (&str, &str)| document.get(group)?.get(name)?.as_integer();
    PORT_OPTIONS.into_iter().filter_map(port).collect()
}

fn free_port(taken: &[i64]) -> Result<u16, Failure> {
    let span = u32::from(PORTS.end() - PORTS.start()) + 1;
    for _ in 0..PORT_TRIES {
        let random = getrandom::u32().context("no random numbers")? % span;
        let port = u16::try_from(u32::from(*PORTS.start()) + random).unwrap_or(*PORTS.end());
        if !taken.contains(&i64::from(port)) && is_free(port) {
            return Ok(port);
        }
    }
    Err(Failure::new(format!("no free port between {} and {}", PORTS.start(), PORTS.end())))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(ports: &Ports) -> [u16; 5] {
        [ports.imap, ports.imaps, ports.pop, ports.pops, ports.lmtp]
    }

    #[test]
    fn a_second_run_keeps_the_ports_and_a_taken_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        ensure(&file).unwrap();
        let first = numbers(&settle_ports(&file).unwrap());
        ensure(&file).unwrap();
        assert_eq!(numbers(&settle_ports(&file).unwrap()), first);

        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first[1])).unwrap();
        let third = numbers(&settle_ports(&file).unwrap());
        assert_ne!(third[1], first[1]);
        assert_eq!(
            [third[0], third[2], third[3], third[4]],
            [first[0], first[2], first[3], first[4]]
        );
    }

    #[test]
    fn what_the_user_wrote_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        let own = "# mine\n[imap]\nmaxsessions = 7\n\n[base.logfile]\nloglevel = \"Debug\"\n";
        std::fs::write(&file, own).unwrap();
        ensure(&file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# mine\n") && text.contains("loglevel = \"Debug\""), "{text}");
        let config = Config::load(&file).unwrap();
        assert_eq!(config.read(&waypost_options::IMAP_MAXSESSIONS), 7);
        assert_eq!(config.read(&waypost_options::BASE_DEFAULTDOMAIN), DOMAIN);
    }
}
