//! Finding the owner of a certificate, and the certificates that an entry holds.

use crate::connection::{Request, Search};
use crate::engine::{Engine, found};
use crate::entry::{Entry, USER_ATTRIBUTES};
use ldap3::Scope;
use waypost_directory::{DirectoryError, Found};
use waypost_ldap_filter::{DistinguishedName, Filter, SearchBase};

/// Where entries hold certificates (RFC 4523 section 4.1); servers that are older leave the option out.
const CERTIFICATES: [&str; 2] = ["userCertificate;binary", "userCertificate"];

/// `referral` and `invalidDNSyntax`: no entry of this server can have such a name.
const NOT_HERE: [u32; 2] = [10, 34];

impl Engine {
    /// The one entry that fits a filter within a part of the tree. Where entries are named is up to the server,
    /// so a name that it does not understand names nobody.
    pub(crate) async fn find_one(
        &self,
        base: &SearchBase,
        filter: Filter,
        named: usize,
    ) -> Result<Found, DirectoryError> {
        let most = i32::try_from(named.max(2)).unwrap_or(i32::MAX);
        let mut entries = match base {
            SearchBase::Tree => {
                let base = &self.config.base_dn;
                self.search(base, Scope::Subtree, filter, &USER_ATTRIBUTES, most).await?
            }
            SearchBase::Below(name) => {
                self.search_below(name, Scope::Subtree, filter, most).await?
            }
            SearchBase::Entry(name) => self.search_below(name, Scope::Base, filter, most).await?,
        };
        if entries.len() > 1 {
            return Ok(Found::Several(entries.into_iter().map(|entry| entry.dn).collect()));
        }
        let Some(entry) = entries.pop() else { return Ok(Found::Nobody) };
        match self.owner(&entry, None).await {
            Ok(Some(user)) => Ok(Found::User(Box::new(user))),
            Ok(None) | Err(DirectoryError::Damaged { .. }) => Ok(Found::NoUser(entry.dn)),
            Err(unavailable) => Err(unavailable),
        }
    }

    /// Entries below a name that no administrator has chosen: one that cannot be here is the name of nothing.
    async fn search_below(
        &self,
        base: &DistinguishedName,
        scope: Scope,
        filter: Filter,
        limit: i32,
    ) -> Result<Vec<Entry>, DirectoryError> {
        let attributes = USER_ATTRIBUTES.to_vec();
        let search = Search { base: base.to_string(), scope, filter, attributes, limit };
        let answer = self.searches.ask(&Request::Search(search)).await?;
        if NOT_HERE.contains(&answer.result.rc) { Ok(Vec::new()) } else { found(answer) }
    }

    /// Whether an entry holds a certificate, byte for byte.
    pub(crate) async fn holds_certificate(
        &self,
        entry: &str,
        der: &[u8],
    ) -> Result<bool, DirectoryError> {
        let entry = self.read(entry, &CERTIFICATES).await?;
        let holds = |name: &&str| entry.as_ref().is_some_and(|entry| entry.holds(name, der));
        Ok(CERTIFICATES.iter().any(holds))
    }
}
