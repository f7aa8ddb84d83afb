//! `waypost quota`: what users have stored, and what they may.

use super::{block_on, find_user, open_store};
use crate::cli::QuotaArguments;
use crate::failure::{Context, Failure};
use crate::output::{progress, tell};
use crate::{ownership, settings};
use std::path::Path;
use waypost_directory::{Directory, DirectoryError, User};
use waypost_ldap_filter::{Filter, Relation};
use waypost_options::{BASE_DEFAULTDOMAIN, Config};
use waypost_store::Account;
use waypost_supervisor::ToolRights;
use waypost_types::{AccountName, QuotaLimits, Usage};

/// One line of the list.
struct Line {
    account: String,
    used: Usage,
    limits: QuotaLimits,
    note: &'static str,
}

/// Lists the users that are asked for.
pub(crate) fn run(file: &Path, arguments: &QuotaArguments) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::None)?;
    let lines = if arguments.users.is_empty() {
        everybody(&config, arguments.domain.as_deref())?
    } else {
        named(&config, &arguments.users)?
    };
    let least = arguments.above.unwrap_or(0);
    tell(format_args!(
        "{:>15} {:>15} {:>5} {:>10} {:>10} {:>5}  user",
        "bytes", "quota", "%", "messages", "quota", "%"
    ));
    for line in lines.iter().filter(|line| line.greatest_share() >= least) {
        tell(format_args!("{}", line.text()));
    }
    if !settings::quota(&config).enforced {
        progress(format_args!("quotas are not enforced: store.quotaenforcement is 0"));
    }
    Ok(())
}

fn named(config: &Config, users: &[String]) -> Result<Vec<Line>, Failure> {
    let users = users.iter().map(|user| find_user(config, user).map(|(user, _)| user));
    let users = users.collect::<Result<Vec<User>, _>>()?;
    let rules = settings::quota(config);
    let mut lines = Vec::with_capacity(users.len());
    for user in users {
        let used = usage(config, &user.account)?;
        let (account, limits) = (user.account.to_string(), rules.limits(user.quota));
        lines.push(Line { account, used, limits, note: "" });
    }
    Ok(lines)
}

/// Who has no mail yet has used nothing.
fn usage(config: &Config, account: &AccountName) -> Result<Usage, Failure> {
    block_on(async {
        let access = open_store(config).await?;
        let snapshot = access.store().snapshot().context("the store")?;
        let found = snapshot.account(account).context("the store")?;
        Ok(found.map_or_else(Usage::default, |found| found.usage))
    })
}

fn everybody(config: &Config, domain: Option<&str>) -> Result<Vec<Line>, Failure> {
    let accounts: Vec<Account> = block_on(async {
        let access = open_store(config).await?;
        let snapshot = access.store().snapshot().context("the store")?;
        snapshot.accounts().context("the store")
    })?;
    let directory = settings::directory(config)?;
    let default = config.read(&BASE_DEFAULTDOMAIN).to_lowercase();
    let rules = settings::quota(config);
    let mut lines = Vec::new();
    for Account { name, usage: used, .. } in accounts {
        let (local, home) = name.as_str().rsplit_once('@').unwrap_or((name.as_str(), &default));
        if domain.is_some_and(|domain| !domain.eq_ignore_ascii_case(home)) {
            continue;
        }
        let owner = owner(&*directory, &name, local, home).map_err(Failure::new)?;
        let (limits, note) = match owner {
            Some(user) => (rules.limits(user.quota), ""),
            None => (QuotaLimits::NONE, " (not in the directory)"),
        };
        lines.push(Line { account: name.to_string(), used, limits, note });
    }
    lines.sort_by(|a, b| a.account.cmp(&b.account));
    Ok(lines)
}

/// The user whose store id an account bears; the uid may be a compound one.
fn owner(
    directory: &dyn Directory,
    account: &AccountName,
    local: &str,
    domain: &str,
) -> Result<Option<User>, DirectoryError> {
    let Some(domain) = directory.domain(domain)? else { return Ok(None) };
    let uid = match &domain.domain_uid_separator {
        Some(separator) => format!("{local}{separator}{}", domain.name),
        None => local.to_owned(),
    };
    let (attribute, value) = ("uid".to_owned(), uid.into_bytes());
    let filter = Filter::Compare { attribute, relation: Relation::Equal, value };
    let found = directory.find_users(Some(&domain), &filter, 2)?;
    Ok(found.into_iter().find(|user| user.account == *account))
}

impl Line {
    fn shares(&self) -> [Option<u64>; 2] {
        let share = |used: u64, limit: Option<u64>| {
            let limit = u128::from(limit?);
            let percent = (u128::from(used) * 100).checked_div(limit);
            // Of nothing, everything is too much.
            Some(percent.map_or(100, |percent| u64::try_from(percent).unwrap_or(u64::MAX)))
        };
        let Self { used, limits, .. } = self;
        [share(used.bytes, limits.bytes), share(used.messages, limits.messages)]
    }

    fn greatest_share(&self) -> u64 {
        self.shares().into_iter().flatten().max().unwrap_or(0)
    }

    fn text(&self) -> String {
        let shown = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let Self { account, used, limits, note } = self;
        let [bytes, messages] = self.shares();
        format!(
            "{:>15} {:>15} {:>5} {:>10} {:>10} {:>5}  {account}{note}",
            used.bytes,
            shown(limits.bytes),
            shown(bytes),
            used.messages,
            shown(limits.messages),
            shown(messages)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_quota() {
        let line = |bytes, limit| Line {
            account: "a".to_owned(),
            used: Usage { bytes, messages: 3 },
            limits: QuotaLimits { bytes: limit, messages: None },
            note: "",
        };
        assert_eq!(line(90, Some(100)).shares(), [Some(90), None]);
        assert_eq!(line(u64::MAX, Some(1)).greatest_share(), u64::MAX);
        assert_eq!(line(0, Some(0)).greatest_share(), 100);
        assert_eq!(line(5, None).greatest_share(), 0);
        let text = line(90, Some(100)).text();
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words, ["90", "100", "90", "3", "-", "-", "a"]);
    }
}
