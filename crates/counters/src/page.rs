//! One page: what a service's processes count, and what may be known of it.

use crate::address::places;
use crate::layout::{COMMON, HEAD, Layout, MAGIC, SLOT, head};
use crate::memory::Memory;
use std::io;
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use waypost_types::network;

/// A process that has not shown itself for so long, in seconds, is not counted on to take a connection.
const SILENT_SECONDS: u64 = 15;

/// The counters of the service, in the order of the page.
#[derive(Clone, Copy)]
enum Common {
    Started,
    LastConnection,
    Max,
    Total,
    Failed,
    Refused,
    Crowded,
    GoodLogins,
    FailedLogins,
    BytesIn,
    BytesOut,
    Panics,
    Filtered,
}

/// The words of a process, in the order of its slot.
#[derive(Clone, Copy)]
enum Own {
    Process,
    Current,
    Seats,
    Beat,
}

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// This process holds as many connections as it may.
    Full,
    /// The client's address has as many connections as it may.
    Crowded,
    /// A filter shuts the client out.
    Filtered,
}

/// The counters of a service at one time. Times are seconds since 1970, 0 for never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServiceCounts {
    /// When the service was last started.
    pub started: u64,
    /// When a connection was last taken.
    pub last_connection: u64,
    /// Connections open now.
    pub current: u64,
    /// The most connections that were open at once.
    pub max: u64,
    /// Connections taken.
    pub total: u64,
    /// Connections that ended by a failed handshake, a socket error, a client that did not read, or an
    /// internal error.
    pub failed: u64,
    /// Connections turned away because all processes were full.
    pub refused: u64,
    /// Connections turned away because their address had too many.
    pub crowded: u64,
    /// Connections turned away by a filter; they count among those taken.
    pub filtered: u64,
    /// Logins that succeeded.
    pub good_logins: u64,
    /// Logins that failed.
    pub failed_logins: u64,
    /// Bytes received by sessions (inside TLS).
    pub bytes_in: u64,
    /// Bytes sent by sessions (inside TLS).
    pub bytes_out: u64,
    /// Steps that panicked; each ended its own session only.
    pub step_panics: u64,
}

/// What a process has now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlotCounts {
    /// Its process number; 0 when there is none.
    pub process: u32,
    /// Connections open now.
    pub current: u64,
    /// Connections that it may hold.
    pub seats: u64,
}

/// The page of one service.
#[derive(Debug)]
pub struct Page {
    memory: Memory,
    layout: Layout,
    keys: [u64; 2],
}

impl Page {
    /// A page for `processes` processes of at most `seats` connections each, to be shared.
    ///
    /// # Errors
    /// When the system gives no memory or no random numbers.
    pub fn shared(processes: usize, seats: u64) -> io::Result<Self> {
        let layout = Layout::new(processes, seats);
        let page = Self { memory: Memory::shared(layout.words())?, layout, keys: random()? };
        page.write_head();
        Ok(page)
    }

    /// A page for this process alone, in slot 0.
    pub fn own(seats: u64) -> Self {
        let layout = Layout::new(1, seats);
        // Without random numbers addresses can be made to meet; alone and unshared that harms nobody.
        let keys = random().unwrap_or_default();
        let page = Self { memory: Memory::own(layout.words()), layout, keys };
        page.write_head();
        page
    }

    /// The page behind a descriptor from [`Page::fd`].
    ///
    /// # Errors
    /// When it is none of this version, or cannot be mapped.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        let memory = Memory::map(fd)?;
        let words = memory.words();
        let read = |place: usize| words.get(place).map_or(0, |word| word.load(Relaxed));
        let layout = Layout::checked(read(head::PROCESSES), read(head::WIDTH), words.len());
        let layout = layout.filter(|_| read(head::MAGIC) == MAGIC).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "a page of counters of another version")
        })?;
        let keys = head::KEYS.map(read);
        Ok(Self { memory, layout, keys })
    }

    /// The descriptor to hand to other processes; none of a page of one process alone.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.memory.fd()
    }

    /// How many processes it has room for.
    pub fn processes(&self) -> usize {
        self.layout.processes
    }

    /// Takes over what an earlier page of the service has counted for good, and notes the start.
    pub fn begin(&self, before: Option<&Self>, now: u64) {
        if let Some(before) = before {
            for place in HEAD..HEAD + COMMON {
                self.word(place).store(before.word(place).load(Relaxed), Relaxed);
            }
        }
        self.common(Common::Started).store(now, Relaxed);
    }

    /// Gives a slot to a process that was started; what the one before it held there is let go.
    pub fn claim(&self, slot: usize, process: u32, now: u64) {
        self.release(slot);
        self.own_word(slot, Own::Beat).store(now, Relaxed);
        self.own_word(slot, Own::Process).store(u64::from(process), Relaxed);
    }

    /// Lets go of what a process held that has ended.
    pub fn release(&self, slot: usize) {
        let slot = slot.min(self.layout.processes - 1);
        let start = self.layout.addresses_of(slot);
        for word in self.range(start, self.layout.addresses()) {
            // Memory that was never written stays untaken.
            if word.load(Relaxed) != 0 {
                word.store(0, Relaxed);
            }
        }
        self.range(self.layout.slot(slot), SLOT).iter().for_each(|word| word.store(0, Relaxed));
    }

    /// Notes that a process is alive, and how many connections it may hold.
    pub fn show(&self, slot: usize, seats: u64, now: u64) {
        self.own_word(slot, Own::Seats).store(seats, Relaxed);
        self.own_word(slot, Own::Beat).store(now, Relaxed);
    }

    /// Whether another process can take a connection.
    pub fn sibling_has_room(&self, slot: usize, now: u64) -> bool {
        let has_room = |other: usize| {
            let read = |word| self.own_word(other, word).load(Relaxed);
            read(Own::Process) != 0
                && read(Own::Current) < read(Own::Seats)
                && now.saturating_sub(read(Own::Beat)) <= SILENT_SECONDS
        };
        (0..self.layout.processes).any(|other| other != slot && has_room(other))
    }

    /// Takes a connection in, if this process may hold another (`seats`) and, with a limit, its address
    /// too, over all processes.
    ///
    /// # Errors
    /// What is full; nothing was taken then.
    pub fn enter(
        &self,
        slot: usize,
        seats: u64,
        address: Option<IpAddr>,
        limit: Option<u64>,
        now: u64,
    ) -> Result<(), Refusal> {
        let add = |open: u64| (open < seats).then_some(open + 1);
        let current = self.own_word(slot, Own::Current);
        current.fetch_update(Relaxed, Relaxed, add).map_err(|_| Refusal::Full)?;
        if let Some(address) = address {
            self.add(slot, address);
            // Added first: of two that come at once to different processes, both see both.
            if limit.is_some_and(|limit| self.connections_of(address) > limit) {
                self.leave(slot, Some(address));
                return Err(Refusal::Crowded);
            }
        }
        self.common(Common::Total).fetch_add(1, Relaxed);
        self.common(Common::LastConnection).store(now, Relaxed);
        self.common(Common::Max).fetch_max(self.current(), Relaxed);
        Ok(())
    }

    /// Lets a connection go that was taken in.
    pub fn leave(&self, slot: usize, address: Option<IpAddr>) {
        decrement(self.own_word(slot, Own::Current));
        if let Some(address) = address {
            self.address_words(slot, address).into_iter().for_each(decrement);
        }
    }

    /// How many connections an address has, over all processes; rarely more than there are, never less.
    /// An IPv6 address stands for its /64, which one customer has at least.
    pub fn connections_of(&self, address: IpAddr) -> u64 {
        let mut rows = [0_u64; crate::address::ROWS];
        for slot in 0..self.layout.processes {
            let words = self.address_words(slot, address);
            rows.iter_mut().zip(words).for_each(|(sum, word)| *sum += word.load(Relaxed));
        }
        rows.into_iter().min().unwrap_or_default()
    }

    /// Counts a connection turned away.
    pub fn refused(&self, why: Refusal) {
        let counter = match why {
            Refusal::Full => Common::Refused,
            Refusal::Crowded => Common::Crowded,
            Refusal::Filtered => Common::Filtered,
        };
        self.common(counter).fetch_add(1, Relaxed);
    }

    /// Counts a connection that ended by a fault.
    pub fn failed(&self) {
        self.common(Common::Failed).fetch_add(1, Relaxed);
    }

    /// Counts a login.
    pub fn login(&self, good: bool) {
        let counter = if good { Common::GoodLogins } else { Common::FailedLogins };
        self.common(counter).fetch_add(1, Relaxed);
    }

    /// Counts bytes received.
    pub fn received(&self, bytes: u64) {
        self.common(Common::BytesIn).fetch_add(bytes, Relaxed);
    }

    /// Counts bytes sent.
    pub fn sent(&self, bytes: u64) {
        self.common(Common::BytesOut).fetch_add(bytes, Relaxed);
    }

    /// Counts one panic and answers how many there were.
    pub fn panicked(&self) -> u64 {
        self.common(Common::Panics).fetch_add(1, Relaxed) + 1
    }

    /// Reads every counter. The values are read one after another, not at one instant.
    pub fn counts(&self) -> ServiceCounts {
        let read = |word| self.common(word).load(Relaxed);
        ServiceCounts {
            started: read(Common::Started),
            last_connection: read(Common::LastConnection),
            current: self.current(),
            max: read(Common::Max),
            total: read(Common::Total),
            failed: read(Common::Failed),
            refused: read(Common::Refused),
            crowded: read(Common::Crowded),
            filtered: read(Common::Filtered),
            good_logins: read(Common::GoodLogins),
            failed_logins: read(Common::FailedLogins),
            bytes_in: read(Common::BytesIn),
            bytes_out: read(Common::BytesOut),
            step_panics: read(Common::Panics),
        }
    }

    /// What a process has now.
    pub fn slot(&self, slot: usize) -> SlotCounts {
        let read = |word| self.own_word(slot, word).load(Relaxed);
        SlotCounts {
            process: u32::try_from(read(Own::Process)).unwrap_or_default(),
            current: read(Own::Current),
            seats: read(Own::Seats),
        }
    }

    fn current(&self) -> u64 {
        (0..self.layout.processes).map(|s| self.own_word(s, Own::Current).load(Relaxed)).sum()
    }

    fn add(&self, slot: usize, address: IpAddr) {
        self.address_words(slot, address).into_iter().for_each(|word| {
            word.fetch_add(1, Relaxed);
        });
    }

    fn address_words(&self, slot: usize, address: IpAddr) -> [&AtomicU64; crate::address::ROWS] {
        let start = self.layout.addresses_of(slot.min(self.layout.processes - 1));
        places(self.keys, network(address), self.layout.width).map(|place| self.word(start + place))
    }

    fn write_head(&self) {
        let width = u64::try_from(self.layout.width).unwrap_or_default();
        let processes = u64::try_from(self.layout.processes).unwrap_or_default();
        let [one, two] = head::KEYS;
        let words = [
            (head::PROCESSES, processes),
            (head::WIDTH, width),
            (one, self.keys[0]),
            (two, self.keys[1]),
            (head::MAGIC, MAGIC),
        ];
        words.into_iter().for_each(|(place, value)| self.word(place).store(value, Relaxed));
    }

    fn common(&self, word: Common) -> &AtomicU64 {
        self.word(HEAD + word as usize)
    }

    /// A slot that does not exist is taken as the last one.
    fn own_word(&self, slot: usize, word: Own) -> &AtomicU64 {
        self.word(self.layout.slot(slot.min(self.layout.processes - 1)) + word as usize)
    }

    fn range(&self, start: usize, words: usize) -> &[AtomicU64] {
        self.memory.words().get(start..start + words).unwrap_or_default()
    }

    /// Every place comes from the layout, which was checked against the length.
    fn word(&self, place: usize) -> &AtomicU64 {
        static NOWHERE: AtomicU64 = AtomicU64::new(0);
        self.memory.words().get(place).unwrap_or(&NOWHERE)
    }
}

/// Counts down; what another process has cleared meanwhile stays at zero.
fn decrement(word: &AtomicU64) {
    let _ = word.fetch_update(Relaxed, Relaxed, |count| count.checked_sub(1));
}

fn random() -> io::Result<[u64; 2]> {
    let number = || getrandom::u64().map_err(io::Error::other);
    Ok([number()?, number()?])
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
