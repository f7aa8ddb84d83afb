//! Whose the server's files are, and becoming that user.
//!
//! Root acts on files only where nobody else could turn its act on another file: on a path that only
//! root may change. What is there already is never given to another user with its content; the
//! administrator is told the command that does it.

use crate::failure::{Context, Failure};
use crate::{config_file, logs, settings};
use rustix::process::geteuid;
use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};
use waypost_options::{BASE_RUNDIR, BASE_USER, Config};
use waypost_supervisor::{
    Account, Plan, ToolRights, look_at_ports, settle_tool, settle_watcher as give_up_rights,
};

/// The file of passwords, beside the configuration.
const SECRETS: &str = "secrets.toml";
/// Permissions of a folder that is the server's alone.
const PRIVATE: u32 = 0o700;
/// Permissions of the folders above it.
const PASSABLE: u32 = 0o755;
/// What others must not be able to do with a folder that root relies on.
const OTHERS_WRITE: u32 = 0o022;
/// Entries of such a folder can be removed and renamed by their owner alone.
const STICKY: u32 = 0o1000;
/// What makes a configuration everybody's.
const EVERYBODY_WRITES: u32 = 0o002;
/// Entries of a folder that are looked at for those of other users.
const ENTRIES: usize = 10_000;

/// Becomes the user that the server runs as, and keeps nothing of root but the watcher's right.
pub(crate) fn settle_watcher(config: &Config, file: &Path) -> Result<(), Failure> {
    let account = configured(config)?;
    if geteuid().is_root() {
        check_trust(file, account.as_ref())?;
        match &account {
            Some(account) => {
                prepare(&watcher_folders(config), account, file)?;
                hand_over(file, account)?;
            }
            None => refuse_others(config)?,
        }
        look_at_ports(&Plan::new(config, file));
    }
    give_up_rights(account.as_ref()).context("cannot give up root's rights")?;
    File::open(file).map(drop).map_err(|error| unreadable(file, account.as_ref(), &error))
}

/// Reads the configuration for a tool that touches users or mail. Root becomes the server's user, so that
/// what the tool makes is the server's.
pub(crate) fn load_for_tool(file: &Path, rights: ToolRights) -> Result<Config, Failure> {
    let config = config_file::load(file)?;
    let configured = configured(&config)?;
    if geteuid().is_root()
        && let Some(account) = configured.or_else(|| owner(&config))
    {
        check_trust(file, Some(&account))?;
        prepare(&data_folders(&config), &account, file)?;
        settle_tool(&account, rights).context("cannot give up root's rights")?;
    }
    Ok(config)
}

/// Gives a file of passwords that root has written to the server's user, who reads it without root's rights.
pub(crate) fn give_secrets(file: &Path) -> Result<(), Failure> {
    if !geteuid().is_root() || secrets(file).is_none() {
        return Ok(());
    }
    match configured(&config_file::load(file)?)? {
        Some(account) => hand_over(file, &account),
        None => Ok(()),
    }
}

/// The file itself, where the configuration has one.
fn secrets(file: &Path) -> Option<PathBuf> {
    file.canonicalize().ok()?.parent()?.join(SECRETS).canonicalize().ok()
}

fn hand_over(file: &Path, account: &Account) -> Result<(), Failure> {
    let Some(path) = secrets(file) else { return Ok(()) };
    let found = fs::symlink_metadata(&path).context(path.display())?;
    let is_roots = found.is_file() && found.uid() == 0 && path.parent().is_some_and(is_roots);
    if is_roots { give(&path, account) } else { Ok(()) }
}

/// Refuses a `base.user` that the system does not know.
pub(crate) fn check_user(config: &Config) -> Result<(), Failure> {
    config.read(&BASE_USER).map_or(Ok(()), |name| account(&name).map(drop))
}

fn account(name: &str) -> Result<Account, Failure> {
    let account = Account::named(name).context(format!("base.user: cannot look up {name}"))?;
    account.ok_or_else(|| {
        Failure::usage(format!(
            "base.user: the system has no user {name}; `useradd --system {name}` makes one"
        ))
    })
}

/// The user of `base.user`; refused when this process is neither that user nor root.
fn configured(config: &Config) -> Result<Option<Account>, Failure> {
    let Some(name) = config.read(&BASE_USER) else { return Ok(None) };
    let account = account(&name)?;
    let own = geteuid();
    if account.uid == 0 {
        return Err(Failure::usage(
            "base.user: the server needs no root; name a user of its own, such as waypost",
        ));
    }
    if !own.is_root() && own.as_raw() != account.uid {
        return Err(Failure::usage(format!(
            "base.user is {name}, and this is run by {}; run it as root or as {name}",
            Account::numbered(own.as_raw(), 0).name
        )));
    }
    Ok(Some(account))
}

/// Root follows only what it wrote itself, or what the user wrote whom it becomes.
fn check_trust(file: &Path, account: Option<&Account>) -> Result<(), Failure> {
    let found = fs::metadata(file).context(file.display())?;
    let is_known = found.uid() == 0 || account.is_some_and(|account| account.uid == found.uid());
    if is_known && found.mode() & EVERYBODY_WRITES == 0 {
        return Ok(());
    }
    let (file, owner) = (file.display(), Account::numbered(found.uid(), 0).name);
    Err(Failure::usage(format!(
        "{file} belongs to {owner}, mode {:o}: root follows a configuration only when nobody but root, \
         or the user of base.user, can change it; `chown root {file}; chmod o-w {file}`",
        found.mode() & 0o7777
    )))
}

/// The user whose the stored data is, unless that is root.
fn owner(config: &Config) -> Option<Account> {
    let found = data_folders(config).into_iter().filter_map(|folder| fs::metadata(folder).ok());
    let mut owners = found.filter(|found| found.uid() != 0);
    owners.next().map(|found| Account::numbered(found.uid(), found.gid()))
}

/// Root without its privileges cannot use the data of others, and should not.
fn refuse_others(config: &Config) -> Result<(), Failure> {
    owner(config).map_or(Ok(()), |owner| {
        let name = owner.name;
        Err(Failure::usage(format!(
            "the stored data belongs to {name}; start the server as {name}, or let root do it after \
             `msconfig set -restricted base.user {name}`"
        )))
    })
}

fn data_folders(config: &Config) -> Vec<PathBuf> {
    vec![settings::store_path(config), settings::directory_path(config)]
}

fn watcher_folders(config: &Config) -> Vec<PathBuf> {
    let mut folders = data_folders(config);
    folders.push(config.read(&BASE_RUNDIR));
    folders.extend(logs::folders(config));
    folders
}

fn unreadable(file: &Path, account: Option<&Account>, error: &io::Error) -> Failure {
    let file = file.display();
    Failure::usage(match account {
        Some(account) => format!(
            "{file}: {error}: the server's user {name} must be able to read it; `chgrp {gid} {file}; \
             chmod 640 {file}`, and {name} must be able to pass the folders above it",
            name = account.name,
            gid = account.gid,
        ),
        None => format!(
            "{file}: {error}: the server keeps none of root's rights over the files of others; name \
             its user with base.user"
        ),
    })
}

/// Makes the folders that are missing and takes over those of root that are empty; everything else that
/// is not the user's is told in one message.
fn prepare(folders: &[PathBuf], account: &Account, file: &Path) -> Result<(), Failure> {
    let home = file.parent().and_then(|folder| folder.canonicalize().ok());
    let mut foreign: Vec<String> = Vec::new();
    for folder in folders {
        if !settle(folder, account, home.as_deref())? {
            foreign.push(folder.display().to_string());
        }
    }
    if foreign.is_empty() {
        return Ok(());
    }
    let (folders, name) = (foreign.join(" "), &account.name);
    Err(Failure::new(format!(
        "{folders}: not, or not all, the server's user's; when they are for this server alone, \
         `chown -R {name}: {folders}` gives them to it"
    )))
}

/// Whether the user has the folder to itself, afterwards.
fn settle(folder: &Path, account: &Account, home: Option<&Path>) -> Result<bool, Failure> {
    match fs::metadata(folder) {
        Ok(found) if found.uid() == account.uid => Ok(holds_only(folder, account)),
        Ok(found) if found.uid() == 0 => adopt(folder, account, home),
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(folder, account),
        Err(error) => Err(Failure::new(format!("{}: {error}", folder.display()))),
    }
}

/// Whether everything in a folder, and one level below, is the user's; as far as it is looked at.
fn holds_only(folder: &Path, account: &Account) -> bool {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let below = entries(folder).flat_map(|entry| entries(&entry.path()));
    let mut all = entries(folder).chain(below).take(ENTRIES);
    all.all(|entry| entry.metadata().is_ok_and(|found| found.uid() == account.uid))
}

/// Gives an empty folder of root to the user, when it lies with the configuration.
fn adopt(folder: &Path, account: &Account, home: Option<&Path>) -> Result<bool, Failure> {
    let real = folder.canonicalize().context(folder.display())?;
    let is_below = home.is_some_and(|home| real != home && real.starts_with(home));
    let is_empty = fs::read_dir(&real).context(folder.display())?.next().is_none();
    if !(is_below && is_empty && real.parent().is_some_and(is_roots)) {
        return Ok(false);
    }
    give(&real, account)?;
    Ok(true)
}

/// Makes a folder for the user. Where it may itself, it does so later, as itself.
fn make(folder: &Path, account: &Account) -> Result<bool, Failure> {
    let mut missing = Vec::new();
    let mut above = folder;
    while !above.exists() {
        missing.push(above);
        above = above.parent().unwrap_or(Path::new("/"));
    }
    let found = fs::metadata(above).context(above.display())?;
    if found.uid() == account.uid {
        return Ok(true);
    }
    if !is_roots(above) {
        return Err(Failure::new(format!(
            "{}: root makes nothing below {}, which others may change; make the folder and give it \
             to {}",
            folder.display(),
            above.display(),
            account.name
        )));
    }
    for path in missing.into_iter().rev() {
        let mode = if path == folder { PRIVATE } else { PASSABLE };
        DirBuilder::new().mode(mode).create(path).context(path.display())?;
    }
    give(folder, account)?;
    Ok(true)
}

fn give(folder: &Path, account: &Account) -> Result<(), Failure> {
    lchown(folder, Some(account.uid), Some(account.gid)).context(folder.display())
}

/// Whether nobody but root can put something else in the place of this folder or of what root has in it.
fn is_roots(folder: &Path) -> bool {
    let Ok(real) = folder.canonicalize() else { return false };
    real.ancestors().all(|folder| fs::symlink_metadata(folder).is_ok_and(|found| is_safe(&found)))
}

fn is_safe(folder: &Metadata) -> bool {
    let mode = folder.mode();
    folder.uid() == 0 && (mode & OTHERS_WRITE == 0 || mode & STICKY != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A folder of root that everybody may pass; `None` when this is not root.
    fn world() -> Option<(tempfile::TempDir, Account)> {
        if !geteuid().is_root() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        mode(folder.path(), PASSABLE);
        Some((folder, Account { name: "4711".to_owned(), uid: 4711, gid: 4712 }))
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn owner_of(path: &Path) -> (u32, u32) {
        let found = fs::symlink_metadata(path).unwrap();
        (found.uid(), found.gid())
    }

    #[test]
    fn missing_folders_are_made_for_the_user_alone() {
        let Some((folder, account)) = world() else { return };
        let store = folder.path().join("a/store");
        assert!(settle(&store, &account, None).unwrap());
        assert_eq!(owner_of(&store), (4711, 4712));
        assert_eq!(fs::metadata(&store).unwrap().mode() & 0o777, PRIVATE);
        assert_eq!(owner_of(&folder.path().join("a")), (0, 0));
        assert!(settle(&store, &account, None).unwrap(), "again");
        assert!(settle(&store.join("inner"), &account, None).unwrap());
        assert!(!store.join("inner").exists(), "the user makes it itself");
    }

    #[test]
    fn only_an_empty_folder_with_the_configuration_is_taken_over() {
        let Some((folder, account)) = world() else { return };
        let home = folder.path().canonicalize().unwrap();
        let [empty, full, other] = ["empty", "full", "other"].map(|name| home.join(name));
        for path in [&empty, &full, &other] {
            fs::create_dir(path).unwrap();
        }
        fs::write(full.join("mail"), "").unwrap();
        assert!(!settle(&other, &account, Some(&empty)).unwrap());
        assert!(settle(&empty, &account, Some(&home)).unwrap());
        assert_eq!(owner_of(&empty), (4711, 4712));
        assert!(!settle(&home, &account, Some(&home)).unwrap());
        let folders = [empty, full.clone(), other];
        let text = prepare(&folders, &account, &home.join("config.toml")).unwrap_err().to_string();
        assert!(text.contains(&format!("`chown -R 4711: {}`", full.display())), "{text}");
        assert_eq!(owner_of(&full), (0, 0));
    }

    #[test]
    fn a_users_folder_with_files_of_others_is_refused() {
        let Some((folder, account)) = world() else { return };
        let store = folder.path().join("store");
        assert!(settle(&store, &account, None).unwrap());
        let meta = store.join("meta");
        fs::create_dir(&meta).unwrap();
        give(&meta, &account).unwrap();
        assert!(settle(&store, &account, None).unwrap());
        fs::write(meta.join("data.mdb"), "").unwrap();
        assert!(!settle(&store, &account, None).unwrap());
    }

    #[test]
    fn root_makes_nothing_where_others_could_turn_it_on_something_else() {
        let Some((folder, account)) = world() else { return };
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        mode(&open, 0o777);
        let text = settle(&open.join("store"), &account, None).unwrap_err().to_string();
        assert!(text.contains("which others may change"), "{text}");
        mode(&open, 0o1777);
        assert!(settle(&open.join("store"), &account, None).unwrap());
        let inner = open.join("inner");
        fs::create_dir(&inner).unwrap();
        mode(&open, 0o777);
        assert!(!settle(&inner, &account, Some(folder.path())).unwrap());
    }

    #[test]
    fn root_follows_nobody_elses_configuration() {
        let Some((folder, account)) = world() else { return };
        let file = folder.path().join("config.toml");
        fs::write(&file, "").unwrap();
        assert!(check_trust(&file, None).is_ok());
        mode(&file, 0o666);
        assert!(check_trust(&file, None).unwrap_err().to_string().contains("mode 666"));
        mode(&file, 0o600);
        give(&file, &account).unwrap();
        assert!(check_trust(&file, Some(&account)).is_ok());
        let text = check_trust(&file, None).unwrap_err().to_string();
        assert!(text.contains("belongs to 4711") && text.contains("chown root"), "{text}");
    }

    #[test]
    fn users_that_cannot_be_are_refused() {
        let refusal = |name: &str| {
            let config = Config::from_str(&format!("base.user = {name:?}")).unwrap();
            configured(&config).unwrap_err().to_string()
        };
        assert!(refusal("no-such-user").contains("useradd --system no-such-user"));
        assert!(refusal("root").contains("needs no root"));
        assert_eq!(configured(&Config::from_str("").unwrap()).unwrap(), None);
    }
}
