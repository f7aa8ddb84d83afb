//! What SORT and THREAD hold in memory between their steps, all sessions of a process together: a command
//! that takes turns with others holds what it has read until it is told. Beside it stands what is kept for
//! later commands, under a bound of its own.

use crate::ranks::KeptRanks;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes that one process may hold for all of them: several sorts of a million messages at once.
const WORKSPACE_BYTES_MAX: usize = 512 << 20;

/// There is no more memory for this command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WorkspaceFull;

/// The memory of one process for such commands.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    held: AtomicUsize,
    /// Ranks that commands leave for those that follow.
    pub(crate) ranks: KeptRanks,
}

impl Workspace {
    /// The share of a command that begins.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { workspace: Arc::clone(self), bytes: 0 }
    }
}

/// What one command holds; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    workspace: Arc<Workspace>,
    bytes: usize,
}

impl Share {
    /// Says how much the command holds now; refused when all commands together hold too much.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), WorkspaceFull> {
        let more = bytes.saturating_sub(self.bytes);
        self.bytes += more;
        let before = self.workspace.held.fetch_add(more, Relaxed);
        if before.saturating_add(more) > WORKSPACE_BYTES_MAX { Err(WorkspaceFull) } else { Ok(()) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.workspace.held.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_hold_together_is_bounded_and_given_back() {
        let workspace = Arc::new(Workspace::default());
        let mut first = workspace.share();
        assert_eq!(first.hold(WORKSPACE_BYTES_MAX - 10), Ok(()));
        let mut second = workspace.share();
        assert_eq!(second.hold(10), Ok(()));
        assert_eq!(second.hold(4), Ok(()));
        assert_eq!(second.hold(11), Err(WorkspaceFull));
        drop(second);
        assert_eq!(first.hold(WORKSPACE_BYTES_MAX), Ok(()));
        assert_eq!(workspace.share().hold(1), Err(WorkspaceFull));
        drop(first);
        assert_eq!(workspace.held.load(Relaxed), 0);
    }
}
