//! Messages of a Maildir, with the flags in their file names and the subfolders of Maildir++.

use super::sink::Sink;
use crate::failure::{Context, Failure};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use waypost_imap_wire::mutf7;
use waypost_types::{FlagSet, Keyword, MailboxId, MailboxName, SystemFlag, UnixTime};

/// Where messages are; `tmp` holds unfinished ones.
const MESSAGE_FOLDERS: [&str; 2] = ["cur", "new"];
/// What stands before the flags in a file name.
const FLAGS_MARK: &[u8] = b":2,";
/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Imports a Maildir; the mailbox `root` takes its messages and is the parent of its subfolders.
pub(super) async fn import(
    path: &Path,
    root: Option<&MailboxName>,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    if !path.join("cur").is_dir() {
        let text = format!("{}: not a Maildir: it has no folder `cur`", path.display());
        return Err(Failure::usage(text));
    }
    let inbox = root.cloned().unwrap_or_else(MailboxName::inbox);
    import_folder(path, &inbox, sink).await?;
    for subfolder in subfolders(path).context(path.display())? {
        let name = mailbox_name(&subfolder, root).ok_or_else(|| {
            let text = format!("{}: no mailbox can have this name", subfolder.display());
            Failure::new(text)
        })?;
        import_folder(&subfolder, &name, sink).await?;
    }
    Ok(())
}

async fn import_folder(
    path: &Path,
    name: &MailboxName,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    let mailbox = sink.mailbox(name).await?;
    for file in messages(path).context(path.display())? {
        if !sink.skips() {
            import_message(&file, mailbox, sink).await?;
        }
    }
    Ok(())
}

async fn import_message(
    path: &Path,
    mailbox: MailboxId,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    let mut file = File::open(path).context(path.display())?;
    let date = modified(&file).context(path.display())?;
    if file.metadata().context(path.display())?.len() == 0 {
        // A delivery that a crash cut off; IMAP's APPEND takes no empty message either.
        eprintln!("{}: empty, left out", path.display());
        return Ok(());
    }
    let mut incoming = sink.begin();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk).context(path.display())?;
        if read == 0 {
            break;
        }
        incoming = incoming.write(chunk.get(..read).unwrap_or_default()).await?;
    }
    let flags = path.file_name().map(flags).unwrap_or_default();
    sink.append(incoming, mailbox, flags, date).await
}

/// When the message arrived, as Maildir programs keep it.
fn modified(file: &File) -> io::Result<UnixTime> {
    let modified = file.metadata()?.modified()?;
    let seconds = modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(UnixTime::utc(i64::try_from(seconds).unwrap_or(i64::MAX)))
}

/// The message files in the order of their names, which begin with the time of arrival.
fn messages(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in MESSAGE_FOLDERS {
        let entries = match fs::read_dir(path.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let hidden = entry.file_name().as_bytes().starts_with(b".");
            if !hidden && entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    Ok(files)
}

/// The subfolders in the order of their names.
fn subfolders(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().as_bytes();
        if name.len() > 1 && name.starts_with(b".") && path.join("cur").is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// `.A.B` in modified UTF-7 is `A/B`, below the root if there is one.
fn mailbox_name(path: &Path, root: Option<&MailboxName>) -> Option<MailboxName> {
    let name = path.file_name()?.as_bytes().strip_prefix(b".")?;
    let levels = name.split(|byte| *byte == b'.').map(mutf7::decode);
    let levels: Vec<String> = levels.collect::<Result<_, _>>().ok()?;
    let name = root.map(|root| root.as_str().to_owned()).into_iter().chain(levels);
    MailboxName::new(&name.collect::<Vec<_>>().join("/")).ok()
}

/// The flags of a file name.
fn flags(name: &OsStr) -> FlagSet {
    let name = name.as_bytes();
    let mark = name.windows(FLAGS_MARK.len()).rposition(|window| window == FLAGS_MARK);
    let letters = mark.and_then(|at| name.get(at + FLAGS_MARK.len()..)).unwrap_or_default();
    let mut flags = FlagSet::default();
    for letter in letters {
        let flag = match letter {
            b'S' => SystemFlag::Seen,
            b'R' => SystemFlag::Answered,
            b'F' => SystemFlag::Flagged,
            b'D' => SystemFlag::Draft,
            b'T' => SystemFlag::Deleted,
            b'P' => {
                let forwarded = Keyword::new("$Forwarded");
                forwarded.into_iter().for_each(|keyword| flags.insert_keyword(keyword));
                continue;
            }
            _ => continue,
        };
        flags.system.insert(flag);
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_hold_flags() {
        let of = |name: &str| flags(OsStr::new(name));
        assert_eq!(of("1.a:2,FRS").system.iter().count(), 3);
        assert_eq!(of("1.a:2,S"), FlagSet::system(&[SystemFlag::Seen]));
        assert_eq!(of("1.a:2,T"), FlagSet::system(&[SystemFlag::Deleted]));
        assert_eq!(of("1.a:2,P").keywords.len(), 1);
        assert!(of("1.a").is_empty() && of("1.S").is_empty() && of("1:2,").is_empty());
    }

    #[test]
    fn subfolder_names_become_levels() {
        let name = |folder: &str, root: Option<&str>| {
            let root = root.map(|root| MailboxName::new(root).unwrap());
            mailbox_name(Path::new(folder), root.as_ref()).map(|name| name.as_str().to_owned())
        };
        assert_eq!(name("/m/.A.B", None).as_deref(), Some("A/B"));
        assert_eq!(name("/m/.Entw&APw-rfe", None).as_deref(), Some("Entwürfe"));
        assert_eq!(name("/m/.A", Some("Old")).as_deref(), Some("Old/A"));
        assert_eq!(name("/m/.A..B", None), None);
    }

    #[test]
    fn messages_come_in_the_order_of_arrival() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cur/2.a:2,S", "new/1.a", "cur/.hidden", "tmp/3.a"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let found = messages(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["1.a", "2.a:2,S"]);
    }
}
