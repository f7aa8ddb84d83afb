//! From a recipient's address to the account that stores the mail.

use crate::address::{split_address, split_subaddress};
use crate::contract::{Directory, DirectoryError};
use crate::model::{Delivery, Standing, User, standing};

/// What the directory says of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// Mail is stored for this user.
    Accept {
        /// The user.
        user: Box<User>,
        /// The folder of a sub-address `user+folder`, as the sender wrote it; to be used only if a
        /// mailbox of that name exists.
        folder: Option<String>,
    },
    /// The sender shall try again later.
    Defer(Standing),
    /// The user's mail is in a partition that this server does not have (`mailMessageStore`).
    OtherPartition {
        /// The user.
        user: Box<User>,
        /// The partition.
        partition: String,
    },
    /// The account takes no mail any more.
    Refuse(Standing),
    /// The domain is ours, the user unknown.
    UnknownUser,
    /// The domain is not ours, or the address has none.
    UnknownDomain,
}

/// Finds the recipient of `address`. An address that exists as written wins over its reading as a
/// sub-address, so an alternate address may hold a `+`.
pub fn resolve_recipient(
    directory: &dyn Directory,
    address: &str,
) -> Result<Recipient, DirectoryError> {
    let Some((local, domain_name)) = split_address(address) else {
        return Ok(Recipient::UnknownDomain);
    };
    let Some((user, folder)) = find(directory, local, domain_name)? else {
        let known = directory.domain(domain_name)?.is_some();
        return Ok(if known { Recipient::UnknownUser } else { Recipient::UnknownDomain });
    };
    // The user's own domain decides, not the address's: an alternate address may lie in another one.
    let Some(domain) = directory.domain(&user.domain)? else {
        return Ok(Recipient::UnknownDomain);
    };
    let standing = standing(&domain, &user);
    Ok(match standing.status.delivery() {
        Delivery::Accept => accepted(user, folder),
        Delivery::Defer => Recipient::Defer(standing),
        Delivery::Refuse => Recipient::Refuse(standing),
    })
}

fn accepted(user: User, folder: Option<String>) -> Recipient {
    let partition = user.other_partition().map(str::to_owned);
    let user = Box::new(user);
    match partition {
        None => Recipient::Accept { user, folder },
        Some(partition) => Recipient::OtherPartition { user, partition },
    }
}

fn find(
    directory: &dyn Directory,
    local: &str,
    domain: &str,
) -> Result<Option<(User, Option<String>)>, DirectoryError> {
    if let Some(user) = directory.resolve_address(local, domain)? {
        return Ok(Some((user, None)));
    }
    let (base, folder) = split_subaddress(local);
    if base == local {
        return Ok(None);
    }
    let user = directory.resolve_address(base, domain)?;
    Ok(user.map(|user| (user, folder.map(str::to_owned))))
}
