//! Where what stands in a page.
//!
//! Head, counters of the service, one slot for each process, and for each process its counts of addresses.

/// The most processes of one service; also the bound of `*.numprocesses`.
pub const PROCESSES_MAX: usize = 64;

/// The first word of a page; changes whenever the layout does.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"wp-cnt\0\x02");
/// Words of the head: magic, processes, width of the address counts, two keys.
pub(crate) const HEAD: usize = 8;
/// Words for counters of the service.
pub(crate) const COMMON: usize = 16;
/// Words of a slot. A cache line and its neighbour, so that processes do not slow each other down.
pub(crate) const SLOT: usize = 16;

/// Counts of addresses that each process has for each connection it may hold: few addresses then share
/// a count by chance.
const WIDTH_PER_SEAT: usize = 4;
/// The least and the most counts of addresses in a row; the most is 8 MiB a row, for 100,000 connections.
const WIDTH_MIN: usize = 1 << 10;
const WIDTH_MAX: usize = 1 << 20;

/// The places of the head.
pub(crate) mod head {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const PROCESSES: usize = 1;
    pub(crate) const WIDTH: usize = 2;
    pub(crate) const KEYS: [usize; 2] = [3, 4];
}

/// The sizes of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) processes: usize,
    /// Counts of addresses in each row of a process.
    pub(crate) width: usize,
}

impl Layout {
    /// For so many processes, each with so many connections.
    pub(crate) fn new(processes: usize, seats: u64) -> Self {
        let seats = usize::try_from(seats).unwrap_or(usize::MAX);
        let width = seats.saturating_mul(WIDTH_PER_SEAT).clamp(WIDTH_MIN, WIDTH_MAX);
        Self { processes: processes.clamp(1, PROCESSES_MAX), width: width.next_power_of_two() }
    }

    /// The layout that a page says it has; `None` when no page can have it.
    pub(crate) fn checked(processes: u64, width: u64, words: usize) -> Option<Self> {
        let processes = usize::try_from(processes).ok()?;
        let width = usize::try_from(width).ok()?;
        let is_possible = (1..=PROCESSES_MAX).contains(&processes)
            && (WIDTH_MIN..=WIDTH_MAX).contains(&width)
            && width.is_power_of_two();
        let layout = Self { processes, width };
        (is_possible && layout.words() == words).then_some(layout)
    }

    pub(crate) fn words(self) -> usize {
        HEAD + COMMON + self.processes * (SLOT + self.addresses())
    }

    pub(crate) fn slot(self, process: usize) -> usize {
        HEAD + COMMON + process * SLOT
    }

    /// Where the address counts of a process begin.
    pub(crate) fn addresses_of(self, process: usize) -> usize {
        self.slot(self.processes) + process * self.addresses()
    }

    /// The address counts of one process.
    pub(crate) fn addresses(self) -> usize {
        crate::address::ROWS * self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overlaps_and_all_of_it_fits() {
        let layout = Layout::new(3, 600);
        assert_eq!(layout, Layout { processes: 3, width: 4_096 });
        assert_eq!(layout.slot(0), HEAD + COMMON);
        assert_eq!(layout.addresses_of(0), layout.slot(2) + SLOT);
        assert_eq!(layout.words(), layout.addresses_of(2) + layout.addresses());
        assert_eq!(Layout::new(0, 0), Layout { processes: 1, width: WIDTH_MIN });
        assert_eq!(Layout::new(usize::MAX, u64::MAX).width, WIDTH_MAX);
    }

    #[test]
    fn only_possible_layouts_are_believed() {
        let layout = Layout::new(2, 10);
        let width = layout.width as u64;
        assert_eq!(Layout::checked(2, width, layout.words()), Some(layout));
        assert_eq!(Layout::checked(2, width, layout.words() - 1), None);
        assert_eq!(Layout::checked(0, width, layout.words()), None);
        assert_eq!(Layout::checked(2, width + 1, layout.words()), None);
        assert_eq!(Layout::checked(u64::MAX, u64::MAX, 0), None);
    }
}
