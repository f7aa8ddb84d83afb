//! The disk: how long a sync takes, whether that can be true, and how much room there is.

use super::Verdict;
use crate::failure::{Context, Failure};
use rustix::fs::{fstatfs, statvfs};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of a write that is synced: a message of usual size.
const WRITE_BYTES: usize = 8 << 10;
/// Writes at most; they go round in a file of [`FILE_WRITES`] of them.
const WRITES: usize = 20_000;
/// Writes that the file has room for.
const FILE_WRITES: usize = 512;
/// No disk that keeps anything is done in less: its bus alone takes longer.
const IMPOSSIBLE: Duration = Duration::from_micros(5);
/// Disks with a cache that outlives the power's end are this quick, others are not.
const QUICK: Duration = Duration::from_micros(200);
/// A median of this length makes every delivery wait.
const SLOW: Duration = Duration::from_millis(20);
/// Free bytes below which segments and metadata soon have no room ahead.
const ROOM_BYTES: u64 = 1 << 30;
/// Numbers of file systems that are in memory (`statfs(2)`): tmpfs and ramfs.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// Measures syncs for a time and judges them.
pub(super) fn check(
    folder: &Path,
    patience: Duration,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let path = folder.join("syncs");
    let file = File::options().read(true).write(true).create_new(true).open(&path);
    let file = file.context(path.display())?;
    let kind = fstatfs(&file).context(path.display())?.f_type;
    if u64::try_from(kind).is_ok_and(|kind| IN_MEMORY.contains(&kind)) {
        verdict.bad("this file system is in memory: nothing in it outlives the computer");
    }
    let times = measure(&file, patience).context(path.display())?;
    judge(&times, verdict);
    drop(file);
    std::fs::remove_file(&path).context(path.display())?;
    let room = statvfs(folder).context(folder.display())?;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    if free >= ROOM_BYTES {
        verdict.good(format_args!("{} MiB are free", free >> 20));
    } else {
        verdict.bad(format_args!("only {} MiB are free: mail will soon be refused", free >> 20));
    }
    Ok(())
}

/// How long each sync took, ascending: at least one.
fn measure(file: &File, patience: Duration) -> std::io::Result<Vec<Duration>> {
    let bytes = vec![0x57; WRITE_BYTES];
    for number in 0..FILE_WRITES {
        file.write_all_at(&bytes, (number * WRITE_BYTES) as u64)?;
    }
    file.sync_all()?;
    let begun = Instant::now();
    let mut times = Vec::new();
    for number in 0..WRITES {
        let mut bytes = bytes.clone();
        bytes.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        file.write_all_at(&bytes, (number % FILE_WRITES * WRITE_BYTES) as u64)?;
        let before = Instant::now();
        file.sync_data()?;
        times.push(before.elapsed());
        if begun.elapsed() >= patience {
            break;
        }
    }
    times.sort_unstable();
    Ok(times)
}

fn judge(times: &[Duration], verdict: &mut Verdict) {
    let at = |percent: usize| {
        let place = times.len().saturating_sub(1) * percent / 100;
        times.get(place).copied().unwrap_or_default()
    };
    let (median, late, latest) = (at(50), at(99), at(100));
    let line = format!(
        "{} syncs: half of them within {median:.1?}, 99 of 100 within {late:.1?}, the longest {latest:.1?}",
        times.len()
    );
    match median {
        _ if median < IMPOSSIBLE => {
            verdict.bad(line);
            verdict.bad(
                "no disk is that quick: what is synced is not on one, and is lost when the power goes",
            );
        }
        _ if median < QUICK => {
            verdict.good(line);
            verdict.note(
                "syncs are as quick as those of a disk whose cache outlives the power's end; if yours has \
                 none (or this is a virtual machine that is told to ignore flushes), mail can be lost",
            );
        }
        _ if median > SLOW => {
            verdict.good(line);
            verdict.note("this disk is slow: every delivery waits for a sync");
        }
        _ => verdict.good(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(micros: u64) -> u32 {
        let mut verdict = Verdict::default();
        judge(&[Duration::from_micros(micros); 3], &mut verdict);
        verdict.bad
    }

    #[test]
    fn only_what_cannot_be_true_is_refused() {
        assert_eq!([1, 50, 3_000, 90_000].map(judged), [2, 0, 0, 0]);
    }
}
