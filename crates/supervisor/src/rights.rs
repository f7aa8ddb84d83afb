//! The rights of the processes: whose user they are, and which of root's privileges they keep.
//!
//! The watcher keeps one, to open ports below 1024, and hands it to nobody: it is in no set that a
//! started program inherits. The other processes have none, and refuse to run with one. Everything here
//! concerns the calling thread and those it starts later, so it is done while there is only one.

use nix::unistd::{Gid, Uid, User, getgrouplist, getresgid, getresuid};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_ambient_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_keep_capabilities, set_no_new_privs,
};
use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;

/// All that the watcher keeps.
const WATCHER: CapabilitySet = CapabilitySet::NET_BIND_SERVICE;
/// Privileges that any kernel may know: one bit each.
const BITS: u32 = u64::BITS;

/// A user of the system, with its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name; the number where it has none.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its own group.
    pub gid: u32,
}

impl Account {
    /// The user of that name; `None` when the system does not know it.
    ///
    /// # Errors
    /// When the system's list of users cannot be read.
    pub fn named(name: &str) -> io::Result<Option<Self>> {
        Ok(User::from_name(name)?.map(Self::from))
    }

    /// The user of that number, with this group when the system does not know it.
    pub fn numbered(uid: u32, gid: u32) -> Self {
        let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        known.map_or_else(|| Self { name: uid.to_string(), uid, gid }, Self::from)
    }

    /// Becomes this user, with its groups and none of those of before.
    fn assume(&self) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let groups = match CString::new(self.name.as_str()) {
            Ok(name) => getgrouplist(&name, gid)?,
            Err(_) => vec![gid],
        };
        nix::unistd::setgroups(&groups)?;
        nix::unistd::setresgid(gid, gid, gid)?;
        nix::unistd::setresuid(uid, uid, uid)?;
        Ok(())
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }
    }
}

/// What a tool needs of root's privileges after it has become the server's user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolRights {
    /// Nothing: it touches what is the server's.
    None,
    /// To read the files that it was told to.
    ReadFiles,
    /// To read and write the files that it was told to, and to keep the owners of what it copies.
    WriteFiles,
}

impl ToolRights {
    const fn set(self) -> CapabilitySet {
        match self {
            Self::None => CapabilitySet::empty(),
            Self::ReadFiles => CapabilitySet::DAC_READ_SEARCH,
            Self::WriteFiles => CapabilitySet::DAC_READ_SEARCH
                .union(CapabilitySet::DAC_OVERRIDE)
                .union(CapabilitySet::CHOWN)
                .union(CapabilitySet::FOWNER),
        }
    }
}

/// Gives up every privilege but the watcher's, and becomes `account`, which only root can. Privileges
/// that were never there are not missed: an unprivileged watcher opens no port below 1024.
///
/// # Errors
/// When the system refuses a step; the process must not go on then.
pub fn settle_watcher(account: Option<&Account>) -> io::Result<()> {
    settle(account, WATCHER)
}

/// Makes a tool that root has started the server's user, so that what it makes is the server's.
///
/// # Errors
/// When the system refuses a step; the tool must not go on then.
pub fn settle_tool(account: &Account, rights: ToolRights) -> io::Result<()> {
    settle(Some(account), rights.set())
}

fn settle(account: Option<&Account>, keep: CapabilitySet) -> io::Result<()> {
    empty_bounding_set()?;
    if let Some(account) = account.filter(|account| account.uid != geteuid().as_raw()) {
        set_keep_capabilities(true)?;
        account.assume()?;
        set_keep_capabilities(false)?;
    }
    let kept = capabilities(None)?.permitted.intersection(keep);
    clear_ambient_capability_set()?;
    set_capabilities(None, only(kept))?;
    Ok(set_no_new_privs(true)?)
}

/// What is kept is for this program alone.
const fn only(kept: CapabilitySet) -> CapabilitySets {
    CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() }
}

/// No program that is started from here can gain a privilege by being started, not even as root. Who may
/// not empty the set is not root, or a root of so little power that the set has nothing.
fn empty_bounding_set() -> io::Result<()> {
    for bit in 0..BITS {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        match remove_capability_from_bounding_set(one) {
            Ok(()) => {}
            // Beyond what this kernel knows.
            Err(Errno::INVAL) => break,
            Err(Errno::PERM) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Why a process must not serve.
#[derive(Debug)]
pub enum RightsError {
    /// It still has a privilege.
    Privileged(CapabilitySets),
    /// It is not the user that its watcher is.
    OtherUser {
        /// Its real, effective and saved user.
        own: [u32; 3],
        /// Its watcher's.
        watcher: u32,
    },
    /// The system refused to tell or to change the rights.
    Io(io::Error),
}

impl fmt::Display for RightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Privileged(sets) => write!(
                f,
                "this process cannot give up its privileges (effective {:x}, permitted {:x}, \
                 inheritable {:x}); start the server without them",
                sets.effective.bits(),
                sets.permitted.bits(),
                sets.inheritable.bits()
            ),
            Self::OtherUser { own, watcher } => {
                write!(f, "this process runs as user {own:?}, its watcher as {watcher}")
            }
            Self::Io(error) => write!(f, "the rights of this process: {error}"),
        }
    }
}

impl std::error::Error for RightsError {}

impl From<io::Error> for RightsError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Gives up every privilege of a process that the watcher at the other end of `link` has started, and
/// makes sure of it.
///
/// # Errors
/// When a privilege is left, or the process is another user than its watcher.
pub fn renounce_rights(link: &UnixStream) -> Result<(), RightsError> {
    let io = |error: Errno| RightsError::Io(error.into());
    set_no_new_privs(true).map_err(io)?;
    clear_ambient_capability_set().map_err(io)?;
    set_capabilities(None, only(CapabilitySet::empty())).map_err(io)?;
    let sets = capabilities(None).map_err(io)?;
    if sets != only(CapabilitySet::empty()) || has_ambient().map_err(io)? {
        return Err(RightsError::Privileged(sets));
    }
    check_user(link)
}

fn has_ambient() -> Result<bool, Errno> {
    for bit in 0..BITS {
        match capability_is_in_ambient_set(CapabilitySet::from_bits_retain(1 << bit)) {
            Ok(false) => {}
            Ok(true) => return Ok(true),
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// The system notes who made a pair of sockets, and the watcher made this one.
fn check_user(link: &UnixStream) -> Result<(), RightsError> {
    let watcher = socket_peercred(link).map_err(|error| RightsError::Io(error.into()))?;
    let users = getresuid().map_err(io::Error::from)?;
    let groups = getresgid().map_err(io::Error::from)?;
    let own = [users.real, users.effective, users.saved].map(Uid::as_raw);
    let group = [groups.real, groups.effective, groups.saved].map(Gid::as_raw);
    let is_watchers = own.iter().all(|uid| *uid == watcher.uid.as_raw())
        && group.iter().all(|gid| *gid == watcher.gid.as_raw());
    let refusal = RightsError::OtherUser { own, watcher: watcher.uid.as_raw() };
    is_watchers.then_some(()).ok_or(refusal)
}

/// What an administrator should know of the rights of this watcher.
pub(crate) fn warning() -> Option<&'static str> {
    geteuid().is_root().then_some(
        "the server runs as root; `make install` makes a user for it, or name one that owns its folders with \
         base.user (docs/install.md)",
    )
}

/// Whether this process may open ports below 1024.
pub(crate) fn may_open_low_ports() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(WATCHER))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let root = Account::named("root").unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(Account::named("no-such-user").unwrap(), None);
        assert_eq!(Account::numbered(0, 7), root);
        let unknown = Account::numbered(3_999_999_999, 7);
        assert_eq!((unknown.name.as_str(), unknown.gid), ("3999999999", 7));
    }

    #[test]
    fn a_thread_without_privileges_passes_the_check_and_its_starter_keeps_its_own() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let before = capabilities(None).unwrap();
        std::thread::spawn(move || renounce_rights(&theirs).unwrap()).join().unwrap();
        assert_eq!(capabilities(None).unwrap(), before);
        drop(ours);
    }

    #[test]
    fn the_watchers_privilege_is_not_handed_on() {
        let settled = std::thread::spawn(|| {
            settle_watcher(None).unwrap();
            (capabilities(None).unwrap(), has_ambient().unwrap(), may_open_low_ports())
        });
        let (sets, ambient, low) = settled.join().unwrap();
        assert!(WATCHER.contains(sets.permitted) && sets.inheritable.is_empty() && !ambient);
        assert_eq!(low, sets.effective == WATCHER);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let error = RightsError::Privileged(only(WATCHER)).to_string();
        assert!(error.contains("effective 400") && error.contains("permitted 400"), "{error}");
        let error = RightsError::OtherUser { own: [0, 7, 0], watcher: 7 }.to_string();
        assert!(error.contains("[0, 7, 0]") && error.contains("watcher as 7"), "{error}");
    }
}
