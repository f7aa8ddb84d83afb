//! The words of a page: shared between processes, or of this process alone.

use memmap2::MmapRaw;
use rustix::fs::{
    MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create,
};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;

/// Bytes of a word.
const WORD_BYTES: usize = size_of::<AtomicU64>();
/// What the system shows as the name of the memory.
const NAME: &str = "waypost-counters";
/// Nobody can change the size: a mapping that became shorter would end every process that reads it.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// A run of atomic words.
#[derive(Debug)]
pub(crate) enum Memory {
    /// Mapped from a descriptor that other processes have too.
    Shared(MmapRaw, File),
    /// Of this process.
    Own(Box<[AtomicU64]>),
}

impl Memory {
    /// Zeroed words of this process.
    pub(crate) fn own(words: usize) -> Self {
        Self::Own((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    /// Zeroed words that can be shared. Memory is taken only for what is used.
    pub(crate) fn shared(words: usize) -> io::Result<Self> {
        let bytes = u64::try_from(words.saturating_mul(WORD_BYTES)).map_err(io::Error::other)?;
        let fd = memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&fd, bytes)?;
        fcntl_add_seals(&fd, SEALS)?;
        Self::map(fd)
    }

    /// Maps what another process shares.
    pub(crate) fn map(fd: OwnedFd) -> io::Result<Self> {
        let bytes = usize::try_from(fstat(&fd)?.st_size).map_err(io::Error::other)?;
        let sealed = fcntl_get_seals(&fd)?.contains(SEALS);
        if !sealed || bytes == 0 || !bytes.is_multiple_of(WORD_BYTES) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a page of counters"));
        }
        let file = File::from(fd);
        Ok(Self::Shared(MmapRaw::map_raw(&file)?, file))
    }

    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Shared(_, file) => Some(file.as_fd()),
            Self::Own(_) => None,
        }
    }

    #[allow(unsafe_code, reason = "a mapping has no type; see SAFETY")]
    pub(crate) fn words(&self) -> &[AtomicU64] {
        match self {
            Self::Own(words) => words,
            Self::Shared(map, _) => {
                let (start, words) = (map.as_ptr().cast::<AtomicU64>(), map.len() / WORD_BYTES);
                // SAFETY: the mapping lives as long as `self`, begins at a page boundary and is at least
                // `words` words long; seals keep its file from shrinking. Any bits are an `AtomicU64`. This
                // process and the others reach the memory through atomics only, and it is never unmapped or
                // mapped for anything else while `self` is borrowed.
                unsafe { std::slice::from_raw_parts(start, words) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn two_mappings_see_each_other() {
        let one = Memory::shared(100).unwrap();
        let fd = one.fd().unwrap().try_clone_to_owned().unwrap();
        let two = Memory::map(fd).unwrap();
        one.words()[99].store(7, Relaxed);
        assert_eq!((two.words().len(), two.words()[99].load(Relaxed)), (100, 7));
        assert!(Memory::own(3).fd().is_none());
    }

    #[test]
    fn memory_that_may_shrink_is_not_taken() {
        let fd = memfd_create(NAME, MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&fd, 4_096).unwrap();
        assert!(Memory::map(fd.try_clone().unwrap()).is_err());
        fcntl_add_seals(&fd, SEALS).unwrap();
        assert!(Memory::map(fd.try_clone().unwrap()).is_ok());
        assert!(ftruncate(&fd, 8).is_err());
    }
}
